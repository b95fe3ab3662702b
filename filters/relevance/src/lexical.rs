//! Tier 1: BM25 over stemmed words. Exact names, error codes and rare words, which an encoder blurs, count here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

/// Saturation of repeated words and weight of the record's length: the usual values.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// How much one word can say for or against belonging to chosen records, as a logarithm of odds.
const TELLING_MIN: f64 = -1.0;
const TELLING_MAX: f64 = 3.0;
/// Added to counts of records, so that a word seen once does not decide.
const SMOOTHING: f64 = 0.3;
/// Added to the number of words, so that a record of one telling word does not win.
const LENGTH_PRIOR: f64 = 4.0;

/// Words that say nothing about a subject.
static STOP: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split_ascii_whitespace().collect());
const STOP_WORDS: &str = " a an the of to in on for and or is are was were be been am i you he she it we they me my your his \
    her its our their this that these those with at by from as not no so do does did have has had can could will would \
    should what when where who why how all any some if then than but about into out up down over just also there here \
    which them us ";

/// Stemmed words of a record collection, ready to be asked.
pub struct Lexical {
    stemmer: Stemmer,
    /// Word counts per record.
    counts: Vec<BTreeMap<String, f64>>,
    lengths: Vec<f64>,
    records_with: HashMap<String, f64>,
    mean_length: f64,
}

impl Lexical {
    /// Reads the records' texts.
    pub fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let mut counts: Vec<BTreeMap<String, f64>> = Vec::new();
        let mut records_with: HashMap<String, f64> = HashMap::new();
        for text in texts {
            let mut words: BTreeMap<String, f64> = BTreeMap::new();
            for word in stems(&stemmer, text) {
                *words.entry(word).or_default() += 1.0;
            }
            for word in words.keys() {
                *records_with.entry(word.clone()).or_default() += 1.0;
            }
            counts.push(words);
        }
        let lengths: Vec<f64> = counts.iter().map(|words| words.values().sum()).collect();
        let mean_length = (lengths.iter().sum::<f64>() / lengths.len().max(1) as f64).max(1.0);
        Self { stemmer, counts, lengths, records_with, mean_length }
    }

    /// The BM25 score of every record for `query`, 0 where no word is shared.
    #[must_use]
    pub fn score(&self, query: &str) -> Vec<f64> {
        let wanted: HashSet<String> = stems(&self.stemmer, query).collect();
        let mut wanted: Vec<String> = wanted.into_iter().collect();
        wanted.sort_unstable();
        let of = |(words, length): (&BTreeMap<String, f64>, &f64)| {
            let norm = K1 * (1.0 - B + B * length / self.mean_length);
            let word = |word: &String| words.get(word).map(|n| self.rarity(word) * n * (K1 + 1.0) / (n + norm));
            wanted.iter().filter_map(word).sum()
        };
        self.counts.iter().zip(&self.lengths).map(of).collect()
    }

    /// The largest share of the words of `query` that one record has.
    #[must_use]
    pub fn best_coverage(&self, query: &str) -> f64 {
        let wanted: HashSet<String> = stems(&self.stemmer, query).collect();
        let shared = |words: &BTreeMap<String, f64>| wanted.iter().filter(|word| words.contains_key(*word)).count();
        let most = self.counts.iter().map(shared).max().unwrap_or_default();
        most as f64 / wanted.len().max(1) as f64
    }

    /// How much the words of every record are those of the `chosen` ones: for each of its words the logarithm of how much
    /// more often it is in a chosen record than in any, damped by the record's length. 0 where nothing tells.
    #[must_use]
    pub fn likeness(&self, chosen: &[usize]) -> Vec<f64> {
        let mut among: HashMap<&str, f64> = HashMap::new();
        for word in chosen.iter().filter_map(|index| self.counts.get(*index)).flat_map(BTreeMap::keys) {
            *among.entry(word).or_default() += 1.0;
        }
        let share = chosen.len() as f64 / self.counts.len().max(1) as f64;
        let telling = |word: &String| {
            let all = self.records_with.get(word).copied().unwrap_or_default();
            let chosen = among.get(word.as_str()).copied().unwrap_or_default();
            ((chosen + SMOOTHING) / (all * share + SMOOTHING)).ln().clamp(TELLING_MIN, TELLING_MAX)
        };
        let of = |words: &BTreeMap<String, f64>| {
            words.keys().map(telling).sum::<f64>() / (words.len() as f64 + LENGTH_PRIOR).sqrt()
        };
        self.counts.iter().map(of).collect()
    }

    fn rarity(&self, word: &str) -> f64 {
        let all = self.counts.len() as f64;
        let with = self.records_with.get(word).copied().unwrap_or_default();
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }
}

fn stems<'a>(stemmer: &'a Stemmer, text: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !STOP.contains(word.as_str()))
        .map(|word| stemmer.stem(&word).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, texts: &[&str], best: usize) {
        let scores = Lexical::new(texts.iter().copied()).score(query);
        let found = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        assert_eq!(found, Some(best), "{scores:?}");
    }

    #[test]
    fn inflected_words_match() {
        check("vulnerabilities", &["lunch at noon", "a vulnerability was reported", "all green"], 1);
    }

    #[test]
    fn rare_words_count_more_than_common_ones() {
        check("build CVE-2026", &["the build", "build again", "CVE-2026 found", "build three"], 2);
    }

    #[test]
    fn records_that_speak_like_the_chosen_ones_are_alike() {
        let texts = ["phishing mail reported", "lunch at noon", "another phishing mail", "build is green"];
        let likeness = Lexical::new(texts.into_iter()).likeness(&[0]);
        assert!(likeness[2] > likeness[1] && likeness[2] > likeness[3], "{likeness:?}");
        assert!(Lexical::new(texts.into_iter()).likeness(&[]).iter().all(|score| score.is_finite()));
    }

    #[test]
    fn coverage_is_the_share_of_the_query_in_one_record() {
        let lexical = Lexical::new(["a phishing simulation", "the lattice"].into_iter());
        assert!((lexical.best_coverage("quantum lattice simulations of phishing") - 0.5).abs() < 1e-9);
        assert!(lexical.best_coverage("the of").abs() < 1e-9);
    }

    #[test]
    fn stop_words_and_strangers_score_nothing() {
        let scores = Lexical::new(["the and of", "nothing here"].into_iter()).score("the of zebra");
        assert_eq!(scores, [0.0, 0.0]);
    }
}

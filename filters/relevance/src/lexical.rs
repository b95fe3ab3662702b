//! Tier 1, words: BM25 over stems. Exact names, error codes and rare words, which an encoder blurs, count here.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::words::{StemId, WordId, Words};

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

/// Which stems a collection of records has where, ready to be asked.
pub struct Lexical {
    /// Of every record its distinct stems.
    stems: Vec<Vec<StemId>>,
    lengths: Vec<f64>,
    /// Of every stem the records that have it, and how often.
    postings: Vec<Vec<(usize, f64)>>,
    mean_length: f64,
}

impl Lexical {
    /// Looks at records whose words were read into `words`.
    #[must_use]
    pub fn new(words: &Words<'_>, records: &[Vec<WordId>]) -> Self {
        let mut postings: Vec<Vec<(usize, f64)>> = vec![Vec::new(); words.stems()];
        let mut stems = Vec::with_capacity(records.len());
        let mut lengths = Vec::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            let mut counts: BTreeMap<StemId, f64> = BTreeMap::new();
            for stem in stems_of(words, record) {
                *counts.entry(stem).or_default() += 1.0;
            }
            lengths.push(counts.values().sum());
            for (stem, count) in &counts {
                if let Some(posting) = postings.get_mut(*stem as usize) {
                    posting.push((index, *count));
                }
            }
            stems.push(counts.into_keys().collect());
        }
        let mean_length = (lengths.iter().sum::<f64>() / lengths.len().max(1) as f64).max(1.0);
        Self { stems, lengths, postings, mean_length }
    }

    /// The BM25 score of every record for a query whose words were read into the same `words`; 0 where none is shared.
    #[must_use]
    pub fn score(&self, words: &Words<'_>, query: &[WordId]) -> Vec<f64> {
        let mut scores = vec![0.0; self.stems.len()];
        for stem in distinct(words, query) {
            let posting = self.posting(stem);
            let all = self.stems.len() as f64;
            let with = posting.len() as f64;
            let rarity = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
            for (record, count) in posting {
                let length = self.lengths.get(*record).copied().unwrap_or_default();
                let norm = K1 * (1.0 - B + B * length / self.mean_length);
                if let Some(score) = scores.get_mut(*record) {
                    *score += rarity * count * (K1 + 1.0) / (count + norm);
                }
            }
        }
        scores
    }

    /// Of every record the share of the query's stems that it has.
    #[must_use]
    pub fn coverage(&self, words: &Words<'_>, query: &[WordId]) -> Vec<f64> {
        let wanted = distinct(words, query);
        let mut shared = vec![0.0; self.stems.len()];
        for (record, _) in wanted.iter().flat_map(|stem| self.posting(*stem)) {
            if let Some(count) = shared.get_mut(*record) {
                *count += 1.0 / wanted.len() as f64;
            }
        }
        shared
    }

    /// How much the words of every record are those of the `chosen` ones: for each of its words the logarithm of how much
    /// more often it is in a chosen record than in any, damped by the record's length. 0 where nothing tells.
    #[must_use]
    pub fn likeness(&self, chosen: &[usize]) -> Vec<f64> {
        let mut among: HashMap<StemId, f64> = HashMap::new();
        for stem in chosen.iter().filter_map(|index| self.stems.get(*index)).flatten() {
            *among.entry(*stem).or_default() += 1.0;
        }
        let share = chosen.len() as f64 / self.stems.len().max(1) as f64;
        let telling: Vec<f64> = (0_u32..)
            .zip(&self.postings)
            .map(|(stem, posting)| {
                let chosen = among.get(&stem).copied().unwrap_or_default();
                let expected = posting.len() as f64 * share;
                ((chosen + SMOOTHING) / (expected + SMOOTHING)).ln().clamp(TELLING_MIN, TELLING_MAX)
            })
            .collect();
        let of = |stems: &Vec<StemId>| {
            let said: f64 = stems.iter().filter_map(|stem| telling.get(*stem as usize)).sum();
            said / (stems.len() as f64 + LENGTH_PRIOR).sqrt()
        };
        self.stems.iter().map(of).collect()
    }

    /// A stem that came with the query alone is in no record.
    fn posting(&self, stem: StemId) -> &[(usize, f64)] {
        self.postings.get(stem as usize).map_or(&[], Vec::as_slice)
    }
}

fn stems_of<'a>(words: &'a Words<'_>, read: &'a [WordId]) -> impl Iterator<Item = StemId> + 'a {
    read.iter().filter_map(|id| words.word(*id)?.stem)
}

/// The stems of a query, each once, in an order that does not depend on chance.
fn distinct(words: &Words<'_>, query: &[WordId]) -> Vec<StemId> {
    let mut seen = HashSet::new();
    stems_of(words, query).filter(|stem| seen.insert(*stem)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statics::Table;

    fn read(texts: &[&str], query: &str) -> (Words<'static>, Lexical, Vec<WordId>) {
        let mut words = Words::new(Table::shipped().pieces());
        let records: Vec<Vec<WordId>> = texts.iter().map(|text| words.read(text)).collect();
        let lexical = Lexical::new(&words, &records);
        let query = words.read(query);
        (words, lexical, query)
    }

    fn check(query: &str, texts: &[&str], best: usize) {
        let (words, lexical, query) = read(texts, query);
        let scores = lexical.score(&words, &query);
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
        let (_, lexical, _) = read(&texts, "");
        let likeness = lexical.likeness(&[0]);
        assert!(likeness[2] > likeness[1] && likeness[2] > likeness[3], "{likeness:?}");
        assert!(lexical.likeness(&[]).iter().all(|score| score.is_finite()));
    }

    #[test]
    fn coverage_is_the_share_of_the_query_in_a_record() {
        let texts = ["a phishing simulation", "the lattice", "lunch"];
        let (words, lexical, query) = read(&texts, "quantum lattice simulations of phishing");
        assert_eq!(lexical.coverage(&words, &query), [0.5, 0.25, 0.0]);
        let (words, lexical, query) = read(&texts, "the of");
        assert_eq!(lexical.coverage(&words, &query), [0.0; 3]);
    }

    #[test]
    fn stop_words_and_strangers_score_nothing() {
        let (words, lexical, query) = read(&["the and of", "nothing here"], "the of zebra");
        assert_eq!(lexical.score(&words, &query), [0.0, 0.0]);
    }
}

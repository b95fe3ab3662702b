//! Ranking texts by words: BM25 over their stems. A word that stands nowhere stands for the words that begin with it, else for the
//! one it is closest to.

use crate::suggest;
use bm25::{EmbedderBuilder, Scorer, Tokenizer};
use rust_stemmers::{Algorithm, Stemmer};
use std::collections::{BTreeMap, BTreeSet};

/// Shortest beginning of a word that stands for it.
const BEGINNING_CHARS_MIN: usize = 3;

/// The places of the `texts` that `query` matches, the best one first.
pub(super) fn rank(query: &str, texts: &[String]) -> Vec<usize> {
    let stems = Stems(Stemmer::create(Algorithm::English));
    let corpus: Vec<&str> = texts.iter().map(String::as_str).collect();
    let query = stems.known(query, &corpus);
    if query.is_empty() {
        return Vec::new();
    }
    let embedder = EmbedderBuilder::<u32, Stems>::with_tokenizer_and_fit_to_corpus(stems, &corpus).build();
    let mut scorer = Scorer::<usize, u32>::new();
    corpus.iter().enumerate().for_each(|(place, text)| scorer.upsert(&place, embedder.embed(text)));
    let mut matches = scorer.matches(&embedder.embed(&query));
    matches.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.id.cmp(&other.id)));
    matches.into_iter().map(|found| found.id).collect()
}

/// The words of a text as they are compared.
struct Stems(Stemmer);

impl Tokenizer for Stems {
    fn tokenize(&self, text: &str) -> Vec<String> {
        words(text).map(|word| self.0.stem(&word).into_owned()).collect()
    }
}

impl Stems {
    /// `query` in words that stand in the corpus.
    fn known(&self, query: &str, corpus: &[&str]) -> String {
        let mut by_stem: BTreeMap<String, String> = BTreeMap::new();
        for word in corpus.iter().flat_map(|text| words(text)) {
            by_stem.entry(self.0.stem(&word).into_owned()).or_insert(word);
        }
        let all: BTreeSet<&str> = by_stem.values().map(String::as_str).collect();
        let meant = |word: String| -> Vec<String> {
            if by_stem.contains_key(self.0.stem(&word).as_ref()) {
                return vec![word];
            }
            let long = word.chars().count() >= BEGINNING_CHARS_MIN;
            let begun: Vec<String> =
                all.iter().filter(|known| long && known.starts_with(&word)).map(|known| (*known).to_owned()).collect();
            match begun.is_empty() {
                false => begun,
                true => suggest::closest(&word, all.iter().copied()).map(str::to_owned).into_iter().collect(),
            }
        };
        words(query).flat_map(meant).collect::<Vec<_>>().join(" ")
    }
}

/// The words of a text in small letters: also those of a name in camels or with underscores.
fn words(text: &str) -> impl Iterator<Item = String> + use<> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut before_is_small = false;
    for c in text.chars() {
        let begins = !c.is_alphanumeric() || (c.is_uppercase() && before_is_small);
        if begins && !word.is_empty() {
            found.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before_is_small = c.is_lowercase() || c.is_numeric();
    }
    found.extend((!word.is_empty()).then_some(word));
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOLS: [&str; 5] = [
        "slack_search_messages Searches the messages of the workspace",
        "jira_createIssue Creates an issue in a project",
        "slack_channels_list Lists the channels, public and private",
        "jira_search Searches issues by JQL",
        "time_now Tells what time it is",
    ];

    fn check(query: &str, expected: &[usize]) {
        let texts: Vec<String> = TOOLS.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(rank(query, &texts), expected, "{query}");
    }

    #[test]
    fn the_best_match_comes_first_and_what_does_not_match_not_at_all() {
        check("search messages", &[0, 3]);
        check("searching", &[3, 0]);
        check("create issue", &[1, 3]);
        check("weather", &[]);
        check("", &[]);
        check("…", &[]);
    }

    #[test]
    fn a_word_may_be_begun_or_misspelt() {
        check("chan", &[2]);
        check("mesage", &[0]);
        check("zz", &[]);
    }
}

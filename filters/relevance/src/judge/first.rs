//! The first tier: all records by their words and the static table.

use crate::encoder::Embedding;
use crate::intent::Intent;
use crate::lexical::Lexical;
use crate::score::{self, Evidence, Queries, View};
use crate::segment::Record;
use crate::statics::Table;
use crate::words::{WordId, Words};

/// A match in who and where counts this much of one in what.
const ASIDE_WEIGHT: f64 = 0.5;

/// What the first tier knows.
pub(super) struct First<'a> {
    /// Records and intent by the static table.
    pub(super) view: View,
    /// Its scores.
    pub(super) scores: Vec<f64>,
    /// The largest share of the intent's words that one record has.
    pub(super) coverage: f64,
    words: Vec<f64>,
    lexical: Lexical,
    threads: Vec<Option<&'a str>>,
}

impl<'a> First<'a> {
    pub(super) fn new(records: &'a [Record], intent: &Intent) -> Self {
        let table = Table::shipped();
        let mut words = Words::new(table.pieces());
        let said: Vec<Vec<WordId>> = records.iter().map(|record| words.read(&record.spoken.text)).collect();
        let aside: Vec<Vec<WordId>> = records.iter().map(|record| words.read(&record.spoken.aside)).collect();
        let [raw, cleaned] = [&intent.raw, &intent.cleaned].map(|text| words.read(text));
        let facets: Vec<Vec<WordId>> = intent.facets.iter().map(|facet| words.read(facet)).collect();

        let vectors = table.of_words(&words);
        let vector = |read: &Vec<WordId>| Embedding::from(vectors.embed(read));
        let queries =
            Queries { raw: vector(&raw), cleaned: vector(&cleaned), facets: facets.iter().map(vector).collect() };
        let of_record = |read: &Vec<WordId>| (!read.is_empty()).then(|| vector(read));
        let view = View { queries, records: said.iter().map(of_record).collect() };

        let (lexical, asides) = (Lexical::new(&words, &said), Lexical::new(&words, &aside));
        let mut shared = lexical.score(&words, &cleaned);
        shared.iter_mut().zip(asides.score(&words, &cleaned)).for_each(|(score, aside)| *score += ASIDE_WEIGHT * aside);
        let coverage = [&lexical, &asides].into_iter().flat_map(|words_of| words_of.coverage(&words, &cleaned));
        let coverage = coverage.fold(0.0, f64::max);
        let threads = records.iter().map(|record| record.spoken.thread.as_deref()).collect();
        let mut first = Self { view, scores: Vec::new(), coverage, words: shared, lexical, threads };
        first.scores = score::first(&first.view, &first.evidence());
        first
    }

    /// What is known of the records besides their meaning.
    pub(super) fn evidence(&self) -> Evidence<'_> {
        Evidence { words: &self.words, lexical: &self.lexical, threads: &self.threads }
    }
}

//! Makes a static table from an encoder, in the style of Model2Vec and one step further: the vectors of the pieces are
//! fitted so that their sum over a sentence points where the encoder's embedding of the sentence does.
//!
//! Needs sentences of any kind, some hundred thousand for the table inside the program; their words are not kept, only one
//! vector for each piece of the encoder's vocabulary. Not on the path of any request.

mod fit;
mod project;
mod save;

use std::path::Path;

use crate::encoder::{Embedding, Encoder, EncoderError};
use crate::statics::Pieces;
use crate::words::Words;
use fit::{Bags, Matrix};

/// Values of a vector: of the encoder's 384 directions those in which sentences differ most.
const SIZE: usize = 256;
/// Sentences that are encoded between two reports of progress.
const CHUNK: usize = 2_048;
/// How rare a piece must be to count fully at the start (smooth inverse frequency, Arora et al. 2017).
const RARE: f64 = 1e-3;
/// Sentences below which a table would be worse than the encoder's own pieces.
const SENTENCES_MIN: usize = 1_000;

/// Why no table was made.
#[derive(Debug, thiserror::Error)]
pub enum DistillError {
    /// Too little to learn from.
    #[error("{0} sentences are too few to learn from; at least {SENTENCES_MIN} are needed, better 100,000")]
    TooFew(usize),
    /// The encoder failed.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The table cannot be written.
    #[error("the table cannot be written to `{folder}`: {reason}")]
    Unwritable {
        /// Where to.
        folder: String,
        /// The system's words.
        reason: std::io::Error,
    },
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Texts encoded so far, of how many.
    Encoded(usize, usize),
    /// Steps of the fit that are done, of how many.
    Fitted(usize, usize),
}

/// A table in full precision.
pub struct Distilled {
    pieces: Vec<String>,
    vectors: Matrix,
}

impl Distilled {
    /// Writes the table in four bits a value, with its pieces, into `folder`.
    ///
    /// # Errors
    /// [`DistillError::Unwritable`].
    pub fn save(&self, folder: &Path) -> Result<(), DistillError> {
        let unwritable = |reason| DistillError::Unwritable { folder: folder.display().to_string(), reason };
        save::save(&self.pieces, &self.vectors, folder).map_err(unwritable)
    }
}

/// Makes a table from `encoder` with `sentences`.
///
/// # Errors
/// [`DistillError::TooFew`] sentences, or the encoder's error.
pub fn distill(
    encoder: &Encoder,
    sentences: &[String],
    progress: &dyn Fn(Progress),
) -> Result<Distilled, DistillError> {
    if sentences.len() < SENTENCES_MIN {
        return Err(DistillError::TooFew(sentences.len()));
    }
    let pieces = encoder.vocabulary();
    let bare: Vec<&str> = pieces.iter().map(|piece| piece.strip_prefix("##").unwrap_or(piece)).collect();
    let texts: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let total = bare.len() + texts.len();
    let of_pieces = encode(encoder, &bare, &|done| progress(Progress::Encoded(done, total)))?;
    let of_sentences = encode(encoder, &texts, &|done| progress(Progress::Encoded(bare.len() + done, total)))?;
    let projection = project::principal(&of_sentences, SIZE);
    let wanted = project::onto(&projection, &of_sentences);

    let known = Pieces::new(&pieces.join("\n"));
    let mut words = Words::new(&known);
    let bags: Vec<Vec<u32>> = texts.iter().map(|text| bag(&mut words, text)).collect();
    let bags = Bags::new(bags, pieces.len());
    let mut start = project::onto(&projection, &of_pieces);
    start.scale_rows(&bags.rarity(RARE));
    let vectors = fit::fit(&bags, &wanted, start, &|done, of| progress(Progress::Fitted(done, of)));
    Ok(Distilled { pieces, vectors })
}

fn encode(encoder: &Encoder, texts: &[&str], done: &dyn Fn(usize)) -> Result<Vec<Embedding>, EncoderError> {
    let mut all = Vec::with_capacity(texts.len());
    for chunk in texts.chunks(CHUNK) {
        all.extend(encoder.encode_all(chunk)?);
        done(all.len());
    }
    Ok(all)
}

/// The pieces of all words of a sentence.
fn bag(words: &mut Words<'_>, text: &str) -> Vec<u32> {
    let read = words.read(text);
    read.iter().filter_map(|id| words.word(*id)).flat_map(|word| word.pieces.iter().copied()).collect()
}

#[cfg(test)]
mod tests;

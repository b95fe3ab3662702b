//! Tier 1, meaning: a vector per word piece, distilled from the encoder and shipped inside the program.
//!
//! A text's embedding is the sum of its pieces' vectors, as a unit vector: no model is run, so thousands of records take
//! milliseconds. How much a piece says is in the length of its vector. Made by [`crate::distill`].

mod pieces;

use std::path::Path;
use std::sync::LazyLock;

use half::f16;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest as _, Sha256};

pub use pieces::Pieces;

use crate::words::{WordId, Words};

/// The table inside the program, and the pieces of its rows.
const SHIPPED: &[u8] = include_bytes!("../assets/statics.safetensors");
const SHIPPED_PIECES: &str = include_str!("../assets/pieces.txt");
/// The tensors of a table's file: two values of four bits a byte, the lower one first, and what they are multiplied by.
pub(crate) const TENSORS: [&str; 2] = ["nibbles", "scales"];
/// What stands for zero in four bits.
pub(crate) const ZERO: u8 = 8;
/// The file of the pieces in a table's folder, one a line, and of the table itself.
pub(crate) const FILES: [&str; 2] = ["pieces.txt", "statics.safetensors"];

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A file of it cannot be read.
    #[error("`{file}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's words.
        reason: std::io::Error,
    },
    /// Its parts do not fit together.
    #[error("this is no static table: {0}; make one with `mcpctl model distill`")]
    Unusable(String),
}

/// A static table.
pub struct Table {
    pieces: Pieces,
    /// Values of a vector.
    size: usize,
    /// Rows of `size / 2` bytes.
    nibbles: Vec<u8>,
    scales: Vec<f32>,
}

impl Table {
    /// The table inside the program.
    ///
    /// # Panics
    /// When the program was built with a damaged table, which its tests would have found.
    #[must_use]
    pub fn shipped() -> &'static Self {
        #[expect(clippy::expect_used, reason = "a constant of the program, read by every test")]
        static TABLE: LazyLock<Table> =
            LazyLock::new(|| Table::read(SHIPPED, SHIPPED_PIECES).expect("the table inside the program is whole"));
        &TABLE
    }

    /// SHA-256 of the file inside the program: which table it is.
    #[must_use]
    pub fn shipped_digest() -> [u8; 32] {
        Sha256::digest(SHIPPED).into()
    }

    /// A table from a folder that [`crate::distill`] wrote.
    ///
    /// # Errors
    /// [`TableError`] where a file is missing or the files do not fit together.
    pub fn open(folder: &Path) -> Result<Self, TableError> {
        let [pieces, table] = FILES;
        let unreadable = |file: &str| {
            let file = folder.join(file).display().to_string();
            move |reason| TableError::Unreadable { file, reason }
        };
        let names = std::fs::read_to_string(folder.join(pieces)).map_err(unreadable(pieces))?;
        let bytes = std::fs::read(folder.join(table)).map_err(unreadable(table))?;
        Self::read(&bytes, &names)
    }

    fn read(file: &[u8], pieces: &str) -> Result<Self, TableError> {
        let unusable = |reason: &str| TableError::Unusable(reason.to_owned());
        let tensors = SafeTensors::deserialize(file).map_err(|e| TableError::Unusable(e.to_string()))?;
        let tensor = |name| tensors.tensor(name).map_err(|e| TableError::Unusable(e.to_string()));
        let [nibbles, scales] = TENSORS.map(tensor);
        let (nibbles, scales) = (nibbles?, scales?);
        let pieces = Pieces::new(pieces);
        let &[rows, bytes] = nibbles.shape() else { return Err(unusable("it has no rows")) };
        if nibbles.dtype() != Dtype::U8 || scales.dtype() != Dtype::F16 {
            return Err(unusable("its values have another type"));
        }
        if rows != pieces.len() || scales.shape() != [rows] || bytes == 0 {
            return Err(unusable("it has not one row for each piece"));
        }
        let scale = |bytes: &[u8]| <[u8; 2]>::try_from(bytes).map_or(0.0, |pair| f16::from_le_bytes(pair).to_f32());
        let scales = scales.data().chunks_exact(2).map(scale).collect();
        Ok(Self { pieces, size: bytes * 2, nibbles: nibbles.data().to_vec(), scales })
    }

    /// The pieces that have a vector.
    #[must_use]
    pub fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// Values of an embedding.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes of the table in memory, without its pieces.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.nibbles.len() + self.scales.len() * size_of::<f32>()
    }

    /// The vectors of all words of `words`, one after the other.
    #[must_use]
    pub fn of_words(&self, words: &Words<'_>) -> WordVectors {
        let mut values = vec![0.0; words.known().len() * self.size];
        for (word, vector) in words.known().iter().zip(values.chunks_exact_mut(self.size)) {
            word.pieces.iter().for_each(|piece| self.add(*piece, vector));
        }
        WordVectors { size: self.size, values }
    }

    /// The embedding of one text: a unit vector, all zero where no word of it is known.
    #[must_use]
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let mut words = Words::new(&self.pieces);
        let read = words.read(text);
        self.of_words(&words).embed(&read)
    }

    /// Adds the vector of a piece.
    fn add(&self, piece: u32, to: &mut [f32]) {
        let (row, bytes) = (piece as usize, self.size / 2);
        let (Some(scale), Some(row)) = (self.scales.get(row), self.nibbles.get(row * bytes..(row + 1) * bytes)) else {
            return;
        };
        let value = |nibble: u8| f32::from(nibble) - f32::from(ZERO);
        for (pair, byte) in to.chunks_exact_mut(2).zip(row) {
            if let [low, high] = pair {
                *low += scale * value(byte & 0x0f);
                *high += scale * value(byte >> 4);
            }
        }
    }
}

/// The vectors of a collection's words.
pub struct WordVectors {
    size: usize,
    values: Vec<f32>,
}

impl WordVectors {
    /// The embedding of a text of these words: a unit vector, all zero without a word.
    #[must_use]
    pub fn embed(&self, words: &[WordId]) -> Vec<f32> {
        let mut sum = vec![0.0; self.size];
        for word in words {
            let at = *word as usize * self.size;
            if let Some(vector) = self.values.get(at..at + self.size) {
                sum.iter_mut().zip(vector).for_each(|(total, x)| *total += x);
            }
        }
        let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        if norm > 0.0 {
            sum.iter_mut().for_each(|x| *x /= norm);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::cosine;

    fn near(one: &str, other: &str) -> f32 {
        cosine(&Table::shipped().embed(one), &Table::shipped().embed(other))
    }

    #[test]
    fn what_means_the_same_is_near_without_a_shared_word() {
        assert!(
            near("the car broke down", "my vehicle has engine trouble") > near("the car broke down", "he likes cheese")
        );
        assert!(near("parcel lost", "missing shipment") > near("parcel lost", "database schema") + 0.2);
    }

    #[test]
    fn embeddings_are_unit_vectors_and_nothing_is_zero() {
        assert!((near("firewall", "firewall") - 1.0).abs() < 1e-5);
        assert!(Table::shipped().embed("… !?").iter().all(|x| x.abs() < f32::EPSILON));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let refused = |file: &[u8], pieces: &str| Table::read(file, pieces).err().map(|error| error.to_string());
        assert!(refused(b"nonsense", "a").is_some_and(|reason| reason.contains("mcpctl model distill")));
        assert!(refused(SHIPPED, "one\ntwo").is_some_and(|reason| reason.contains("one row for each piece")));
        let missing = Table::open(Path::new("no/such/folder")).err().map(|error| error.to_string());
        assert!(missing.is_some_and(|reason| reason.contains("pieces.txt")));
    }
}

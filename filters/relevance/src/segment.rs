//! Finds the records in one text and says which bytes to cut when some are dropped.
//!
//! A segmentation never re-serialises: a rewrite is a list of cuts (and, for a pagination cursor, one move) over
//! the original bytes, so kept records stay byte for byte what the server sent and dropping nothing changes
//! nothing. A text whose records cannot be told apart with certainty has no segmentation and is never filtered.
//! [`detect`] decides what a text is; there is a module for each shape. Nothing here knows of MCP, intents or scores.

mod blocks;
mod csv;
pub mod detect;
mod diff;
mod document;
mod items;
pub(crate) mod json;
mod line;
mod lines;
mod log;
mod python;
mod remark;
mod segmented;
pub mod speaking;
pub mod splice;
mod table;
pub mod unescape;
mod yaml;

pub use detect::{Shape, segment};
pub use segmented::{Record, Segmented};

#[cfg(test)]
mod tests;

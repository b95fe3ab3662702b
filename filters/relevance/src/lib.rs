//! Local relevance filtering: a result of many records comes back with only those that matter to the caller's intent.
//!
//! In reading order: [`filter`] stands in the chain and hands a result to [`relevance`], which works on threads of
//! its own. There [`result`] finds the records ([`segment`]), [`judge`] scores them against the [`intent`]
//! ([`lexical`], [`encoder`], [`score`]) and selects ([`select`]), and [`result`] cuts the others out of the original
//! bytes. Beside the path, [`trial`] filters one text in the open and [`eval`] measures on labelled sets. The only crate
//! that knows candle. It never fetches anything: models come by `mcpctl model pull`.

pub mod encoder;
pub mod eval;
pub mod filter;
pub mod intent;
pub mod judge;
pub mod lexical;
pub mod relevance;
pub mod result;
pub mod score;
pub mod segment;
pub mod select;
mod topics;
pub mod trial;

pub use relevance::{Filtered, Options, Relevance};

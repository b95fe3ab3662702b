//! Local relevance filtering: a result of many records comes back with only those that matter to the caller's intent.
//!
//! In reading order: [`filter`] stands in the chain and hands a result to [`relevance`], which works on threads of
//! its own. There [`result`] finds the records ([`segment`]), [`judge`] scores them against the [`intent`] (first all by
//! their [`words`]: [`lexical`] and [`statics`], then the doubtful ones by the [`encoder`]; [`score`] adds it up) and
//! selects ([`select`]); where the operator named one of the [`tiers`], [`rerank`] asks it about the doubtful ones; and
//! [`result`] cuts the others out of the original bytes. Beside the path, [`trial`] filters one text in the open and
//! [`eval`] measures on labelled sets. The only crate that knows candle. It never fetches anything: models come by
//! `mcpctl model pull`, and [`distill`] makes a static table from one.

pub mod distill;
pub mod encoder;
pub mod eval;
pub mod filter;
pub mod intent;
pub mod judge;
pub mod lexical;
pub mod relevance;
pub mod rerank;
pub mod result;
pub mod score;
pub mod segment;
pub mod select;
pub mod statics;
pub mod tiers;
pub mod trial;
pub mod words;

pub use relevance::{Filtered, Options, Relevance};

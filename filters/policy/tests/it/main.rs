//! The evaluator against an independent one (Cedar), and against itself under changes that must not matter.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what must hold and stop where it does not"
)]

mod asked;
mod cedar;
mod differential;
mod metamorphic;
mod worlds;

//! What the benches measure with is itself in order. Nothing is measured here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says so by failing"
)]

#[path = "../../../tests/e2e/tests/it/built.rs"]
mod built;
mod fleet;
mod programs;
mod rounds;
mod sets;

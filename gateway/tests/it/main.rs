//! The gateway as a whole: a real listener, a real child process, both eras.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod connections;
mod eras;
mod life;
mod refusals;
mod tokens;
mod upstream;
mod world;

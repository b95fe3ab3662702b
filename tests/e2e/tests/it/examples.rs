//! The three examples of the documentation, as somebody would do them: each is set up by commands, its prompt is given to
//! Claude Code and to Codex, whose models follow a script, and what came of it is counted against labels. Where neither
//! client is installed, the official Rust client makes the same calls, and the same claims are checked.

mod data_pipelines;
mod documentation;
pub(crate) mod example;
mod figures;
mod played;
mod truth;
mod weekly_reports;

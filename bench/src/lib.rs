//! What the benches share. The benches are in `benches/`: what it costs to pass through the filters. [`fleet`] is a whole
//! company by simulation, which `examples/fleet.rs` runs. See README.md for how to read a number.

pub mod fleet;
pub mod in_memory;
#[path = "../../control-plane/tests/it/postgres.rs"]
#[expect(dead_code, reason = "what a simulation needs of it is less than what tests do")]
mod postgres;

use filters_relevance::encoder::missing_file;
use std::path::{Path, PathBuf};

const MODEL: &str = "all-MiniLM-L6-v2";

/// The model's folder: the one the environment names, the one the demo and the tests use, the one of `mcpctl`.
#[must_use]
#[expect(clippy::print_stderr, reason = "says why nothing was measured")]
pub fn model() -> Option<PathBuf> {
    let named = std::env::var_os("MCPCTL_MODEL_DIR").map(PathBuf::from);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/models").join(MODEL);
    let pulled = std::env::home_dir().map(|home| home.join(".mcpctl/models").join(MODEL));
    let found = [named, Some(tools), pulled].into_iter().flatten().find(|folder| missing_file(folder).is_none());
    if found.is_none() {
        eprintln!("not measured: {MODEL} is not installed; get it with `mcpctl model pull`");
    }
    found
}

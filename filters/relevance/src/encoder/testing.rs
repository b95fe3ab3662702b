//! The model for tests, where this machine has one.

use super::{Encoder, EncoderError, missing_file};
use std::path::{Path, PathBuf};

const MODEL: &str = "all-MiniLM-L6-v2";

/// The model of this machine, if there is one: in the folder the environment names, in that of the demo and the tests of
/// the whole system, or in that of `mcpctl`.
pub(crate) fn model() -> Option<Encoder> {
    let named = std::env::var_os("MCPCTL_MODEL_DIR").map(PathBuf::from);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/models").join(MODEL);
    let pulled = std::env::home_dir().map(|home| home.join(".mcpctl/models").join(MODEL));
    let mut folders = [named.clone(), Some(tools), pulled].into_iter().flatten();
    let directory = folders.find(|folder| missing_file(folder).is_none()).or(named).unwrap_or_default();
    match Encoder::load(&directory, 2) {
        Ok(encoder) => Some(encoder),
        Err(error @ EncoderError::Missing(_)) => {
            eprintln!("not checked: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

//! The model for tests, where this machine has one.

use super::{Encoder, EncoderError};
use std::path::PathBuf;

/// The model directory of this machine, if there is one.
pub(crate) fn model() -> Option<Encoder> {
    let pulled = std::env::home_dir().map(|home| home.join(".mcpctl/models/all-MiniLM-L6-v2"));
    let directory = std::env::var_os("MCPCTL_MODEL_DIR").map(PathBuf::from).or(pulled)?;
    match Encoder::load(&directory, 2) {
        Ok(encoder) => Some(encoder),
        Err(error @ EncoderError::Missing(_)) => {
            eprintln!("not checked: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

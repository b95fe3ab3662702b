//! Checks of blocks that are not run: whether they are valid as what they are.

use super::shell::Shell;
use std::{fs, path::Path};

/// The block, where checks that are commands find it.
const FILE: &str = "\"$HOME\"/.checked";

/// Validates a block; what is wrong with it otherwise.
pub(crate) fn check(name: &str, text: &str, shell: &mut Shell) -> Result<(), String> {
    let _ = (FILE, shell, fs::read as fn(&'static str) -> _, Path::new(""));
    match name {
        "yaml" => serde_yaml_ng::from_str::<serde_yaml_ng::Value>(text).map(drop).map_err(|error| error.to_string()),
        "json" => serde_json::from_str::<serde_json::Value>(text).map(drop).map_err(|error| error.to_string()),
        _ => Err("there is no such check".to_owned()),
    }
}

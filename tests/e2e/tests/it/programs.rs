//! The programs under test, and the tools beside them.

use std::{env, path::PathBuf};

pub(crate) use crate::built::{program, repository};

/// A tool that `scripts/setup test` installs: where the variable says, else in `target/tools`; none when it is in
/// neither place.
pub(crate) fn tool(variable: &str, in_tools: &str) -> Option<PathBuf> {
    match env::var_os(variable).filter(|path| !path.is_empty()) {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.exists(), "{variable} names `{}`, which does not exist", path.display());
            Some(path)
        }
        None => Some(repository().join("target/tools").join(in_tools)).filter(|path| path.exists()),
    }
}

//! The programs that others make.

use crate::built::repository;
use std::{env, path::PathBuf};

/// A program that `scripts/bench` installs, or the system has.
#[expect(clippy::print_stderr, reason = "says why nothing was tested")]
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let tools = repository().join("target/tools/bench");
    let own = [
        tools.join("venv/bin").join(name),
        tools.join("debian/usr/bin").join(name),
        tools.join("debian/usr/sbin").join(name),
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let found = own.into_iter().chain(env::split_paths(&path).map(|folder| folder.join(name))).find(|it| it.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed; `make bench` installs it");
    }
    found
}

//! The programs under test, beside the test executable.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Where `name` is, brought up to date first where Cargo started the test.
pub(crate) fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).join(name)
}

fn build() -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    if let Some(cargo) = env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        // Cargo tells tests about their package. Told of it, `ring` counts as out of date, and so all that needs TLS.
        let of_package = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        };
        for (name, _) in env::vars_os().filter(|(name, _)| of_package(name)) {
            build.env_remove(name);
        }
        // The packages that the tests of the whole system build: with the same ones, nothing is compiled twice.
        build.args(["build", "--quiet", "--bins"]);
        let packages = ["mcpctl", "control-plane", "gateway", "bench", "bench-upstream", "e2e"];
        build.args(packages.iter().flat_map(|package| ["-p", package])).arg("--target-dir");
        build.arg(folder.parent().unwrap());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the programs do not build");
    }
    folder.to_owned()
}

/// A program that `scripts/bench` installs, or the system has.
#[expect(clippy::print_stderr, reason = "says why nothing was tested")]
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bench");
    let own = [tools.join("venv/bin").join(name), tools.join("debian/usr/bin").join(name)];
    let path = env::var_os("PATH").unwrap_or_default();
    let found = own.into_iter().chain(env::split_paths(&path).map(|folder| folder.join(name))).find(|it| it.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed; `make bench` installs it");
    }
    found
}

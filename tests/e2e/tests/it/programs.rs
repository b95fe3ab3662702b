//! The programs under test: those beside the test executable, brought up to date first.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The packages whose programs are tested here. This very package and the benches are among them for the sake of their
/// dependencies' features: with them they are those of the whole workspace, and nothing is compiled twice.
const PACKAGES: [&str; 6] = ["mcpctl", "control-plane", "gateway", "bench", "bench-upstream", env!("CARGO_PKG_NAME")];

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("this package is two folders below the root")
}

/// The program called `name`.
pub(crate) fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let path = FOLDER.get_or_init(build).join(name);
    assert!(path.is_file(), "`{}` is not there: run `cargo build --workspace --bins`", path.display());
    path
}

/// The folder of the programs. Started by Cargo, a test must not run against programs of yesterday; started by hand,
/// it takes what is there.
fn build() -> PathBuf {
    let test = env::current_exe().expect("this program knows its own path");
    let folder = test.ancestors().nth(2).expect("test programs lie in `deps`").to_owned();
    if let Some(cargo) = env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        // Cargo tells tests about their package. Told of it, `ring` counts as out of date, and so all that needs TLS.
        let of_package = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        };
        for (name, _) in env::vars_os().filter(|(name, _)| of_package(name)) {
            command.env_remove(name);
        }
        command.current_dir(repository()).args(["build", "--quiet", "--bins", "--target-dir"]);
        command.arg(folder.parent().expect("a profile's folder lies in the target folder"));
        command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
        if folder.file_name() == Some(OsStr::new("release")) {
            command.arg("--release");
        }
        assert!(command.status().expect("cargo starts").success(), "the programs under test do not build");
    }
    folder
}

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

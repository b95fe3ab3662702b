//! The programs of the workspace beside the test executable, brought up to date first. For the tests of every package that
//! starts some.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The packages whose programs are tested. Those without any are among them for the sake of their dependencies' features: with
/// them these are the features of the whole workspace, and nothing is compiled twice.
const PACKAGES: [&str; 6] = ["mcpctl", "control-plane", "gateway", "bench", "bench-upstream", "e2e"];

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("Cargo.lock").exists()).expect("every package is in the workspace")
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

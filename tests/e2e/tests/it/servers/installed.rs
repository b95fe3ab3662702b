//! The servers that `scripts/setup test` installs from their registries, where they are there. It starts none.

use crate::{
    programs::{repository, tool},
    said::aloud,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A server that is there.
pub(crate) struct Installed {
    /// What it is called where it comes from.
    pub(crate) package: String,
    pub(crate) version: String,
    /// The program, then its arguments.
    pub(crate) line: Vec<String>,
}

impl Installed {
    /// A package of npm, by the file that Node is to run.
    pub(crate) fn npm(package: &str, script: &str) -> Option<Self> {
        let node = tool("E2E_NODE", "node/bin/node");
        let place = servers().map(|servers| servers.join("node_modules").join(package));
        let there = place.filter(|place| place.join(script).is_file()).zip(node);
        or_say(package, there).map(|(place, node)| {
            let manifest = fs::read(place.join("package.json")).unwrap();
            let version = serde_json::from_slice::<Value>(&manifest).unwrap()["version"].as_str().unwrap().to_owned();
            Self { package: package.to_owned(), version, line: vec![text(&node), text(&place.join(script))] }
        })
    }

    /// A package of PyPI in the virtual environment `environment`, by the program of its name.
    pub(crate) fn pypi(package: &str, environment: &str) -> Option<Self> {
        let place = servers().map(|servers| servers.join(environment));
        or_say(package, place.filter(|place| place.join("bin").join(package).is_file())).map(|place| Self {
            package: package.to_owned(),
            version: python_version(&place, package),
            line: vec![text(&place.join("bin").join(package))],
        })
    }

    /// A program in Go; its module and version stand in it.
    pub(crate) fn go(program: &str) -> Option<Self> {
        let place = servers().map(|servers| servers.join("go/bin").join(program));
        or_say(program, place.filter(|place| place.is_file())).map(|place| Self {
            package: program.to_owned(),
            version: go_version(program),
            line: vec![text(&place)],
        })
    }
}

/// Where they are.
fn servers() -> Option<PathBuf> {
    tool("E2E_SERVERS", "servers")
}

fn or_say<T>(package: &str, there: Option<T>) -> Option<T> {
    if there.is_none() {
        aloud(&format!("skipped: {package} is not here; `scripts/setup test` says why"));
    }
    there
}

fn text(path: &Path) -> String {
    path.to_str().expect("paths of tools are text").to_owned()
}

/// The version in the name of the folder in which pip notes what it installed.
fn python_version(environment: &Path, package: &str) -> String {
    let lib = fs::read_dir(environment.join("lib")).unwrap().flatten().next().unwrap().path();
    let begin = format!("{}-", package.replace('-', "_"));
    let names = fs::read_dir(lib.join("site-packages")).unwrap().flatten().map(|entry| entry.file_name());
    let version = |name: String| Some(name.strip_prefix(&begin)?.strip_suffix(".dist-info")?.to_owned());
    names.filter_map(|name| version(name.into_string().ok()?)).next().expect("pip noted the version")
}

/// The version that is asked for: programs in Go that were built from a module say it in many ways.
fn go_version(program: &str) -> String {
    let versions = fs::read_to_string(repository().join("scripts/versions.sh")).unwrap();
    let line = versions.lines().find(|line| line.starts_with("GO_SERVERS=")).expect("there are servers in Go");
    let version = line.split(['"', ' ']).find_map(|word| word.split_once(&format!("/{program}@v")));
    version.expect("it has a version").1.to_owned()
}

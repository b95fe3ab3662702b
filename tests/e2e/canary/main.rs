//! Looks for credentials in files: `canary PATH… < credentials`, one `name value` on each line of standard input.

use anyhow::{Context as _, bail};
use clap::Parser;
use e2e::canary::{Canary, Scanner};
use std::{
    io::{self, Read as _, Write as _},
    path::PathBuf,
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

fn main() -> anyhow::Result<ExitCode> {
    let line = Line::parse();
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    let canary = |(name, value): (&str, &str)| Canary { name: name.to_owned(), value: value.trim().to_owned() };
    let canaries: Vec<Canary> = text.lines().filter_map(|line| line.split_once(' ')).map(canary).collect();
    if canaries.is_empty() {
        bail!("standard input names no credential: write `name value` on each line");
    }
    let mut scanner = Scanner::new(&canaries)?;
    let mut hits = Vec::new();
    for path in &line.paths {
        let found = scanner.path(path, &|path| line.leave_out.iter().any(|left_out| path == left_out));
        hits.extend(found.with_context(|| format!("`{}` cannot be read", path.display()))?);
    }
    for pid in &line.pid {
        hits.extend(scanner.process(*pid));
    }
    for hit in &hits {
        writeln!(io::stdout(), "{} as {} in {}", hit.canary, hit.form, hit.place)?;
    }
    let count = hits.len();
    writeln!(io::stdout(), "{count} hits in {} bytes, {} canaries", scanner.scanned_bytes, canaries.len())?;
    Ok(if count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

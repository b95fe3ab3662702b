//! How far one mcpd goes: `make bench-fleet`, or `cargo run -p bench --example fleet -- --help`. A table on standard output, and
//! the same as JSON in the file that `--json` names.

use anyhow::Context as _;
use bench::fleet::{self, Options};
use clap::Parser;
use std::{fs, io::Write as _, path::PathBuf};

/// A fleet of gateways by simulation, against a real mcpd.
#[derive(Parser)]
#[command(name = "fleet")]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    /// Where to write the result as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let line = CommandLine::parse();
    let report = fleet::run(line.options).await?;
    write!(std::io::stdout(), "{report}")?;
    if let Some(file) = line.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(&file, text + "\n").with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}

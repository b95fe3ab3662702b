//! `mcp-gateway relevance`: relevance filtering tried and measured from the command line.
//!
//! Only the data plane may run a model, so `mcpctl filter` and `mcpctl model` start this program and pass on what it
//! prints and how it ends. It serves nobody, needs no control plane, and writes nothing but what it is asked for.

mod bench;
mod distill;
mod eval;
mod model;
mod output;
mod test;
mod trouble;

use crate::settings::Settings;
use clap::Args;
use control_plane_api::relevance::{Recall, Relevance as Knobs};
use output::Output;
use std::process::ExitCode;
use trouble::Trouble;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Filter one text or result, and show what every record scores.
    Test(test::Test),
    /// Measure quality and speed on labelled sets.
    Eval(eval::Eval),
    /// Measure the encoder and the filter on this machine.
    Bench(bench::Bench),
    /// Make a static table from the encoder and sentences.
    Distill(distill::Distill),
    /// Show which models judge here.
    Models(model::Models),
}

/// How results are printed.
#[derive(Debug, Args)]
struct Printing {
    /// How results are printed.
    #[arg(long, short = 'o', value_enum, default_value = "table")]
    format: output::Format,
    /// Say nothing on stderr but errors.
    #[arg(long, short)]
    quiet: bool,
}

/// Knobs of the filter, as in the configuration of servers, profiles and projects.
#[derive(Debug, Args)]
struct Knob {
    /// How careful to be not to lose a relevant record: high, balanced or tight [default: balanced].
    #[arg(long, value_parser = recall)]
    recall: Option<Recall>,
    /// Keep at most this many records.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_records: Option<u32>,
    /// Time for judging, in milliseconds.
    #[arg(long, value_name = "N")]
    deadline_ms: Option<u32>,
}

impl Knob {
    fn resolved(&self) -> Knobs {
        let default = Knobs::default();
        let max_records = self.max_records.unwrap_or(default.max_records);
        Knobs {
            recall: self.recall.unwrap_or(default.recall),
            max_records,
            // The floor wins over the ceiling, and whoever asks for two records wants no five.
            min_records: default.min_records.min(max_records),
            deadline_ms: self.deadline_ms.unwrap_or(default.deadline_ms),
            ..default
        }
    }
}

fn recall(text: &str) -> Result<Recall, String> {
    match text {
        "high" => Ok(Recall::High),
        "balanced" => Ok(Recall::Balanced),
        "tight" => Ok(Recall::Tight),
        _ => Err("use `high`, `balanced` or `tight`".to_owned()),
    }
}

/// Runs one of the commands. What fails is told on stderr; the exit codes are those of `mcpctl`.
#[must_use]
pub fn run(command: Command, settings: &Settings) -> ExitCode {
    let (output, done) = match command {
        Command::Test(test) => with(&test.printing, |output| test::run(&test, settings, output)),
        Command::Eval(eval) => with(&eval.printing, |output| eval::run(&eval, settings, output)),
        Command::Bench(bench) => with(&bench.printing, |output| bench::run(&bench, settings, output)),
        Command::Distill(distill) => with(&distill.printing, |output| distill::run(&distill, settings, output)),
        Command::Models(models) => with(&models.printing, |output| model::run(settings, output)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            output.trouble(&trouble);
            ExitCode::from(trouble.exit_code())
        }
    }
}

fn with(printing: &Printing, run: impl FnOnce(Output) -> Result<(), Trouble>) -> (Output, Result<(), Trouble>) {
    let output = Output::new(printing.format, printing.quiet);
    (output, run(output))
}

//! `mcpctl model`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Messages of the result that is filtered
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub messages: u32,
    /// Times that each thing is measured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rounds: u32,
    /// Time for judging, in milliseconds
    #[arg(long, value_name = "N")]
    pub deadline_ms: Option<u32>,
}

/// What to do with the local models.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch the weights of all-MiniLM-L6-v2 and check them
    #[command(after_help = "Examples:
  mcpctl model pull
  mcpctl model pull --from /media/usb/all-MiniLM-L6-v2")]
    Pull {
        /// Take the files from this folder instead of the network
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Show which models are there, whether they are whole, and what each is used for
    #[command(after_help = "Examples:\n  mcpctl model list\n  mcpctl model list -o wide", visible_alias = "ls")]
    List,
    /// Measure the encoder and the filter on this machine
    #[command(after_help = "Examples:
  mcpctl model bench
  mcpctl model bench --messages 500 --rounds 20 --deadline-ms 300 -o json")]
    Bench(Bench),
    /// Make a static table, the model that is built in, from the encoder and sentences of your own
    #[command(after_help = "Examples:
  mcpctl model distill sentences.txt --to my-table
  mcpctl model distill docs --to my-table -o json")]
    Distill {
        /// A file of sentences, one a line, or a folder of such files; better 100,000 than 1,000
        #[arg(value_name = "FILE|FOLDER")]
        corpus: PathBuf,
        /// The folder that the table is written into
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
}

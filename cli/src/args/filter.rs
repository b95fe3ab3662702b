//! `mcpctl filter`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What to do with relevance filtering.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Filter a file as a gateway filters a tool's result, and show what every record scores
    Test(Test),
    /// Measure quality and speed on labelled sets
    Eval(Eval),
}

/// What to filter, and how.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl filter test messages.json --context 'security incidents'
  mcpctl filter test result.json --tool-result --context 'lost parcels' --recall high -o wide
  kubectl get events | mcpctl filter test - --context 'failing probes' --print-filtered")]
pub(crate) struct Test {
    /// Text, JSON, CSV or log, or the result of a tools/call as JSON; `-` is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What is looked for, as a client would say it in `_context`
    #[arg(long, value_name = "TEXT")]
    pub context: String,
    /// The file is the result of a tools/call, or a response with one [default: if it looks like one]
    #[arg(long, conflicts_with = "text")]
    pub tool_result: bool,
    /// The file is a text, even where it looks like a result
    #[arg(long)]
    pub text: bool,
    /// How careful to be not to lose a relevant record [default: balanced]
    #[arg(long, value_enum)]
    pub recall: Option<RecallKnob>,
    /// Keep at most this many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_records: Option<u32>,
    /// Time for judging, in milliseconds
    #[arg(long, value_name = "N")]
    pub deadline_ms: Option<u32>,
    /// Print what is left of the file instead of the scores
    #[arg(long)]
    pub print_filtered: bool,
}

/// What to measure, and on what.
#[derive(Debug, Args)]
#[command(after_help = "\
A set is a file of JSON lines, one case each:
  {\"intent\": \"lost parcels\", \"texts\": [\"…\", \"…\"], \"relevant\": [1], \"authors\": [\"ann\", \"bob\"], \"threads\": [0, 0]}
  {\"intent\": \"lunch\", \"texts_of\": 0, \"relevant\": []}
`texts_of` names the line, the first is 0, whose texts are used again; `authors`, `threads` and `core` may be left out.

Examples:
  mcpctl filter eval chat.jsonl
  mcpctl filter eval bench/relevance -o wide
  mcpctl filter eval sets chat.jsonl --scorer static+bm25,cascade-300 -o json")]
pub(crate) struct Eval {
    /// Labelled sets: files of JSON lines, or folders with such files
    #[arg(required = true, value_name = "DATASET.jsonl|FOLDER")]
    pub sets: Vec<PathBuf>,
    /// Only these scorers: bm25, static, static+bm25, minilm, cascade, cascade-MS, cascade-MS-warm
    #[arg(long = "scorer", value_name = "NAME", value_delimiter = ',')]
    pub scorers: Vec<String>,
    /// How careful to be not to lose a relevant record [default: balanced]
    #[arg(long, value_enum)]
    pub recall: Option<RecallKnob>,
}

/// The recall knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecallKnob {
    /// Rather keep too much
    High,
    /// The default
    Balanced,
    /// Rather keep too little
    Tight,
}

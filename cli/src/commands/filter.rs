//! `mcpctl filter`: relevance filtering tried and measured. The work is the data plane's.

use crate::{
    Invocation,
    args::filter::{Command, Eval, RecallKnob, Test},
    data_plane::{Arguments, relevance},
    failure::Failure,
};
use std::process::ExitCode;

/// Runs one of the filter commands.
pub(crate) fn run(command: &Command, invocation: &Invocation) -> Result<ExitCode, Failure> {
    match command {
        Command::Test(args) => relevance("test", test(args), invocation),
        Command::Eval(args) => relevance("eval", eval(args), invocation),
    }
}

fn test(test: &Test) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.option("--context", Some(&test.context));
    arguments.flag("--tool-result", test.tool_result);
    arguments.flag("--text", test.text);
    arguments.option("--recall", test.recall.map(word));
    arguments.option("--max-records", test.max_records);
    arguments.option("--deadline-ms", test.deadline_ms);
    arguments.flag("--print-filtered", test.print_filtered);
    arguments.paths([&test.file]);
    arguments
}

fn eval(eval: &Eval) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.option("--scorer", Some(eval.scorers.join(",")).filter(|scorers| !scorers.is_empty()));
    arguments.option("--recall", eval.recall.map(word));
    arguments.paths(&eval.sets);
    arguments
}

fn word(recall: RecallKnob) -> &'static str {
    match recall {
        RecallKnob::High => "high",
        RecallKnob::Balanced => "balanced",
        RecallKnob::Tight => "tight",
    }
}

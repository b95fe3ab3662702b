//! `relevance test`: one text or result filtered, with the scores that decided.

mod seen;

use super::{Knob, Printing, model, output::Output, trouble::Trouble};
use crate::settings::Settings;
use filters_relevance::{
    intent::Intent,
    trial::{Kind, NoToolResult, Trial},
};
use seen::Seen;
use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

/// Bytes of the largest file or stdin that is read.
const SOURCE_BYTES_MAX: u64 = 64 << 20;

/// `mcp-gateway relevance test`.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// A text of any shape, or the result of a tools/call as JSON; `-` is stdin.
    file: PathBuf,
    /// What is looked for, as a client would say it in `_context`.
    #[arg(long, value_name = "TEXT")]
    context: String,
    /// The file is the result of a tools/call, or a response with one.
    #[arg(long, conflicts_with = "text")]
    tool_result: bool,
    /// The file is a text, even where it looks like a result.
    #[arg(long)]
    text: bool,
    /// Print what is left of it instead of the scores.
    #[arg(long)]
    print_filtered: bool,
    #[command(flatten)]
    knob: Knob,
    #[command(flatten)]
    pub(super) printing: Printing,
}

pub(super) fn run(test: &Test, settings: &Settings, output: Output) -> Result<(), Trouble> {
    let intent = Intent::read(&test.context).ok_or_else(|| {
        Trouble::Usage("`--context` is empty or `*`, which asks for everything; say what is looked for".to_owned())
    })?;
    let source = read(&test.file)?;
    let kind = if test.tool_result { Some(Kind::ToolResult) } else { test.text.then_some(Kind::Text) };
    let name = test.file.display();
    let trial =
        Trial::open(&source, kind).map_err(|error: NoToolResult| Trouble::Usage(format!("`{name}`: {error}")))?;
    let model = model::load(settings)?;
    let no_model = model.as_ref().err().map(ToString::to_string);
    let knobs = test.knob.resolved();
    let tried = trial.judge(&intent, &knobs, model.as_ref().ok(), no_model.as_deref());
    if let Some(reason) = &no_model {
        output.note(&format!("judged without the model: {reason}"));
    }
    let seen = Seen { trial: &trial, tried: tried.as_ref() };
    if test.print_filtered {
        output.note(&seen.summary());
        return output.raw(tried.as_ref().map_or(source.as_str(), |tried| &tried.left));
    }
    if output.is_json() {
        return output.json(&seen.report());
    }
    let rows = if tried.is_some() { seen.rows(output.is_wide()) } else { String::new() };
    output.raw(&format!("{rows}{}\n", seen.summary()))?;
    seen.notes().iter().for_each(|note| output.note(note));
    Ok(())
}

fn read(file: &PathBuf) -> Result<String, Trouble> {
    let cannot = |error: io::Error| {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        Trouble::Failed(format!("cannot read `{}`: {reason}", file.display()))
    };
    let mut source = String::new();
    let from: Box<dyn io::Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(fs::File::open(file).map_err(cannot)?),
    };
    from.take(SOURCE_BYTES_MAX + 1).read_to_string(&mut source).map_err(cannot)?;
    if source.len() as u64 > SOURCE_BYTES_MAX {
        return Err(Trouble::Usage(format!("`{}` has more than {SOURCE_BYTES_MAX} bytes", file.display())));
    }
    Ok(source)
}

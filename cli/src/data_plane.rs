//! Running `mcp-gateway` for what only the data plane may do: run a model over texts.
//!
//! The program lies beside this one ([`crate::processes`]). What it prints goes straight to the terminal, and how it
//! ends is how the command ends. It does not know what the arguments mean.

use crate::{
    Invocation,
    args::Format,
    failure::{During as _, Failure, Status},
    processes::find_program,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

/// The program.
const PROGRAM: &str = "mcp-gateway";

/// Arguments of a subcommand.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    options: Vec<OsString>,
    paths: Vec<PathBuf>,
}

impl Arguments {
    /// A flag, if it is set.
    pub(crate) fn flag(&mut self, name: &str, is_set: bool) {
        self.options.extend(is_set.then(|| name.into()));
    }

    /// An option, if it has a value. In one word: a value may begin with a dash.
    pub(crate) fn option(&mut self, name: &str, value: Option<impl ToString>) {
        self.options.extend(value.map(|value| format!("{name}={}", value.to_string()).into()));
    }

    /// An option that is a path.
    pub(crate) fn path_option(&mut self, name: &str, path: &Path) {
        let mut option = OsString::from(format!("{name}="));
        option.push(path);
        self.options.push(option);
    }

    /// Paths, or `-`.
    pub(crate) fn paths<P: AsRef<Path>>(&mut self, paths: impl IntoIterator<Item = P>) {
        self.paths.extend(paths.into_iter().map(|path| path.as_ref().to_owned()));
    }
}

/// Runs `mcp-gateway relevance <subcommand>` to its end.
pub(crate) fn relevance(subcommand: &str, arguments: Arguments, invocation: &Invocation) -> Result<ExitCode, Failure> {
    let format = format(invocation)?;
    let mut command = command(subcommand, arguments, format, invocation)?;
    let status = command.status().during(|| format!("cannot start `{PROGRAM}`"))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => Ok(ExitCode::from(code)),
        None => Err(Failure::failed(format!("`{PROGRAM} relevance {subcommand}` was ended: {status}"))),
    }
}

/// What `mcp-gateway relevance <subcommand>` says in JSON; none where the program is not installed.
pub(crate) fn relevance_json(subcommand: &str, invocation: &Invocation) -> Result<Option<serde_json::Value>, Failure> {
    if find_program(PROGRAM).is_err() {
        return Ok(None);
    }
    let mut command = command(subcommand, Arguments::default(), "json", invocation)?;
    let output = command.stderr(Stdio::inherit()).output().during(|| format!("cannot start `{PROGRAM}`"))?;
    let said = serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success());
    said.map(Some).ok_or_else(|| {
        Failure::failed(format!("`{PROGRAM} relevance {subcommand}` did not work: {}", output.status))
            .hint("is it of the same version as mcpctl? see `mcp-gateway --version`")
    })
}

fn command(subcommand: &str, arguments: Arguments, format: &str, invocation: &Invocation) -> Result<Command, Failure> {
    let mut command = Command::new(find_program(PROGRAM)?);
    command.arg("--home").arg(invocation.home.root()).args(["relevance", subcommand, "--format", format]);
    if invocation.output.is_quiet() {
        command.arg("--quiet");
    }
    command.args(arguments.options);
    if !arguments.paths.is_empty() {
        command.arg("--").args(arguments.paths);
    }
    Ok(command)
}

fn format(invocation: &Invocation) -> Result<&'static str, Failure> {
    match invocation.output.format() {
        Format::Table => Ok("table"),
        Format::Wide => Ok("wide"),
        Format::Json => Ok("json"),
        Format::Jsonl | Format::Csv | Format::Yaml | Format::Name => {
            Err(Failure::new(Status::Usage, "this command prints a table or JSON")
                .hint("use `-o table`, `-o wide` or `-o json`"))
        }
    }
}

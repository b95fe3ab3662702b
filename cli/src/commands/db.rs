//! `mcpctl db`: the control plane's database, by `mcpd db` on this machine, which alone knows how to read it.

use crate::{
    Invocation,
    args::db::Command,
    failure::{During as _, Failure},
    output::{Report, Table},
    processes::find_program,
};
use serde::Serialize;
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    process::{self, Stdio},
};

/// The program.
const PROGRAM: &str = "mcpd";
/// The other database of a move: where `mcpd` reads it, and where no process list shows its password.
const TO: &str = "MCPD_DATABASE_URL_TO";
/// What mcpd logs, unless somebody asked for something else.
const LOG: &str = "MCPD_LOG";

/// Runs one of the database commands.
pub(crate) fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let mut mcpd = process::Command::new(find_program(PROGRAM)?);
    mcpd.arg("--home").arg(invocation.home.root()).arg("db");
    if env::var_os(LOG).is_none() {
        mcpd.env(LOG, "warn");
    }
    if let Command::Move { to: Some(to) } = &command {
        mcpd.env(TO, to);
    } else if matches!(command, Command::Move { .. }) && env::var_os(TO).is_none_or(|url| url.is_empty()) {
        return Err(Failure::usage("it is not said where to move the database")
            .hint(format!("name the other database in {TO}, or with `--to`")));
    }
    mcpd.args(arguments(command));
    let output = mcpd.stderr(Stdio::inherit()).output().during(|| format!("cannot start `{PROGRAM}`"))?;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    if output.status.success() {
        return invocation.output.report(&Done(said));
    }
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    let message = text("error").unwrap_or_else(|| format!("`{PROGRAM} db` did not work: {}", output.status));
    let hint = text("hint").unwrap_or_else(|| format!("is `{PROGRAM}` of the same version as mcpctl?"));
    Err(Failure::failed(message).hint(hint))
}

fn arguments(command: Command) -> Vec<OsString> {
    match command {
        Command::Backup { file } => vec!["backup".into(), "--".into(), file.into()],
        Command::Restore { file, replace } => {
            let replace = replace.then(|| "--replace".into());
            ["restore".into()].into_iter().chain(replace).chain(["--".into(), file.into()]).collect()
        }
        Command::Move { .. } => vec!["move".into()],
        Command::Migrate { dry_run } => {
            ["migrate".into()].into_iter().chain(dry_run.then(|| "--dry-run".into())).collect()
        }
        Command::Retain { days, dry_run } => {
            let days = format!("--days={days}").into();
            ["retain".into(), days].into_iter().chain(dry_run.then(|| "--dry-run".into())).collect()
        }
        Command::AcceptRollback => vec!["accept-rollback".into()],
    }
}

/// What mcpd says it did.
#[derive(Serialize)]
#[serde(transparent)]
struct Done(Value);

impl Report for Done {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::pairs();
        pairs(&self.0, &mut table);
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.get("database").and_then(Value::as_str).map(str::to_owned).into_iter().collect()
    }
}

/// Members by their names; those of an inner object beside the others, and how many rows each table has in one line.
fn pairs(value: &Value, table: &mut Table) {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(rows) if name == "tables" => {
                let rows: Vec<String> = rows.iter().map(|(table, count)| format!("{table} {count}")).collect();
                table.pair(name, rows.join(", "));
            }
            Value::Object(_) => pairs(value, table),
            Value::Array(all) if all.is_empty() => table.pair(name, "none"),
            Value::Array(all) => table.pair(name, all.iter().map(shown).collect::<Vec<_>>().join(", ")),
            other => table.pair(name, shown(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(command: Command, expected: &[&str]) {
        assert_eq!(arguments(command), expected);
    }

    #[test]
    fn a_file_may_begin_with_a_dash_and_no_url_is_an_argument() {
        check(Command::Backup { file: "-x".into() }, &["backup", "--", "-x"]);
        check(Command::Restore { file: "x".into(), replace: true }, &["restore", "--replace", "--", "x"]);
        check(Command::Restore { file: "x".into(), replace: false }, &["restore", "--", "x"]);
        check(Command::Move { to: Some("postgres://u:p@h/d".to_owned()) }, &["move"]);
        check(Command::Migrate { dry_run: true }, &["migrate", "--dry-run"]);
        check(Command::Retain { days: 7, dry_run: false }, &["retain", "--days=7"]);
        check(Command::AcceptRollback, &["accept-rollback"]);
    }

    #[test]
    fn what_was_done_is_shown_in_lines() {
        let done =
            Done(json!({"done": "backed up", "database": "sqlite:/x", "backup": {"rows": 3, "tables": {"meta": 3}}}));
        let text = done.table(false).render(false);
        for part in ["backed up", "sqlite:/x", "meta 3"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(done.names(), ["sqlite:/x"]);
    }
}

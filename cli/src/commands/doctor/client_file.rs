//! What clients read: their files, the entries of ours in them, and whether a client is there at all.
//!
//! Everything about the forms of files is behind [`found`].

use super::{
    check::{Check, Name},
    known::Known,
};
use crate::{
    clients::{claude, secret_scan},
    failure::Failure,
    processes::in_path,
    suggest,
};
use control_plane_api::name::Name as ObjectName;
use serde_json::Value;
use std::{fs, path::Path};

/// Programs of the clients mcpctl knows.
const PROGRAMS: [&str; 6] = ["claude", "codex", "gemini", "cursor", "code", "goose"];

/// A client's file in this folder.
pub(super) struct ClientFile {
    /// What it is called.
    pub(super) path: String,
    /// Paths in it at which there is what looks like a secret.
    secrets: Vec<String>,
    /// Our entry in it, or why it cannot be read.
    entry: Result<Option<Entry>, Failure>,
}

/// An entry of ours.
pub(super) struct Entry {
    /// The program it starts.
    pub(super) command: String,
    /// With these arguments.
    pub(super) args: Vec<String>,
    /// The project it connects to, as it is written.
    project: String,
}

impl ClientFile {
    /// Our entry.
    pub(super) fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref().ok().and_then(Option::as_ref)
    }

    /// The project it connects to.
    pub(super) fn project(&self) -> Option<ObjectName> {
        self.entry().and_then(|entry| entry.project.parse().ok())
    }
}

/// The files of clients in this folder.
pub(super) fn found() -> Vec<ClientFile> {
    let Ok(text) = fs::read_to_string(claude::FILE) else { return Vec::new() };
    let entry = claude::open(&text).and_then(|file| claude::servers_of(&file)).map(|servers| {
        let entry = servers.and_then(|servers| servers.read::<Value>(claude::KEY))?;
        let args = entry.get("args")?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned);
        Some(Entry {
            project: claude::project_of(&entry)?,
            command: entry.get("command")?.as_str()?.to_owned(),
            args: args.collect(),
        })
    });
    let secrets = serde_json::from_str(&text).map(|value| secret_scan::find(&value)).unwrap_or_default();
    vec![ClientFile { path: claude::FILE.to_owned(), secrets, entry }]
}

pub(super) fn checks(files: &[ClientFile], known: &Known<'_>) -> Vec<Check> {
    let mut checks: Vec<Check> = files.iter().map(|file| check(file, known)).collect();
    if checks.is_empty() {
        checks.push(Check::ok(Name::ClientFile, format!("there is no {} in this folder", claude::FILE)));
    }
    checks.push(program());
    checks
}

fn check(file: &ClientFile, known: &Known<'_>) -> Check {
    let path = &file.path;
    let entry = match &file.entry {
        Ok(entry) => entry,
        Err(failure) => {
            let check = Check::fail(Name::ClientFile, failure.message.clone()).fix(format!("mv {path} {path}.broken"));
            return check.fix(add(known)).advice(format!("or correct {path} by hand: other servers in it stay then"));
        }
    };
    if !file.secrets.is_empty() {
        let found = format!("{path} holds what looks like a secret, at {}", file.secrets.join(", "));
        return Check::fail(Name::ClientFile, found)
            .advice("put a reference such as ${NAME} in its place, and replace the secret");
    }
    let Some(entry) = entry else {
        return Check::ok(Name::ClientFile, format!("{path} is valid, without an entry of mcpctl"));
    };
    if !starts(&entry.command) {
        let found = format!("{path} starts `{}`, which is not there or not to be run", entry.command);
        return Check::fail(Name::ClientFile, found).fix(add(known));
    }
    match entry.project.parse::<ObjectName>() {
        Err(_) => {
            let found = format!("{path} names the project `{}`, which is no valid name", entry.project);
            Check::fail(Name::ClientFile, found).fix(add(known))
        }
        Ok(project) if known.lacks(&project) => {
            let found = format!("{path} names the project `{project}`, which does not exist for you");
            Check::fail(Name::ClientFile, found).fix(add_near(&project, known))
        }
        Ok(project) => Check::ok(Name::ClientFile, format!("{path} is valid and connects to project `{project}`")),
    }
}

/// Whether that program can be started.
pub(super) fn starts(command: &str) -> bool {
    let path = Path::new(command);
    match path.components().count() {
        1 => in_path(command).is_some(),
        _ => path.is_file(),
    }
}

/// The command that writes our entry: for the project asked for, or the only one there is.
fn add(known: &Known<'_>) -> String {
    let projects = known.plane.as_ref().map(|plane| plane.projects.as_slice()).unwrap_or_default();
    let project = match (&known.project, projects) {
        (Some(project), _) => project.to_string(),
        (None, [first, ..]) => first.name.to_string(),
        (None, []) => "PROJECT".to_owned(),
    };
    format!("mcpctl claude add-mcp-project {project}")
}

/// The same in place of one that does not exist.
fn add_near(missing: &ObjectName, known: &Known<'_>) -> String {
    let names = known.plane.iter().flat_map(|plane| &plane.projects).map(|project| project.name.as_str());
    match (suggest::closest(missing.as_str(), names), &known.project) {
        (Some(near), None) => format!("mcpctl claude add-mcp-project {near}"),
        _ => add(known),
    }
}

fn program() -> Check {
    let found: Vec<&str> = PROGRAMS.into_iter().filter(|program| in_path(program).is_some()).collect();
    if found.is_empty() {
        let none = format!("none of {} is in PATH", PROGRAMS.join(", "));
        return Check::warn(Name::ClientProgram, none).fix("npm install -g @anthropic-ai/claude-code");
    }
    Check::ok(Name::ClientProgram, found.join(", "))
}

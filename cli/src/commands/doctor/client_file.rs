//! What clients read: their files, the entries of ours in them, and whether a client is there at all.
//!
//! Everything about the forms of files is behind [`found`].

use super::{
    check::{Check, Name},
    known::Known,
};
use crate::{
    clients::{
        self, Target, secret_scan,
        table::{self, Client, Place, Scope},
    },
    commands::client::file,
    failure::Failure,
    processes::in_path,
    suggest,
};
use control_plane_api::name::Name as ObjectName;
use std::path::Path;

/// A client's file that counts in this folder.
pub(super) struct ClientFile {
    /// Whose it is.
    client: String,
    /// What it is called.
    path: String,
    /// Paths in it at which there is what looks like a secret.
    secrets: Vec<String>,
    /// Our entry in it, or why it cannot be read.
    entry: Result<Option<Entry>, Failure>,
}

/// An entry of ours.
pub(super) struct Entry {
    /// The program it starts, and its arguments; none where it names a URL.
    pub(super) command: Option<(String, Vec<String>)>,
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

/// The files that count in this folder: those of the folder, and those of the user that connect to a project.
pub(super) fn found() -> Vec<ClientFile> {
    let clients = table::all().unwrap_or_default();
    let places = clients.iter().flat_map(|client| client.scopes.iter().map(move |place| (client, place)));
    places.filter_map(|(client, place)| look(client, place)).collect()
}

fn look(client: &Client, place: &Place) -> Option<ClientFile> {
    let file = file::ClientFile::open(place, Path::new("."), clients::NAME).ok()?;
    let text = file.text?;
    let target = Target { client, file: &file.label, name: clients::NAME };
    let entry = target.entry(&text).map(|entry| entry.as_ref().and_then(Entry::of));
    let shared = place.scope == Scope::Project;
    if !shared && !matches!(entry, Ok(Some(_))) {
        // What a user has for this client alone is nobody's business.
        return None;
    }
    let secrets = match target.value(&text) {
        Ok(value) if shared => secret_scan::find(&value),
        _ => Vec::new(),
    };
    Some(ClientFile { client: client.name.clone(), path: file.label, secrets, entry })
}

impl Entry {
    fn of(entry: &serde_json::Value) -> Option<Self> {
        let mut words = clients::command_of(entry).unwrap_or_default().into_iter();
        let command = words.next().map(|program| (program, words.collect()));
        Some(Self { project: clients::project_of(entry)?, command })
    }
}

pub(super) fn checks(files: &[ClientFile], known: &Known<'_>) -> Vec<Check> {
    let mut checks: Vec<Check> = files.iter().map(|file| check(file, known)).collect();
    if checks.is_empty() {
        checks.push(Check::ok(Name::ClientFile, "no client is connected in this folder"));
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
            return check
                .fix(add(&file.client, known))
                .advice(format!("or correct {path} by hand: other servers in it stay then"));
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
    if let Some((program, _)) = entry.command.as_ref().filter(|(program, _)| !starts(program)) {
        let found = format!("{path} starts `{program}`, which is not there or not to be run");
        return Check::fail(Name::ClientFile, found).fix(add(&file.client, known));
    }
    match entry.project.parse::<ObjectName>() {
        Err(_) => {
            let found = format!("{path} names the project `{}`, which is no valid name", entry.project);
            Check::fail(Name::ClientFile, found).fix(add(&file.client, known))
        }
        Ok(project) if known.lacks(&project) => {
            let found = format!("{path} names the project `{project}`, which does not exist for you");
            Check::fail(Name::ClientFile, found).fix(add_near(&file.client, &project, known))
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
fn add(client: &str, known: &Known<'_>) -> String {
    let projects = known.plane.as_ref().map(|plane| plane.projects.as_slice()).unwrap_or_default();
    let project = match (&known.project, projects) {
        (Some(project), _) => project.to_string(),
        (None, [first, ..]) => first.name.to_string(),
        (None, []) => "PROJECT".to_owned(),
    };
    command(client, &project)
}

/// The same in place of one that does not exist.
fn add_near(client: &str, missing: &ObjectName, known: &Known<'_>) -> String {
    let names = known.plane.iter().flat_map(|plane| &plane.projects).map(|project| project.name.as_str());
    match (suggest::closest(missing.as_str(), names), &known.project) {
        (Some(near), None) => command(client, near),
        _ => add(client, known),
    }
}

/// What connects `client` to `project`.
fn command(client: &str, project: &str) -> String {
    match client {
        "claude" => format!("mcpctl claude add-mcp-project {project}"),
        other => format!("mcpctl client add {project} --client {other}"),
    }
}

fn program() -> Check {
    let programs: Vec<String> =
        table::all().unwrap_or_default().into_iter().flat_map(|client| client.programs).collect();
    let found: Vec<&str> = programs.iter().map(String::as_str).filter(|program| in_path(program).is_some()).collect();
    if found.is_empty() {
        let none = format!("none of {} is in PATH", programs.join(", "));
        return Check::warn(Name::ClientProgram, none).fix("npm install -g @anthropic-ai/claude-code");
    }
    Check::ok(Name::ClientProgram, found.join(", "))
}

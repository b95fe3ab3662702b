//! `mcpctl client`: our entry in the configuration of an MCP client, and nothing else in it. `mcpctl claude` is the same.

pub(in crate::commands) mod file;
mod known;
mod outcome;
mod transport;

use crate::{
    Invocation,
    args::client::{Add, Command, Place, Remove},
    clients::{
        Edit, Target, secret_scan,
        table::{self, Client, Scope},
    },
    failure::{Failure, Status},
};
use control_plane_api::{name::Name, project::ProjectSpec};
use file::ClientFile;
use outcome::Outcome;
use serde_json::Value;
use std::path::Path;

/// Runs one of the client commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    match command {
        Command::Add(args) => add(&args, invocation).await,
        Command::Remove(args) => remove(&args, invocation),
        Command::List { dir } => known::list(&dir, invocation),
        Command::Show { client, dir } => known::show(&client, &dir, invocation),
    }
}

/// Writes a project's entry.
pub(in crate::commands) async fn add(args: &Add, invocation: &Invocation) -> Result<(), Failure> {
    let Place { client, scope, dir, name, dry_run } = &args.place;
    let client = table::find(client)?;
    let place = client.place(*scope)?;
    let file = ClientFile::open(place, own_folder(place.scope, dir.as_deref())?, name.as_str())?;
    check_project(&args.project, invocation).await?;
    let entry = transport::entry(&client, place.scope, args, invocation).await?;
    let target = Target { client: &client, file: &file.label, name: name.as_str() };
    let edit = target.add(file.text.as_deref(), &entry)?;
    if let Edit::Created(text) | Edit::Configured(text) = &edit {
        refuse_secrets(&entry, target, text, (place.scope, invocation))?;
    }
    let next = client.approval(place, &file.dir.display().to_string(), &file.label, name.as_str());
    let outcome = Outcome::of(&file, target, edit).next(next);
    outcome::finish(vec![(outcome, file)], *dry_run, invocation)
}

/// Takes our entry out.
pub(in crate::commands) fn remove(args: &Remove, invocation: &Invocation) -> Result<(), Failure> {
    let Place { client, scope, dir, name, dry_run } = &args.place;
    let client = table::find(client)?;
    let places = match scope {
        Some(_) => vec![client.place(*scope)?],
        None => client.scopes.iter().filter(|place| dir.is_none() || place.scope == Scope::Project).collect(),
    };
    if places.is_empty() {
        client.place(Some(Scope::Project))?;
    }
    let (mut outcomes, mut refused) = (Vec::new(), None);
    for place in places {
        let file = ClientFile::open(place, own_folder(place.scope, dir.as_deref())?, name.as_str())?;
        let target = Target { client: &client, file: &file.label, name: name.as_str() };
        let edit = match &file.text {
            Some(text) => target.remove(text, args.project.as_ref().map(Name::as_str)),
            None => Ok(Edit::Unchanged),
        };
        match edit {
            Ok(edit) => outcomes.push((Outcome::of(&file, target, edit), file)),
            Err(failure) => refused = refused.or(Some(failure)),
        }
    }
    let changed = outcomes.iter().any(|(outcome, _)| outcome.changes());
    match refused {
        Some(failure) if !changed => return Err(failure),
        Some(failure) => invocation.output.warn(&failure),
        None => {}
    }
    if changed {
        outcomes.retain(|(outcome, _)| outcome.changes());
    }
    // One file that says nothing of us speaks for all of them.
    outcomes.truncate(if changed { outcomes.len() } else { 1 });
    outcome::finish(outcomes, *dry_run, invocation)
}

/// The folder of a project's file; a user's file has none.
fn own_folder(scope: Scope, dir: Option<&Path>) -> Result<&Path, Failure> {
    match (scope, dir) {
        (Scope::Project, dir) => Ok(dir.unwrap_or(Path::new("."))),
        (Scope::User, None) => Ok(Path::new(".")),
        (Scope::User, Some(_)) => {
            Err(Failure::usage("`--dir` is for the configuration of a project, and this is the user's")
                .hint("leave out `--dir`, or add `--scope project`"))
        }
    }
}

/// A project that does not exist is worth saying now; a control plane that does not answer is not in the way.
async fn check_project(name: &Name, invocation: &Invocation) -> Result<(), Failure> {
    let checked = match invocation.client() {
        Ok(client) => client.existing::<ProjectSpec>(name).await.map(drop),
        Err(failure) => Err(failure),
    };
    match checked {
        Err(failure) if failure.status == Status::NotFound => Err(failure),
        Err(failure) => {
            invocation
                .output
                .warn(format!("whether project `{name}` exists could not be checked: {}", failure.message));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Nothing that looks like a secret is written, and a file that a team shares is not written while it holds one.
fn refuse_secrets(
    entry: &Value,
    target: Target<'_>,
    text: &str,
    (scope, invocation): (Scope, &Invocation),
) -> Result<(), Failure> {
    let value = target.value(text)?;
    let (found, others) = match scope {
        Scope::Project => (secret_scan::find(&value), Vec::new()),
        Scope::User => (secret_scan::find(entry), servers_with_secrets(target.client, &value)),
    };
    if !others.is_empty() {
        invocation.output.warn(format!(
            "{} holds what looks like a secret at {}; `mcpctl setup` keeps secrets encrypted instead",
            target.file,
            others.join(", ")
        ));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("{} would hold what looks like a secret, so it was not written", target.file))
        .details(found.into_iter().map(|path| format!("at {path}")))
        .hint("put a reference such as ${NAME} in its place, or set that server up with `mcpctl setup`"))
}

fn servers_with_secrets(client: &Client, value: &Value) -> Vec<String> {
    let servers = value.get(&client.servers).unwrap_or(&Value::Null);
    secret_scan::find(servers).into_iter().map(|path| format!("{}.{path}", client.servers)).collect()
}

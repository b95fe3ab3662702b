//! `mcpctl claude`: our entry in a project's `.mcp.json`, and nothing else in it.

use crate::{
    Invocation,
    args::claude::{Command, Place},
    clients::{
        claude::{self, Edit, FILE, KEY},
        secret_scan,
    },
    failure::{During as _, Failure, Status},
    home::{self, mode_of},
    output::Change,
    processes::in_path,
};
use control_plane_api::{name::Name, project::ProjectSpec};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// Mode of a new file: it holds no secret and belongs to the project.
const NEW_FILE: u32 = 0o644;

/// Runs one of the Claude Code commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    match command {
        Command::AddMcpProject { name, place } => add(&invocation.settings.project(name)?, &place, invocation).await,
        Command::RemoveMcpProject { name, place } => remove(name.as_ref(), &place, invocation),
    }
}

async fn add(name: &Name, place: &Place, invocation: &Invocation) -> Result<(), Failure> {
    check_project(name, invocation).await?;
    let path = path_in(&place.dir)?;
    let before = read(&path)?;
    let home = (!invocation.home.is_default()).then(|| invocation.home.root().display().to_string());
    let entry = claude::entry(&own_command()?, name.as_str(), home.as_deref());
    let edit = claude::add(before.as_deref(), &entry)?;
    if let Edit::Created(text) | Edit::Configured(text) = &edit {
        refuse_secrets(text)?;
    }
    finish(&path, before.as_deref().unwrap_or_default(), edit, place.dry_run, invocation)?;
    let dir = path.parent().unwrap_or(Path::new("."));
    invocation.output.note(format!("next: run `claude` in {} and approve {KEY}", dir.display()));
    Ok(())
}

fn remove(name: Option<&Name>, place: &Place, invocation: &Invocation) -> Result<(), Failure> {
    let path = path_in(&place.dir)?;
    let before = read(&path)?;
    let edit = match &before {
        Some(text) => claude::remove(text, name.map(Name::as_str))?,
        None => Edit::Unchanged,
    };
    finish(&path, before.as_deref().unwrap_or_default(), edit, place.dry_run, invocation)
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

/// The file itself: where a link leads, not the link.
fn path_in(dir: &Path) -> Result<PathBuf, Failure> {
    let dir = fs::canonicalize(dir).during(|| format!("cannot find folder `{}`", dir.display()))?;
    let path = dir.join(FILE);
    Ok(fs::canonicalize(&path).unwrap_or(path))
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).during(|| format!("cannot read `{}`", path.display())),
    }
}

/// `mcpctl` where that finds this very program, else the program's own path.
fn own_command() -> Result<String, Failure> {
    let own = env::current_exe().during(|| "cannot find this program's own path".to_owned())?;
    let found = in_path("mcpctl").and_then(|path| fs::canonicalize(path).ok());
    let same = found.is_some() && found == fs::canonicalize(&own).ok();
    Ok(if same { "mcpctl".to_owned() } else { own.display().to_string() })
}

fn refuse_secrets(text: &str) -> Result<(), Failure> {
    let value = serde_json::from_str(text).map_err(|error| Failure::failed(error.to_string()))?;
    let found = secret_scan::find(&value);
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("{FILE} would hold what looks like a secret, so it was not written"))
        .details(found.into_iter().map(|path| format!("at {path}")))
        .hint("put a reference such as ${NAME} in its place, or set that server up with `mcpctl setup`"))
}

fn finish(path: &Path, before: &str, edit: Edit, dry_run: bool, invocation: &Invocation) -> Result<(), Failure> {
    let (word, text) = match edit {
        Edit::Unchanged => ("unchanged", None),
        Edit::Created(text) => ("created", Some(text)),
        Edit::Configured(text) => ("configured", Some(text)),
        Edit::Removed(text) => ("removed", Some(text)),
    };
    let object = format!("{FILE}/{KEY}");
    let Some(text) = text else { return invocation.output.changes(&[Change::new(object, word)]) };
    if dry_run {
        invocation.output.note(format!("{} would change:", path.display()));
        return invocation.output.raw(&difference(before, &text));
    }
    home::replace(path, text.as_bytes(), mode_of(path).unwrap_or(NEW_FILE))
        .during(|| format!("cannot write `{}`", path.display()))?;
    invocation.output.changes(&[Change::new(object, word)])
}

/// The lines that differ between the common beginning and the common end.
fn difference(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let middle = |lines: &[&str], sign: char| {
        let shown = lines.iter().take(lines.len() - tail).skip(head);
        shown.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    middle(&old, '-') + &middle(&new, '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_only_what_differs() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), "- b\n+ x\n");
        assert_eq!(difference("", "a\n"), "+ a\n");
        assert_eq!(difference("a\na\n", "a\na\na\n"), "+ a\n");
        assert_eq!(difference("same\n", "same\n"), "");
    }
}

//! Checks of this machine: the home folder, the processes, the model, the project file, the clients.

use super::Check;
use crate::{
    Invocation,
    clients::{self, Target, secret_scan, table},
    failure::Failure,
    home::mode_of,
    processes::{self, in_path},
    weights::{self, FILES, FileState, MODEL},
};
use control_plane_api::{name::Name, project::ProjectSpec};
use std::fs;

/// Programs of the clients mcpctl knows.
const CLIENTS: [&str; 6] = ["claude", "codex", "gemini", "cursor", "code", "goose"];

/// What everything else rests on.
pub(super) fn before(invocation: &Invocation) -> Vec<Check> {
    let mut checks = vec![home(invocation), token(invocation)];
    if invocation.server.is_none() {
        checks.push(daemon(invocation));
    }
    checks
}

/// What works without the rest.
pub(super) async fn after(invocation: &Invocation) -> Vec<Check> {
    vec![model(invocation), project_file(invocation).await, clients()]
}

fn home(invocation: &Invocation) -> Check {
    let root = invocation.home.root();
    match mode_of(root) {
        None => Check::warn("home", format!("`{}` does not exist yet", root.display()), "mcpctl daemon start"),
        Some(mode) if mode & 0o077 != 0 => Check::fail(
            "home",
            format!("`{}` is open to other users (mode {mode:o})", root.display()),
            format!("chmod 700 {}", root.display()),
        ),
        Some(_) => Check::ok("home", format!("`{}` is private", root.display())),
    }
}

fn token(invocation: &Invocation) -> Check {
    match invocation.home.token() {
        Ok(token) => Check::ok("token", format!("from {}", token.origin)),
        Err(failure) => Check::failure("token", failure),
    }
}

fn daemon(invocation: &Invocation) -> Check {
    const NAME: &str = "daemon";
    if let Ok(Some(record)) = invocation.home.laptop() {
        return match record.process.as_ref().is_some_and(processes::is_running) {
            true => Check::ok(NAME, format!("gateway {} at {}", record.gateway, record.gateway_url)),
            false => Check::fail(NAME, format!("gateway {} does not run", record.gateway), "mcpctl daemon start"),
        };
    }
    let record = match invocation.home.daemon() {
        Ok(Some(record)) => record,
        Ok(None) => return Check::fail(NAME, "was not started", "mcpctl daemon start"),
        Err(failure) => return Check::failure(NAME, failure),
    };
    let dead: Vec<&str> = [("mcpd", Some(&record.mcpd)), ("gateway", record.gateway.as_ref())]
        .into_iter()
        .filter(|(_, process)| !process.is_some_and(processes::is_running))
        .map(|(name, _)| name)
        .collect();
    if dead.is_empty() {
        return Check::ok(NAME, format!("mcpd at {}, gateway at {}", record.api_url, record.gateway_url));
    }
    let logs = invocation.home.path("logs");
    let found = format!("{} does not run; see `{}`", dead.join(" and "), logs.display());
    Check::fail(NAME, found, "mcpctl daemon start")
}

fn model(invocation: &Invocation) -> Check {
    const NAME: &str = "model";
    let folder = weights::folder(&invocation.home);
    let mut wrong = Vec::new();
    for weight in &FILES {
        match weights::check(&folder, weight) {
            Ok(FileState::Whole) => {}
            Ok(FileState::Missing) => wrong.push(format!("{} is missing", weight.name)),
            Ok(FileState::Damaged) => wrong.push(format!("{} has the wrong SHA-256", weight.name)),
            Err(failure) => return Check::failure(NAME, failure),
        }
    }
    if wrong.is_empty() {
        return Check::ok(NAME, format!("{MODEL} is whole"));
    }
    Check::warn(
        NAME,
        format!("{MODEL}: {}; results are filtered by words alone", wrong.join(", ")),
        "mcpctl model pull",
    )
}

async fn project_file(invocation: &Invocation) -> Check {
    const NAME: &str = ".mcp.json";
    let Ok(text) = fs::read_to_string(NAME) else {
        return Check::ok(NAME, "none in this folder");
    };
    let project = match read_project(&text) {
        Ok(project) => project,
        Err(failure) => return Check::failure(NAME, failure),
    };
    let secrets = serde_json::from_str(&text).map(|value| secret_scan::find(&value)).unwrap_or_default();
    if !secrets.is_empty() {
        let found = format!("holds what looks like a secret, at {}", secrets.join(", "));
        return Check::fail(NAME, found, "put a reference such as ${NAME} in its place, and replace the secret");
    }
    let Some(project) = project else {
        return Check::ok(NAME, "valid, without an entry of mcpctl");
    };
    let add = "mcpctl claude add-mcp-project PROJECT";
    let Ok(name) = project.parse::<Name>() else {
        return Check::fail(NAME, format!("names the project `{project}`, which is no valid name"), add);
    };
    match invocation.client() {
        Ok(client) => match client.object::<ProjectSpec>(&name).await {
            Ok(None) => Check::fail(NAME, format!("names the project `{project}`, which does not exist"), add),
            _ => Check::ok(NAME, format!("valid, connects to project `{project}`")),
        },
        Err(_) => Check::ok(NAME, format!("valid, connects to project `{project}`")),
    }
}

/// The project that our entry connects to; none without such an entry.
fn read_project(text: &str) -> Result<Option<String>, Failure> {
    let client = table::find("claude")?;
    Target { client: &client, file: ".mcp.json", name: clients::NAME }.project(text)
}

fn clients() -> Check {
    let found: Vec<&str> = CLIENTS.into_iter().filter(|client| in_path(client).is_some()).collect();
    if found.is_empty() {
        return Check::warn(
            "clients",
            format!("none of {} is in PATH", CLIENTS.join(", ")),
            "npm install -g @anthropic-ai/claude-code",
        );
    }
    Check::ok("clients", found.join(", "))
}

//! Completion by the program itself: the shell asks for what could come next, and names of projects, servers and the like are
//! those that the control plane has now.
//!
//! It asks nobody for anything, says nothing where nothing answers, and gives up quickly.

use crate::{
    args::{Cli, Color, Format, Shell, topics::TOPICS},
    catalogue,
    client::{Client, Wire},
    clients::table,
    config::{Settings, file::File, file::USER_FILE, keys::KEYS},
    home::Home,
    output::Output,
};
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCompleter, CompletionCandidate},
    env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh},
};
use control_plane_api::{object::Kind, secret::Secret};
use std::{collections::BTreeMap, env, ffi::OsStr, io, path::Path, time::Duration};

/// The variable by which a shell says that it asks, and which shell it is.
const VARIABLE: &str = "MCPCTL_COMPLETE";
/// Time for the control plane: somebody has pressed a key and waits.
const TIMEOUT: Duration = Duration::from_millis(800);

/// Answers a shell, if one asks. Whether one did.
pub(crate) fn answer() -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(|| attached(Cli::command(), &[]))
        .var(VARIABLE)
        .bin("mcpctl")
        .try_complete(env::args_os(), env::current_dir().ok().as_deref())
}

/// What a shell has to be told once, so that it asks.
pub(crate) fn registration(shell: Shell) -> io::Result<Vec<u8>> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Powershell => &Powershell,
        Shell::Elvish => &Elvish,
    };
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "mcpctl", "mcpctl", "mcpctl", &mut script)?;
    Ok(script)
}

/// Where the values of an argument come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A collection of the API.
    Live(&'static str),
    /// The servers mcpctl knows how to set up.
    Catalogue,
    /// The contexts in the user's file.
    Contexts,
    /// The clients mcpctl can connect.
    Clients,
    /// The kinds of objects.
    Kinds,
    /// The settings.
    Keys,
    /// Commands and topics.
    Help,
}

/// `command` with a source for every argument that has one; `path` are the words up to it.
fn attached(command: Command, path: &[String]) -> Command {
    let own = path.to_vec();
    let command = command.mut_args(|arg| match source(&own, &arg) {
        Some(source) => arg.add(ArgValueCompleter::new(move |typed: &OsStr| candidates(source, typed))),
        None => arg,
    });
    command.mut_subcommands(|sub| {
        let path: Vec<String> = path.iter().cloned().chain([sub.get_name().to_owned()]).collect();
        attached(sub, &path)
    })
}

fn source(path: &[String], arg: &Arg) -> Option<Source> {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    Some(match (words.as_slice(), arg.get_id().as_str()) {
        (["setup"], "server") | (["catalogue", "describe"], "name") => Source::Catalogue,
        (_, "client") => Source::Clients,
        (["get" | "delete"], "kind") | (["export"], "kinds") => Source::Kinds,
        (["help"], "words") => Source::Help,
        (["config", "get" | "set" | "unset"], "key") => Source::Keys,
        (["config", "use-context" | "delete-context"], "name") | ([], "context") => Source::Contexts,
        // What is to be created has no name yet.
        ([.., "create" | "join-token"], "name") => return None,
        (["project" | "claude", ..], "name") | (_, "project") => Source::Live("projects"),
        (["profile", ..], "name") | (_, "profiles") => Source::Live("profiles"),
        (["server", ..], "name") | (_, "server" | "of_server") => Source::Live("servers"),
        (["instance", ..], "name") => Source::Live("instances"),
        (["gateway", ..], "name") => Source::Live("gateways"),
        (["secrets", ..], "name") => Source::Live("secrets"),
        (["user", ..], "name") | (_, "user" | "users" | "members") => Source::Live("users"),
        _ => return None,
    })
}

fn candidates(source: Source, typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let found = match source {
        Source::Live(collection) => live(collection).unwrap_or_default(),
        Source::Catalogue => catalogue::all().unwrap_or_default().iter().map(|one| one.id().to_owned()).collect(),
        Source::Clients => clients().unwrap_or_default(),
        Source::Kinds => Kind::ALL.iter().map(ToString::to_string).collect(),
        Source::Contexts => contexts().unwrap_or_default(),
        Source::Keys => KEYS.iter().map(|key| key.name.to_owned()).collect(),
        Source::Help => {
            let command = Cli::command();
            let commands = command.get_subcommands().map(|command| command.get_name().to_owned());
            commands.chain(TOPICS.iter().map(|(name, _)| (*name).to_owned())).collect()
        }
    };
    // In a list the names before the last comma stay as they are.
    let (before, last) = typed.rfind(',').map_or(("", typed), |at| typed.split_at(at + 1));
    let fitting = found.into_iter().filter(|name| name.starts_with(last));
    fitting.map(|name| CompletionCandidate::new(format!("{before}{name}"))).collect()
}

/// The value of a global option among the words of the line that is being typed.
fn typed_option(name: &str) -> Option<String> {
    let line: Vec<String> = env::args_os()
        .skip_while(|word| word != "--")
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let after = line.iter().zip(line.iter().skip(1)).find(|(word, _)| *word == name).map(|(_, value)| value.clone());
    after.or_else(|| line.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)))
}

fn home() -> Option<Home> {
    let given = typed_option("--home").or_else(|| env::var("MCPCTL_HOME").ok().filter(|home| !home.is_empty()));
    Home::open(given.as_deref().map(Path::new)).ok()
}

fn contexts() -> Option<Vec<String>> {
    let file = File::of_user(&home()?.path(USER_FILE)).ok()?;
    Some(file.contexts.into_keys().collect())
}

fn clients() -> Option<Vec<String>> {
    Some(table::all().ok()?.into_iter().map(|client| client.name).collect())
}

/// The names that the control plane has now; none where it does not say.
fn live(collection: &'static str) -> Option<Vec<String>> {
    let home = home()?;
    let flags: BTreeMap<&'static str, String> = [("server", "--server"), ("context", "--context")]
        .into_iter()
        .filter_map(|(key, flag)| Some((key, typed_option(flag)?)))
        .collect();
    let settings = Settings::load(&home, flags).ok()?;
    let base = settings.server().map_or_else(|| home.api_url().ok(), Some)?;
    let token = home.silent_token(&base).unwrap_or_else(|| Secret::new(String::new()));
    let wire = Wire {
        ca: settings.ca().map(Path::to_owned),
        each: TIMEOUT,
        until: None,
        retries: 0,
        verbose: false,
        curl: false,
        output: Output::new(Format::Table, true, Color::Never),
    };
    let client = Client::with_token(base, &token, &wire).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { tokio::time::timeout(TIMEOUT, client.listed(collection)).await.ok().flatten() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf<'a>(command: &'a Command, words: &[&str]) -> &'a Command {
        words.iter().fold(command, |at, word| at.find_subcommand(word).unwrap())
    }

    #[test]
    fn every_argument_that_takes_a_name_knows_where_names_are() {
        let check = |line: &str, id: &str, expected: Option<Source>| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let path: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let command = Cli::command();
            let arg = leaf(&command, &words)
                .get_arguments()
                .find(|arg| arg.get_id() == id)
                .unwrap_or_else(|| panic!("{line} {id}"));
            assert_eq!(source(&path, arg), expected, "{line} {id}");
        };
        check("project describe", "name", Some(Source::Live("projects")));
        check("project create", "name", None);
        check("project create", "profiles", Some(Source::Live("profiles")));
        check("project create", "members", Some(Source::Live("users")));
        check("profile create", "server", Some(Source::Live("servers")));
        check("instance logs", "name", Some(Source::Live("instances")));
        check("gateway join-token", "name", None);
        check("gateway drain", "name", Some(Source::Live("gateways")));
        check("user delete", "name", Some(Source::Live("users")));
        check("token list", "user", Some(Source::Live("users")));
        check("mcp-stdio", "project", Some(Source::Live("projects")));
        check("setup", "server", Some(Source::Catalogue));
        check("config use-context", "name", Some(Source::Contexts));
    }
}

//! `mcpctl config`: what is set, by what, and changing the user's own file.

use crate::{
    Invocation,
    args::config::Command,
    client::{http::is_loopback, wire},
    clients::secret_scan,
    config::{
        Origin, Settings,
        edit::{self, Edit},
        file::{File, USER_FILE},
        keys::{self, KEYS, Key},
    },
    failure::{During as _, Failure},
    output::{Change, Report, Table},
    prompt, suggest,
};
use serde::Serialize;
use std::path::Path;

/// Runs one of the config commands.
pub(crate) fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    match command {
        Command::Get { key, show_origin } => get(&key, show_origin, invocation),
        Command::Set { key, value } => set(&key, &value, invocation),
        Command::Unset { key } => unset(&key, invocation),
        Command::View { show_origin } => invocation.output.report(&View::of(&invocation.settings, show_origin)),
        Command::SetServer { url } => set_server(&url, invocation),
        Command::SetCa { file } => set_ca(&file, invocation),
        Command::UseContext { name } => use_context(name.as_str(), invocation),
        Command::Contexts => contexts(invocation),
        Command::DeleteContext { name, yes } => delete_context(name.as_str(), yes, invocation),
    }
}

fn get(name: &str, show_origin: bool, invocation: &Invocation) -> Result<(), Failure> {
    let key = keys::find(name)?;
    let row = Row::of(key, &invocation.settings, show_origin);
    if row.value.is_none() {
        return Err(Failure::not_found(format!("`{name}` is not set")).hint(key.help));
    }
    invocation.output.report(&One(row))
}

fn set(name: &str, value: &str, invocation: &Invocation) -> Result<(), Failure> {
    let key = keys::find(name)?;
    refuse_secret(name, value)?;
    match name {
        "server" => return set_server(value, invocation),
        "ca" => return set_ca(Path::new(value), invocation),
        "context" => return use_context(value, invocation),
        _ => {}
    }
    change(name, &[Edit::Set(key.name, &key.check(value)?)], invocation)?;
    warn_if_covered(key, invocation);
    Ok(())
}

/// A token in a value is refused, whatever the key: the file is no place for it.
fn refuse_secret(name: &str, value: &str) -> Result<(), Failure> {
    if secret_scan::find(&serde_json::json!({ name: value })).is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the value for `{name}` looks like a secret, and secrets are never kept in a configuration file"
    ))
    .hint("keep mcpctl's own token with `mcpctl credentials set`, those of servers with `mcpctl secrets set`"))
}

fn unset(name: &str, invocation: &Invocation) -> Result<(), Failure> {
    // What is no key any more, or never was, can still be taken out.
    let key = keys::find(name).map_or(name, |key| key.name);
    let path = invocation.home.path(USER_FILE);
    if keys::find(name).is_err() && !std::fs::read_to_string(&path).is_ok_and(|text| text.contains(name)) {
        keys::find(name)?;
    }
    change(key, &[Edit::Unset(key)], invocation)
}

fn change(name: &str, edits: &[Edit<'_>], invocation: &Invocation) -> Result<(), Failure> {
    let changed = edit::apply(&invocation.home, edits)?;
    invocation
        .output
        .changes(&[Change::new(format!("config/{name}"), if changed { "configured" } else { "unchanged" })])
}

/// Says so where something nearer goes before what was just kept.
fn warn_if_covered(key: &Key, invocation: &Invocation) {
    let Some(setting) = invocation.settings.get(key.name) else { return };
    if matches!(setting.origin, Origin::Variable(_) | Origin::Project(_)) {
        invocation
            .output
            .warn(format!("`{}` stays `{}` here: {} goes before your file", key.name, setting.value, setting.origin));
    }
}

fn set_server(text: &str, invocation: &Invocation) -> Result<(), Failure> {
    let url = keys::server_url(text)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        invocation.output.warn(format!("your token goes to `{url}` in the clear: use https"));
    }
    let text = url.as_str();
    match &invocation.context {
        Some(name) => {
            let name = keys::find("context")?.check(name)?;
            change(&format!("contexts.{name}.server"), &[Edit::SetIn(&name, "server", text)], invocation)
        }
        None => {
            change("server", &[Edit::Set("server", text)], invocation)?;
            warn_if_covered(keys::find("server")?, invocation);
            let used = File::of_user(&invocation.home.path(USER_FILE))?.values.get("context").cloned();
            if let Some(name) = used {
                invocation.output.warn(format!(
                    "the context `{name}` is in use, and its server goes before: `mcpctl config set-server URL --context {name}`, \
                     or `mcpctl config unset context`"
                ));
            }
            Ok(())
        }
    }
}

fn set_ca(file: &Path, invocation: &Invocation) -> Result<(), Failure> {
    wire::certificates(file)?;
    let path = std::fs::canonicalize(file).during(|| format!("cannot find `{}`", file.display()))?;
    let Some(path) = path.to_str() else {
        return Err(Failure::usage(format!("the path `{}` is no text", path.display())));
    };
    match &invocation.context {
        Some(name) => {
            user_file(invocation)?
                .contexts
                .get(name.as_str())
                .map_or_else(|| Err(unknown(name, invocation)), |_| Ok(()))?;
            change(&format!("contexts.{name}.ca"), &[Edit::SetIn(name, "ca", path)], invocation)
        }
        None => change("ca", &[Edit::Set("ca", path)], invocation),
    }
}

fn use_context(name: &str, invocation: &Invocation) -> Result<(), Failure> {
    if !user_file(invocation)?.contexts.contains_key(name) {
        return Err(unknown(name, invocation));
    }
    change("context", &[Edit::Set("context", name)], invocation)?;
    warn_if_covered(keys::find("context")?, invocation);
    Ok(())
}

fn contexts(invocation: &Invocation) -> Result<(), Failure> {
    let file = user_file(invocation)?;
    let current = invocation.settings.get("context").map(|setting| setting.value.clone());
    let current = current.or_else(|| file.values.get("context").cloned());
    let rows = file.contexts.into_iter().map(|(name, context)| ContextRow {
        current: current.as_deref() == Some(name.as_str()),
        name,
        server: context.server,
        ca: context.ca,
    });
    invocation.output.report(&Contexts(rows.collect()))
}

fn delete_context(name: &str, yes: bool, invocation: &Invocation) -> Result<(), Failure> {
    let file = user_file(invocation)?;
    let Some(context) = file.contexts.get(name) else { return Err(unknown(name, invocation)) };
    prompt::confirm_destruction(invocation.output, yes, &format!("forgetting context `{name}`"))?;
    let mut edits = vec![Edit::Forget(name)];
    if file.values.get("context").is_some_and(|current| current == name) {
        edits.push(Edit::Unset("context"));
    }
    edit::apply(&invocation.home, &edits)?;
    invocation.output.changes(&[Change::new(format!("context/{name}"), "deleted")])?;
    let server = context.server.as_deref().unwrap_or_default();
    let kept = keys::server_url(server).ok().and_then(|url| invocation.home.kept_token(&url).ok().flatten());
    if kept.is_some() {
        invocation.output.note(format!("its token is still kept: `mcpctl logout --server {server}` ends that"));
    }
    Ok(())
}

fn user_file(invocation: &Invocation) -> Result<File, Failure> {
    File::of_user(&invocation.home.path(USER_FILE))
}

fn unknown(name: &str, invocation: &Invocation) -> Failure {
    let failure = Failure::not_found(format!("context `{name}` does not exist"));
    let known = user_file(invocation).map(|file| file.contexts).unwrap_or_default();
    match suggest::closest(name, known.keys().map(String::as_str)) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None => failure.hint(format!("make it with `mcpctl config set-server URL --context {name}`")),
    }
}

#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

impl Row {
    fn of(key: &Key, settings: &Settings, show_origin: bool) -> Self {
        let setting = settings.get(key.name);
        Self {
            key: key.name,
            value: setting.map(|setting| setting.value.clone()),
            origin: setting.map(|setting| setting.origin.clone()).filter(|_| show_origin),
        }
    }

    fn shown(&self) -> String {
        self.value.clone().unwrap_or_else(|| "<unset>".to_owned())
    }
}

/// One value, alone, so that a script can take it.
#[derive(Serialize)]
#[serde(transparent)]
struct One(Row);

impl Report for One {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::default();
        let origin = self.0.origin.as_ref().map(ToString::to_string);
        table.row(std::iter::once(self.0.shown()).chain(origin));
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.shown()]
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct View(Vec<Row>);

impl View {
    fn of(settings: &Settings, show_origin: bool) -> Self {
        Self(KEYS.iter().map(|key| Row::of(key, settings, show_origin)).collect())
    }
}

impl Report for View {
    fn table(&self, _wide: bool) -> Table {
        let with_origin = self.0.iter().any(|row| row.origin.is_some());
        let mut table = Table::new(["KEY", "VALUE"].into_iter().chain(with_origin.then_some("ORIGIN")));
        for row in &self.0 {
            let origin = row.origin.as_ref().map_or("-".to_owned(), ToString::to_string);
            table.row([row.key.to_owned(), row.shown()].into_iter().chain(with_origin.then_some(origin)));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|row| row.key.to_owned()).collect()
    }
}

#[derive(Serialize)]
struct ContextRow {
    name: String,
    current: bool,
    server: Option<String>,
    ca: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Contexts(Vec<ContextRow>);

impl Report for Contexts {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["NAME", "CURRENT", "SERVER", "CA"]);
        for row in &self.0 {
            let cell = |text: &Option<String>| text.clone().unwrap_or_default();
            let current = if row.current { "*" } else { "-" };
            table.row([row.name.clone(), current.to_owned(), cell(&row.server), cell(&row.ca)]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|row| row.name.clone()).collect()
    }
}

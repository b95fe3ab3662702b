//! What a setup comes to: one server, its profiles, its secrets. Pure; nothing is stored here.

use super::{profiles, values::Values};
use crate::{
    args::setup::{Setup, SetupAccess},
    catalogue::{self, Choice, Program, Setting, Switches},
    failure::Failure,
    output::Output,
    processes::in_path,
};
use control_plane_api::{
    name::Name,
    oauth::OauthSettings,
    object::{Named, Object},
    pattern::Pattern,
    relevance::RelevanceSettings,
    sandbox::{Sandbox, SandboxLevel},
    secret::Secret,
    server::{ServerSpec, ToolClass, ToolRule, Transport, Value},
};
use std::{collections::BTreeMap, path::Path};

/// A secret to store.
pub(super) struct PlannedSecret {
    pub(super) name: Name,
    pub(super) value: Secret,
}

/// Everything a setup stores.
pub(super) struct Plan {
    /// The server.
    pub(super) name: Name,
    /// The server and its profiles.
    pub(super) objects: Vec<Object>,
    /// Stored before the objects, which refer to them.
    pub(super) secrets: Vec<PlannedSecret>,
    /// What commonly goes wrong with this server.
    pub(super) hint: String,
    /// Whether it needs consent before it answers.
    pub(super) oauth: Option<OauthSettings>,
    /// Whether a call can show that its credential is good.
    pub(super) is_probed: bool,
    /// What it is told to keep to reading with, for people.
    switches: Vec<String>,
    transport: Transport,
}

impl Plan {
    /// `client_secret`: what proves its OAuth client.
    pub(super) fn new(
        args: &Setup,
        name: Name,
        choice: Option<&Choice>,
        values: Values,
        client_secret: Option<Secret>,
    ) -> Result<Self, Failure> {
        let mut secrets = Vec::new();
        let oauth = oauth(args, (&name, choice), client_secret, &mut secrets)?;
        let definition = choice.map(|choice| &choice.definition);
        let probes = choice.map(|choice| catalogue::probes(choice, &values.answers)).unwrap_or_default();
        let transport = transport(args, &name, choice, values, &mut secrets)?;
        let tools = tools(args, choice);
        let title = definition.map_or_else(|| name.to_string(), |definition| definition.title().to_owned());
        let spec = ServerSpec {
            description: definition.map(|definition| definition.description.clone()).unwrap_or_default(),
            oauth: oauth.clone(),
            probes: if oauth.is_some() { Vec::new() } else { probes },
            tools,
            ..ServerSpec::new(transport.clone())
        };
        let profiles = profiles::of(&spec, &name, &title, choice)?;
        let is_probed = !spec.probes.is_empty();
        let mut objects = vec![Object::Server(Named { name: name.clone(), revision: 0, spec })];
        objects.extend(profiles);
        let switches = choice.map(|choice| told(switches(args, choice))).unwrap_or_default();
        Ok(Self { hint: hint(choice, &transport), name, objects, secrets, oauth, is_probed, switches, transport })
    }

    /// The profiles, by name.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &Name> {
        self.objects.iter().filter_map(|object| match object {
            Object::Profile(profile) => Some(&profile.name),
            _ => None,
        })
    }

    /// Says exactly what will run, and with what; never a secret's value.
    pub(super) fn show(&self, output: Output) {
        let values = match &self.transport {
            Transport::Stdio { command, args, env, .. } => {
                let line: Vec<String> = std::iter::once(command).chain(args).map(|word| quoted(word)).collect();
                output.note(format!("{} will run as: {}", self.name, line.join(" ")));
                if !is_installed(command) {
                    let hint = catalogue::launcher_hint(command).map(|hint| format!(": {hint}")).unwrap_or_default();
                    output.warn(format!("`{command}` is not on this machine{hint}"));
                }
                env
            }
            Transport::Http { url, headers, .. } => {
                output.note(format!("{} will be reached at: {url}", self.name));
                headers
            }
        };
        for (key, value) in values {
            match value {
                Value::Plain(value) => output.note(format!("  {key} = {value}")),
                Value::Secret { secret, .. } => output.note(format!("  {key} = secret/{secret}")),
            }
        }
        if !self.switches.is_empty() {
            let switches = self.switches.join(" ");
            output.note(format!(
                "it is told to keep to reading ({switches}): `--access read-write` leaves that to profiles"
            ));
        }
    }
}

/// How access tokens are obtained, if they are.
fn oauth(
    args: &Setup,
    (name, choice): (&Name, Option<&Choice>),
    client_secret: Option<Secret>,
    secrets: &mut Vec<PlannedSecret>,
) -> Result<Option<OauthSettings>, Failure> {
    let of_variant = choice.filter(|_| is_as_described(args)).and_then(|choice| choice.variant.oauth.as_ref());
    let mode = match (args.launch.oauth, of_variant) {
        (Some(mode), _) => mode.into(),
        (None, Some(oauth)) => oauth.mode,
        (None, None) if args.launch.client_id.is_some() => {
            return Err(Failure::usage("`--client-id` is for a server that wants OAuth").hint("add `--oauth per-user`"));
        }
        (None, None) => return Ok(None),
    };
    if of_variant.is_some_and(|oauth| oauth.needs_client_id) && args.launch.client_id.is_none() && !args.dry_run {
        let hint = choice.map(|choice| choice.variant.hint.clone()).unwrap_or_default();
        return Err(Failure::usage(format!("`{}` needs --client-id", args.server())).hint(hint));
    }
    let mut settings = OauthSettings { mode, client_id: args.launch.client_id.clone(), ..OauthSettings::default() };
    if let Some(value) = client_secret {
        let secret = derived(name, "client-secret")?;
        settings.client_secret = Some(secret.clone());
        secrets.push(PlannedSecret { name: secret, value });
    }
    Ok(Some(settings))
}

/// Whether the server is reached as its definition says.
fn is_as_described(args: &Setup) -> bool {
    args.launch.url.is_none() && args.launch.command.is_none()
}

fn tools(args: &Setup, choice: Option<&Choice>) -> Vec<ToolRule> {
    let read = |pattern: &String| ToolRule {
        tool: Pattern::from(pattern.as_str()),
        class: ToolClass::Read,
        flow: Vec::new(),
        relevance: RelevanceSettings::default(),
    };
    let mut tools: Vec<ToolRule> = args.read_tool.iter().map(read).collect();
    tools.extend(choice.map(|choice| catalogue::rules(&choice.definition)).unwrap_or_default());
    tools
}

/// What the server itself is told.
fn switches<'a>(args: &Setup, choice: &'a Choice) -> &'a Switches {
    match args.access {
        SetupAccess::ReadOnly => &choice.variant.read_only,
        SetupAccess::ReadWrite => &choice.variant.read_write,
    }
}

fn told(switches: &Switches) -> Vec<String> {
    let pairs = |pairs: &BTreeMap<String, String>, between: &str| {
        pairs.iter().map(|(key, value)| format!("{key}{between}{value}")).collect::<Vec<_>>()
    };
    [pairs(&switches.environment, "="), switches.arguments.clone(), pairs(&switches.headers, ": ")].concat()
}

fn transport(
    args: &Setup,
    name: &Name,
    choice: Option<&Choice>,
    mut values: Values,
    secrets: &mut Vec<PlannedSecret>,
) -> Result<Transport, Failure> {
    let launch = &args.launch;
    if let Some(url) = &launch.url {
        if !values.env.is_empty() {
            return Err(Failure::usage("a URL has no environment").hint("use `--header KEY=VALUE` or `--bearer-stdin`"));
        }
        let mut headers = stored(name, values.headers, secrets)?;
        if let Some(value) = values.bearer {
            let secret = derived(name, "bearer")?;
            secrets.push(PlannedSecret { name: secret.clone(), value });
            headers.insert("Authorization".to_owned(), Value::Secret { secret, prefix: "Bearer ".to_owned() });
        }
        return Ok(Transport::Http { url: url.clone(), headers, sse: false });
    }
    if let Some(choice) = choice.filter(|_| launch.command.is_none())
        && let Some(remote) = choice.remote()
    {
        let url = values.answers.url(remote)?;
        add(&mut values.headers, &switches(args, choice).headers);
        let headers = stored(name, values.headers, secrets)?;
        return Ok(Transport::Http { url, headers, sse: remote.kind == "sse" });
    }
    if let Some(choice) = choice {
        add(&mut values.env, &switches(args, choice).environment);
    }
    let variables: Vec<String> = values.env.iter().map(|setting| setting.key.clone()).collect();
    let program = match (&launch.command, choice) {
        (Some(command), _) => Program { command: command.clone(), args: launch.args.clone() },
        (None, Some(choice)) => choice.program(&values.answers, &variables, switches(args, choice))?,
        (None, None) => return Err(catalogue::unknown(args.server())),
    };
    let env = stored(name, values.env, secrets)?;
    let sandbox = Sandbox { level: launch.sandbox.map(SandboxLevel::from).unwrap_or_default(), ..Sandbox::default() };
    Ok(Transport::Stdio { command: program.command, args: program.args, env, sandbox })
}

/// Adds what is not there yet: what somebody said counts more.
fn add(settings: &mut Vec<Setting>, switches: &BTreeMap<String, String>) {
    for (key, value) in switches {
        if settings.iter().all(|setting| setting.key != *key) {
            settings.push(Setting::plain(key, value));
        }
    }
}

/// Puts the secret ones among `settings` aside, and refers to them.
fn stored(
    server: &Name,
    settings: Vec<Setting>,
    secrets: &mut Vec<PlannedSecret>,
) -> Result<BTreeMap<String, Value>, Failure> {
    let mut values = BTreeMap::new();
    for Setting { key, value, secret, prefix } in settings {
        let stored = if secret {
            let name = derived(server, &key.to_ascii_lowercase().replace('_', "-"))?;
            secrets.push(PlannedSecret { name: name.clone(), value });
            Value::Secret { secret: name, prefix }
        } else {
            Value::Plain(value.expose().to_owned())
        };
        values.insert(key, stored);
    }
    Ok(values)
}

/// What belongs to `server`.
pub(super) fn derived(server: &Name, suffix: &str) -> Result<Name, Failure> {
    let text = format!("{server}-{suffix}");
    text.parse().map_err(|error| Failure::usage(format!("{error}")).hint("choose a shorter name with `--name`"))
}

fn hint(choice: Option<&Choice>, transport: &Transport) -> String {
    match (transport, choice) {
        (Transport::Stdio { command, .. }, _) if !is_installed(command) => match catalogue::launcher_hint(command) {
            Some(launcher) => launcher.to_owned(),
            None => {
                format!("`{command}` is not on this machine: install it, or give the right program with `--command`")
            }
        },
        (_, Some(choice)) => choice.variant.hint.clone(),
        (Transport::Stdio { command, .. }, None) => {
            format!("run `{command}` by hand to see what it says; it must speak MCP on stdin and stdout")
        }
        (Transport::Http { url, .. }, None) => {
            format!("check that `{url}` is an MCP endpoint that can be reached")
        }
    }
}

fn is_installed(command: &str) -> bool {
    if command.contains('/') { Path::new(command).exists() } else { in_path(command).is_some() }
}

/// As a shell would need it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests;

//! What a setup comes to: one server, its profiles, its secrets. Pure; nothing is stored here.

use super::values::{Given, Values};
use crate::{
    args::setup::Setup,
    catalogue::{self, Definition, Program},
    failure::Failure,
    output::Output,
    processes::in_path,
};
use control_plane_api::{
    name::Name,
    oauth::OauthSettings,
    object::{Named, Object},
    pattern::Pattern,
    profile::{AccessLevel, ProfileSpec},
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
    transport: Transport,
}

/// How access tokens are obtained, if that was said.
fn oauth(args: &Setup) -> Option<OauthSettings> {
    args.launch.oauth.map(|mode| OauthSettings { mode: mode.into(), ..OauthSettings::default() })
}

impl Plan {
    pub(super) fn new(
        args: &Setup,
        name: Name,
        definition: Option<&Definition>,
        values: Values,
    ) -> Result<Self, Failure> {
        let mut secrets = Vec::new();
        let transport = transport(args, &name, definition, values, &mut secrets)?;
        let mut tools: Vec<ToolRule> = args
            .read_tool
            .iter()
            .map(|pattern| ToolRule {
                tool: Pattern::from(pattern.as_str()),
                class: ToolClass::Read,
                flow: Vec::new(),
                relevance: RelevanceSettings::default(),
            })
            .collect();
        tools.extend(definition.map(catalogue::rules).unwrap_or_default());
        let title = definition.map_or_else(|| name.to_string(), |definition| definition.title.clone());
        let spec = ServerSpec {
            description: definition.map(|definition| definition.description.clone()).unwrap_or_default(),
            oauth: oauth(args),
            tools,
            ..ServerSpec::new(transport.clone())
        };
        let has_classes = !spec.tools.is_empty();
        let mut objects = vec![Object::Server(Named { name: name.clone(), revision: 0, spec })];
        for (access, suffix, says) in LEVELS {
            if has_classes || access == AccessLevel::Full {
                let spec =
                    ProfileSpec { access, description: format!("{title}: {says}"), ..ProfileSpec::new(name.clone()) };
                objects.push(Object::Profile(Named { name: derived(&name, suffix)?, revision: 0, spec }));
            }
        }
        Ok(Self { hint: hint(definition, &transport), name, objects, secrets, transport })
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
    }
}

/// The profiles a server gets.
const LEVELS: [(AccessLevel, &str, &str); 3] = [
    (AccessLevel::ReadOnly, "read-only", "reading only"),
    (AccessLevel::ReadWrite, "read-write", "reading and writing, nothing that destroys"),
    (AccessLevel::Full, "full", "everything, also what destroys and what nobody has classed"),
];

fn transport(
    args: &Setup,
    name: &Name,
    definition: Option<&Definition>,
    values: Values,
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
    let variables: Vec<String> = values.env.iter().map(|given| given.key.clone()).collect();
    let program = match (&launch.command, definition) {
        (Some(command), _) => Program { command: command.clone(), args: launch.args.clone() },
        (None, Some(definition)) => catalogue::program(definition, &variables)?,
        (None, None) => return Err(catalogue::unknown(&args.server)),
    };
    let env = stored(name, values.env, secrets)?;
    let sandbox = Sandbox { level: launch.sandbox.map(SandboxLevel::from).unwrap_or_default(), ..Sandbox::default() };
    Ok(Transport::Stdio { command: program.command, args: program.args, env, sandbox })
}

/// Puts the secret ones among `given` aside, and refers to them.
fn stored(
    server: &Name,
    given: Vec<Given>,
    secrets: &mut Vec<PlannedSecret>,
) -> Result<BTreeMap<String, Value>, Failure> {
    let mut values = BTreeMap::new();
    for Given { key, value, secret } in given {
        let stored = if secret {
            let name = derived(server, &key.to_ascii_lowercase().replace('_', "-"))?;
            secrets.push(PlannedSecret { name: name.clone(), value });
            Value::Secret { secret: name, prefix: String::new() }
        } else {
            Value::Plain(value.expose().to_owned())
        };
        values.insert(key, stored);
    }
    Ok(values)
}

fn derived(server: &Name, suffix: &str) -> Result<Name, Failure> {
    let text = format!("{server}-{suffix}");
    text.parse().map_err(|error| Failure::usage(format!("{error}")).hint("choose a shorter name with `--name`"))
}

fn hint(definition: Option<&Definition>, transport: &Transport) -> String {
    match (transport, definition) {
        (Transport::Stdio { command, .. }, _) if !is_installed(command) => match catalogue::launcher_hint(command) {
            Some(launcher) => launcher.to_owned(),
            None => {
                format!("`{command}` is not on this machine: install it, or give the right program with `--command`")
            }
        },
        (_, Some(definition)) => definition.extension().hint.clone(),
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
mod tests {
    use super::*;
    use clap::Parser as _;

    fn plan(line: &[&str], values: Values) -> Result<Plan, Failure> {
        let words = ["mcpctl", "setup"].iter().chain(line);
        let crate::args::Command::Setup(args) = crate::args::Cli::try_parse_from(words).unwrap().command else {
            panic!("setup")
        };
        let definition = catalogue::find(&args.server).unwrap();
        Plan::new(&args, args.server.parse().unwrap(), definition.as_ref(), values)
    }

    fn secret(key: &str, value: &str) -> Values {
        Values {
            env: vec![Given { key: key.to_owned(), value: Secret::new(value.to_owned()), secret: true }],
            ..Values::default()
        }
    }

    fn names(plan: &Plan) -> Vec<String> {
        plan.objects.iter().map(|object| object.reference().to_string()).collect()
    }

    #[test]
    fn a_server_of_the_catalogue_gets_its_classes_and_profiles_whatever_runs_it() {
        let plan =
            plan(&["slack", "--command", "/opt/slack", "--arg=--x"], secret("SLACK_MCP_XOXB_TOKEN", "xoxb-1")).unwrap();
        assert_eq!(
            names(&plan),
            ["server/slack", "profile/slack-read-only", "profile/slack-read-write", "profile/slack-full"]
        );
        assert_eq!(plan.secrets[0].name.as_str(), "slack-slack-mcp-xoxb-token");
        let json = serde_json::to_string(&plan.objects).unwrap();
        assert!(!json.contains("xoxb-1") && json.contains("slack_post_message") && json.contains("/opt/slack"));
    }

    #[test]
    fn a_server_nobody_classed_gets_a_read_only_profile_only_when_told_what_reads() {
        assert_eq!(
            names(&plan(&["wiki", "--command", "w"], Values::default()).unwrap()),
            ["server/wiki", "profile/wiki-full"]
        );
        let classed = plan(&["wiki", "--command", "w", "--read-tool", "get_*"], Values::default()).unwrap();
        assert!(names(&classed).contains(&"profile/wiki-read-only".to_owned()));
    }

    #[test]
    fn a_url_gets_its_bearer_as_a_secret() {
        let values = Values { bearer: Some(Secret::new("t0p".to_owned())), ..Values::default() };
        let plan = plan(&["search", "--url", "https://s/mcp", "--bearer-stdin"], values).unwrap();
        assert_eq!(plan.secrets[0].name.as_str(), "search-bearer");
        assert!(!serde_json::to_string(&plan.objects).unwrap().contains("t0p"));
        assert!(super::tests::plan(&["search", "--url", "https://s/mcp"], secret("X", "y")).is_err());
    }

    #[test]
    fn words_are_shown_as_a_shell_needs_them() {
        assert_eq!(quoted("slack-mcp-server@1.3.0"), "slack-mcp-server@1.3.0");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}

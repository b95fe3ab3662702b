//! What a server is given: from the command line, stdin, files, the environment, the catalogue's defaults, a prompt.

use crate::{
    args::setup::Setup,
    catalogue::{Definition, Input},
    clients::secret_scan,
    failure::{Failure, Status},
    given,
    output::Output,
    prompt, suggest,
};
use control_plane_api::secret::Secret;
use std::{collections::BTreeMap, env};

/// One environment variable or header for the server.
#[derive(Clone)]
pub(super) struct Given {
    /// The variable or header.
    pub(super) key: String,
    /// Its value; also one that is no secret may be one by mistake.
    pub(super) value: Secret,
    /// Whether it goes into the secret store.
    pub(super) secret: bool,
}

/// Everything the server is given.
#[derive(Default)]
pub(super) struct Values {
    /// Environment variables.
    pub(super) env: Vec<Given>,
    /// Headers.
    pub(super) headers: Vec<Given>,
    /// A bearer token for the URL.
    pub(super) bearer: Option<Secret>,
}

/// Gathers the values; everything that is missing is named at once.
pub(super) fn gather(
    args: &Setup,
    definition: Option<&Definition>,
    interactive: bool,
    output: Output,
) -> Result<Values, Failure> {
    let values = &args.values;
    check_stdin_is_used_once(args)?;
    let plain = |pairs: &[String], flag: &str| -> Result<Vec<Given>, Failure> {
        let split = |pair: &String| {
            let (key, value) = pair_of(pair, flag)?;
            warn_of_secret(&key, &value, flag, output);
            Ok(Given { key, value: Secret::new(value), secret: false })
        };
        pairs.iter().map(split).collect()
    };
    let mut gathered =
        Values { env: plain(&values.env, "--env")?, headers: plain(&values.header, "--header")?, bearer: None };
    if values.bearer_stdin {
        gathered.bearer = Some(prompt::read_stdin()?);
    }
    let mut inputs: Vec<Input> = match definition {
        Some(definition) if args.launch.url.is_none() => definition.inputs(),
        _ => Vec::new(),
    };
    inputs.extend(values.secret_env.iter().map(|key| Input::secret(key)));
    let mut offered = Offered::read(args, &inputs, output)?;
    let found = resolve(&inputs, &mut offered, interactive, output)?;
    let missing: Vec<&Input> =
        inputs.iter().filter(|input| input.required && !found.contains_key(&input.name)).collect();
    if !missing.is_empty() {
        return Err(named(&missing, &args.server));
    }
    for input in &inputs {
        if let Some((value, key)) = found.get(&input.name) {
            let key = key.clone().unwrap_or_else(|| route(input, value.expose(), &found));
            gathered.env.push(Given { key, value: value.clone(), secret: input.secret });
        }
    }
    Ok(gathered)
}

/// A value, and the variable it was given for when that was said.
type Found = BTreeMap<String, (Secret, Option<String>)>;

fn resolve(inputs: &[Input], offered: &mut Offered, interactive: bool, output: Output) -> Result<Found, Failure> {
    let mut found = Found::new();
    let ask_all = interactive;
    for input in inputs {
        let value = match offered.take(input) {
            Some(value) => Some(value),
            None if ask_all => asked(input, output)?.map(|value| (value, None)),
            None => input.default.clone().map(|value| (Secret::new(value), None)),
        };
        if let Some(value) = value.filter(|(value, _)| !value.expose().is_empty()) {
            found.insert(input.name.clone(), value);
        }
    }
    Ok(found)
}

fn asked(input: &Input, output: Output) -> Result<Option<Secret>, Failure> {
    let default = input.default.as_ref().map(|default| format!(" [{default}]")).unwrap_or_default();
    let question = format!("{}{default}: ", input.description);
    loop {
        let answer = match input.secret {
            true => prompt::ask_hidden(output, &question)?,
            false => Secret::new(prompt::ask(output, &question)?),
        };
        match (answer.expose().is_empty(), &input.default) {
            (false, _) => return Ok(Some(answer)),
            (true, Some(default)) => return Ok(Some(Secret::new(default.clone()))),
            (true, None) if !input.required => return Ok(None),
            (true, None) => output.note(format!("{} is needed", input.name)),
        }
    }
}

/// The variable a value belongs into.
fn route(input: &Input, value: &str, found: &Found) -> String {
    let applies = |route: &&crate::catalogue::Route| {
        route.begins_with.as_ref().is_none_or(|start| value.starts_with(start.as_str()))
            && route.unless.as_ref().is_none_or(|other| !found.contains_key(other))
    };
    input.routes.iter().find(applies).map_or_else(|| input.name.clone(), |route| route.name.clone())
}

/// What was given outside of prompts, not yet taken.
struct Offered {
    by_name: BTreeMap<String, Secret>,
    first_secret: Option<Secret>,
}

impl Offered {
    fn read(args: &Setup, inputs: &[Input], output: Output) -> Result<Self, Failure> {
        let mut by_name = BTreeMap::new();
        for pair in &args.values.set {
            let (key, value) = pair_of(pair, "--set")?;
            let input = known(&key, inputs, &args.server)?;
            if input.secret {
                output.warn(format!(
                    "{key} is a secret and stays in the shell's history: use `--secret {key}=@FILE` next time"
                ));
            }
            by_name.insert(key, Secret::new(value));
        }
        for pair in &args.values.secret {
            let (key, from) = pair_of(pair, "--secret")?;
            known(&key, inputs, &args.server)?;
            by_name.insert(key, secret_from(&from, pair)?);
        }
        let first_secret = if args.values.token_stdin { Some(prompt::read_stdin()?) } else { None };
        if first_secret.is_some() && !inputs.iter().any(|input| input.secret) {
            return Err(Failure::usage(format!("`{}` takes no secret, so `--token-stdin` has no use", args.server))
                .hint("name it with `--secret-env KEY`, or use `--bearer-stdin` for a URL"));
        }
        Ok(Self { by_name, first_secret })
    }

    /// The value offered for `input`: by name, then stdin for the first secret, then the environment.
    fn take(&mut self, input: &Input) -> Option<(Secret, Option<String>)> {
        let meant =
            |name: &str| (name != input.name && !input.aliases.iter().any(|a| a == name)).then(|| name.to_owned());
        for name in input.names() {
            if let Some(value) = self.by_name.remove(name) {
                return Some((value, meant(name)));
            }
        }
        if input.secret
            && let Some(value) = self.first_secret.take()
        {
            return Some((value, None));
        }
        let from_env = |name: &str| env::var(name).ok().map(|v| v.trim().to_owned()).filter(|value| !value.is_empty());
        input.names().find_map(|name| from_env(name).map(|value| (Secret::new(value), meant(name))))
    }
}

fn known<'a>(key: &str, inputs: &'a [Input], server: &str) -> Result<&'a Input, Failure> {
    if let Some(input) = inputs.iter().find(|input| input.names().any(|name| name == key)) {
        return Ok(input);
    }
    let names: Vec<&str> = inputs.iter().flat_map(Input::names).collect();
    let failure = Failure::usage(format!("`{key}` is not an input of `{server}`"));
    Err(match suggest::closest(key, names.iter().copied()) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None if names.is_empty() => failure.hint("use `--env KEY=VALUE` or `--secret-env KEY`"),
        None => failure
            .hint(format!("its inputs are {}; anything else goes into `--env` or `--secret-env`", names.join(", "))),
    })
}

fn secret_from(from: &str, pair: &str) -> Result<Secret, Failure> {
    given::source(from)?.ok_or_else(|| {
        let key = pair.split('=').next().unwrap_or_default();
        Failure::usage(format!("`--secret {key}=…` takes {}, not the secret itself", given::FORMS))
            .hint(format!("write it as `--secret {key}=@FILE` or `--secret {key}=-`"))
    })
}

fn pair_of(pair: &str, flag: &str) -> Result<(String, String), Failure> {
    match pair.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        // The text is not repeated: it may be a secret.
        _ => Err(Failure::usage(format!("`{flag}` takes KEY=VALUE"))),
    }
}

fn warn_of_secret(key: &str, value: &str, flag: &str, output: Output) {
    if !secret_scan::find(&serde_json::json!({key: value})).is_empty() {
        output.warn(format!("the value of {key} looks like a secret and is stored in the clear because of {flag}"));
    }
}

fn check_stdin_is_used_once(args: &Setup) -> Result<(), Failure> {
    let values = &args.values;
    let dashes = values.secret.iter().filter(|pair| pair.ends_with("=-")).count();
    if dashes + usize::from(values.token_stdin) + usize::from(values.bearer_stdin) > 1 {
        return Err(
            Failure::usage("stdin can be read only once").hint("give the other secrets as `--secret KEY=@FILE`")
        );
    }
    Ok(())
}

fn named(missing: &[&Input], server: &str) -> Failure {
    let line = |input: &&Input| {
        let flag =
            if input.secret { format!("--secret {}=@FILE", input.name) } else { format!("--set {}=VALUE", input.name) };
        format!("{flag:<44}  {}", input.description)
    };
    let lines: Vec<String> = missing.iter().map(line).collect();
    let names: Vec<&str> = missing.iter().map(|input| input.name.as_str()).collect();
    let failure = Failure::new(Status::Usage, format!("`{server}` needs {}", names.join(" and "))).details(lines);
    if missing.iter().any(|input| input.secret) {
        failure.hint("the first secret may also come from stdin with `--token-stdin`, any value from the environment")
    } else {
        failure.hint("the environment will do too: set the variable of that name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        args::{Color, Format},
        catalogue,
    };
    use clap::Parser as _;

    fn gathered(line: &[&str]) -> Result<Vec<(String, String, bool)>, Failure> {
        let words = ["mcpctl", "setup"].iter().chain(line).chain(&["--non-interactive"]);
        let crate::args::Command::Setup(args) = crate::args::Cli::try_parse_from(words).unwrap().command else {
            panic!("setup")
        };
        let definition = catalogue::find(&args.server).unwrap();
        let values = gather(&args, definition.as_ref(), false, Output::new(Format::Table, true, Color::Never))?;
        Ok(values.env.into_iter().map(|given| (given.key, given.value.expose().to_owned(), given.secret)).collect())
    }

    fn check(line: &[&str], expected: &[(&str, &str, bool)]) {
        let found = gathered(line).unwrap();
        let expected: Vec<_> = expected.iter().map(|(k, v, s)| ((*k).to_owned(), (*v).to_owned(), *s)).collect();
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn a_token_goes_into_the_variable_of_its_kind() {
        check(&["slack", "--set", "SLACK_MCP_XOXP_TOKEN=xoxp-1"], &[("SLACK_MCP_XOXP_TOKEN", "xoxp-1", true)]);
        check(&["slack", "--set", "SLACK_BOT_TOKEN=xoxb-1"], &[("SLACK_MCP_XOXB_TOKEN", "xoxb-1", true)]);
        check(&["slack", "--set", "SLACK_MCP_XOXB_TOKEN=odd"], &[("SLACK_MCP_XOXB_TOKEN", "odd", true)]);
        let url = ("JIRA_URL", "https://j", false);
        check(
            &["jira", "--set", "JIRA_URL=https://j", "--set", "JIRA_TOKEN=t"],
            &[url, ("JIRA_PERSONAL_TOKEN", "t", true)],
        );
        check(
            &["jira", "--set", "JIRA_URL=https://j", "--set", "JIRA_USERNAME=a@b", "--set", "JIRA_TOKEN=t"],
            &[url, ("JIRA_USERNAME", "a@b", false), ("JIRA_API_TOKEN", "t", true)],
        );
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let failure = gathered(&["jira"]).unwrap_err();
        assert_eq!(failure.status, Status::Usage);
        assert!(failure.message.contains("JIRA_URL and JIRA_API_TOKEN"), "{}", failure.message);
        assert!(
            gathered(&["wiki", "--command", "w", "--secret-env", "WIKI_T"]).unwrap_err().message.contains("WIKI_T")
        );
    }

    #[test]
    fn what_is_not_an_input_is_refused_without_repeating_values() {
        let failure = gathered(&["slack", "--set", "SLACK_MCP_XOXP_TOKN=xoxp-1"]).unwrap_err();
        assert!(failure.hint.unwrap().contains("SLACK_MCP_XOXP_TOKEN"));
        assert!(!gathered(&["slack", "--set", "xoxp-oops"]).unwrap_err().message.contains("oops"));
        assert!(!gathered(&["slack", "--secret", "SLACK_TOKEN=xoxp-oops"]).unwrap_err().message.contains("oops"));
        assert!(gathered(&["slack", "--token-stdin", "--secret", "SLACK_TOKEN=-"]).is_err());
    }
}

//! What a server is given: what was offered, the catalogue's defaults, what somebody answers; put where it belongs.

use super::offered::{Offered, check_stdin_is_used_once, pair_of, warn_of_secret};
use crate::{
    args::setup::Setup,
    catalogue::{Answers, Choice, Input, Place, Route, Setting},
    failure::{Failure, Status},
    output::Output,
    prompt,
};
use control_plane_api::secret::Secret;
use std::collections::BTreeMap;

/// Everything the server is given.
#[derive(Default)]
pub(super) struct Values {
    /// By the names of its inputs.
    pub(super) answers: Answers,
    /// Environment variables.
    pub(super) env: Vec<Setting>,
    /// Headers.
    pub(super) headers: Vec<Setting>,
    /// A bearer token for the URL.
    pub(super) bearer: Option<Secret>,
}

/// What is done about a value that nobody offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// Somebody is asked.
    Asked,
    /// It is an error, in which everything that lacks is named.
    Named,
    /// Something stands in for it: nothing will run.
    StoodIn,
}

/// Gathers the values; everything that is missing is named at once.
pub(super) fn gather(args: &Setup, choice: Option<&Choice>, lack: Lack, output: Output) -> Result<Values, Failure> {
    let values = &args.values;
    check_stdin_is_used_once(args)?;
    let plain = |pairs: &[String], flag: &str| -> Result<Vec<Setting>, Failure> {
        let split = |pair: &String| {
            let (key, value) = pair_of(pair, flag)?;
            warn_of_secret(&key, &value, flag, output);
            Ok(Setting::plain(&key, &value))
        };
        pairs.iter().map(split).collect()
    };
    let mut gathered =
        Values { env: plain(&values.env, "--env")?, headers: plain(&values.header, "--header")?, ..Values::default() };
    if values.bearer_stdin {
        gathered.bearer = Some(if lack == Lack::StoodIn { stand_in() } else { prompt::read_stdin()? });
    }
    let choice = choice.filter(|_| args.launch.url.is_none());
    let mut inputs = choice.map(Choice::inputs).unwrap_or_default();
    if args.launch.command.is_some() {
        inputs.retain(|input| input.place == Place::Environment);
    }
    let named: Vec<Input> = values.secret_env.iter().map(|key| Input::secret(key)).collect();
    inputs.extend(named.iter().cloned());
    let mut offered = Offered::read(args, &inputs, output)?;
    gathered.answers = resolve(&inputs, &mut offered, lack, (args.server(), output))?;
    let answers = &gathered.answers;
    if let Some(choice) = choice {
        gathered.env.extend(choice.environment(answers)?);
        if let Some(remote) = choice.remote() {
            gathered.headers.extend(answers.settings(&remote.headers)?);
        }
    }
    for input in &named {
        if let Some(value) = answers.values.get(&input.name) {
            let setting = Setting { value: value.clone(), secret: true, ..Setting::plain(&input.name, "") };
            gathered.env.push(setting);
        }
    }
    Ok(gathered)
}

/// The values of `inputs`, and where those of them go that have several places.
pub(super) fn resolve(
    inputs: &[Input],
    offered: &mut Offered,
    lack: Lack,
    (server, output): (&str, Output),
) -> Result<Answers, Failure> {
    let mut found: BTreeMap<String, (Secret, Option<String>)> = BTreeMap::new();
    for input in inputs {
        let value = match offered.take(input) {
            Some(value) => Some(value),
            None if lack == Lack::Asked => asked(input, output)?.map(|value| (value, None)),
            None => input.default.clone().map(|value| (Secret::new(value), None)),
        };
        let Some((value, key)) = value.filter(|(value, _)| !value.expose().is_empty()) else { continue };
        if let Some(wrong) = input.refuses(value.expose()) {
            return Err(Failure::usage(format!("the value of {} {wrong}", input.name)).hint(input.description.clone()));
        }
        found.insert(input.name.clone(), (value, key));
    }
    let missing: Vec<&Input> =
        inputs.iter().filter(|input| input.required && !found.contains_key(&input.name)).collect();
    if !missing.is_empty() && lack != Lack::StoodIn {
        return Err(named(&missing, server));
    }
    for input in missing {
        output.note(format!("{} would be asked for: {}", input.name, input.description));
        found.insert(input.name.clone(), (stand_in_for(input), None));
    }
    let mut answers = Answers::default();
    for input in inputs {
        if let Some((value, key)) = found.get(&input.name) {
            let given = |name: &str| found.contains_key(name);
            let key = key.clone().unwrap_or_else(|| route(input, value.expose(), given));
            answers.values.insert(input.name.clone(), value.clone());
            answers.keys.insert(input.name.clone(), key);
        }
    }
    Ok(answers)
}

/// What stands in for a secret; it goes nowhere.
fn stand_in() -> Secret {
    Secret::new("<secret>".to_owned())
}

fn stand_in_for(input: &Input) -> Secret {
    match (&input.placeholder, input.place) {
        _ if input.secret => stand_in(),
        (Some(placeholder), _) => Secret::new(placeholder.clone()),
        (None, Place::Url) => Secret::new(input.name.clone()),
        (None, _) => Secret::new(format!("<{}>", input.name)),
    }
}

fn asked(input: &Input, output: Output) -> Result<Option<Secret>, Failure> {
    let default = input.default.as_ref().map(|default| format!(" [{default}]")).unwrap_or_default();
    let choices = if input.choices.is_empty() { String::new() } else { format!(" ({})", input.choices.join(", ")) };
    let question = format!("{}{choices}{default}: ", input.description);
    loop {
        let answer = match input.secret {
            true => prompt::ask_hidden(output, &question)?,
            false => Secret::new(prompt::ask(output, &question)?),
        };
        match (answer.expose().is_empty(), &input.default) {
            (false, _) => match input.refuses(answer.expose()) {
                None => return Ok(Some(answer)),
                Some(wrong) => output.note(format!("it {wrong}")),
            },
            (true, Some(default)) => return Ok(Some(Secret::new(default.clone()))),
            (true, None) if !input.required => return Ok(None),
            (true, None) => output.note(format!("{} is needed", input.name)),
        }
    }
}

/// The variable a value belongs into.
pub(super) fn route(input: &Input, value: &str, given: impl Fn(&str) -> bool) -> String {
    let applies = |route: &&Route| {
        route.begins_with.as_ref().is_none_or(|start| value.starts_with(start.as_str()))
            && route.with.as_ref().is_none_or(|other| given(other))
            && route.unless.as_ref().is_none_or(|other| !given(other))
    };
    input.routes.iter().find(applies).map_or_else(|| input.name.clone(), |route| route.name.clone())
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
mod tests;

//! What was given without asking: on the command line, on stdin, in files, in the environment.

use crate::{
    args::setup::Setup, catalogue::Input, clients::secret_scan, failure::Failure, given, output::Output, prompt,
    suggest,
};
use control_plane_api::secret::Secret;
use std::{collections::BTreeMap, env};

/// What was offered and not yet taken.
pub(super) struct Offered {
    by_name: BTreeMap<String, Secret>,
    first_secret: Option<Secret>,
}

impl Offered {
    /// Reads everything that `args` name.
    pub(super) fn read(args: &Setup, inputs: &[Input], output: Output) -> Result<Self, Failure> {
        let mut by_name: BTreeMap<String, Secret> = BTreeMap::new();
        for pair in &args.values.set {
            let (key, value) = pair_of(pair, "--set")?;
            let input = known(&key, inputs, args.server())?;
            if input.secret {
                seen_by_others(&key, output);
            }
            let value = match by_name.get(&key).filter(|_| input.repeated) {
                Some(before) => Secret::new(format!("{}\n{value}", before.expose())),
                None => Secret::new(value),
            };
            by_name.insert(key, value);
        }
        for pair in &args.values.secret {
            let (key, from) = pair_of(pair, "--secret")?;
            known(&key, inputs, args.server())?;
            let value = given_as(&from, &key, output)?;
            by_name.insert(key, value);
        }
        let first_secret = match &args.values.token {
            Some(from) => Some(given_as(from, "the token", output)?),
            None if args.values.token_stdin => Some(prompt::read_stdin()?),
            None => None,
        };
        if first_secret.is_some() && !inputs.iter().any(|input| input.secret) {
            return Err(Failure::usage(format!("`{}` takes no secret, so a token has no use", args.server()))
                .hint("name it with `--secret-env KEY`, or use `--bearer-stdin` for a URL"));
        }
        Ok(Self { by_name, first_secret })
    }

    /// The value offered for `input`: by name, then the first secret, then the environment; and the variable it is meant for,
    /// where that was said.
    pub(super) fn take(&mut self, input: &Input) -> Option<(Secret, Option<String>)> {
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

/// The secret that `from` names, or is: taken, with a warning.
fn given_as(from: &str, what: &str, output: Output) -> Result<Secret, Failure> {
    if let Some(secret) = given::source(from)? {
        return Ok(secret);
    }
    if from.trim().is_empty() {
        return Err(Failure::usage(format!("{what} is empty")).hint(format!("say where it is: {}", given::FORMS)));
    }
    seen_by_others(what, output);
    Ok(Secret::new(from.trim().to_owned()))
}

fn seen_by_others(what: &str, output: Output) {
    output.warn(format!(
        "{what} was given on the command line: it stays in the shell's history, and the list of processes shows it to others: \
         next time use {}",
        given::FORMS
    ));
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

/// Key and value of `pair`, which was given with `flag`.
pub(super) fn pair_of(pair: &str, flag: &str) -> Result<(String, String), Failure> {
    match pair.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        // The text is not repeated: it may be a secret.
        _ => Err(Failure::usage(format!("`{flag}` takes KEY=VALUE"))),
    }
}

/// Says so where `value` looks like a secret and goes where secrets do not belong.
pub(super) fn warn_of_secret(key: &str, value: &str, flag: &str, output: Output) {
    if !secret_scan::find(&serde_json::json!({key: value})).is_empty() {
        output.warn(format!("the value of {key} looks like a secret and is stored in the clear because of {flag}"));
    }
}

/// Stdin holds one secret.
pub(super) fn check_stdin_is_used_once(args: &Setup) -> Result<(), Failure> {
    let values = &args.values;
    let dashes = values.secret.iter().filter(|pair| pair.ends_with("=-")).count();
    let lone = [&values.token, &args.launch.client_secret];
    let lone = lone.into_iter().filter(|from| from.as_deref() == Some("-")).count();
    if dashes + lone + usize::from(values.token_stdin) + usize::from(values.bearer_stdin) > 1 {
        return Err(
            Failure::usage("stdin can be read only once").hint("give the other secrets as `--secret KEY=@FILE`")
        );
    }
    Ok(())
}

//! `--rotate`: another credential for a server that runs. It is tried out in a server beside it, which nobody is granted
//! anything of, before the one in use is touched; then the secret gets its new value, and calls in flight go on.

use super::{
    offered::{Offered, check_stdin_is_used_once},
    outcome, plan, proof, reference,
    values::{self, Lack},
};
use crate::{
    Invocation,
    args::setup::Setup,
    catalogue::{self, Input},
    client::Client,
    commands::secrets,
    failure::{Failure, Status},
    output::{Change, Output},
    prompt,
};
use control_plane_api::{
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    secret::Secret,
    server::{ServerSpec, Transport, Value},
};
use std::collections::BTreeMap;

/// What the server beside it and its secrets are called behind their names.
const BESIDE: &str = "next";

/// A secret of the server that gets another value.
struct Replaced {
    secret: Name,
    value: Secret,
}

/// Rotates.
pub(super) async fn run(args: &Setup, interactive: bool, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    let name: Name = match &args.name {
        Some(name) => name.clone(),
        None => args.server().parse().map_err(|error| Failure::usage(format!("{error}")))?,
    };
    let server = client.existing::<ServerSpec>(&name).await?;
    let replaced = replaced(args, &server, interactive, output)?;
    if interactive && !args.yes {
        let secrets: Vec<&str> = replaced.iter().map(|one| one.secret.as_str()).collect();
        prompt::confirm(output, &format!("give {name} another value of {}?", secrets.join(" and ")))?;
    }
    let beside = Beside::new(&server, &replaced)?;
    let tried = tokio::select! {
        tried = Box::pin(try_out(&beside, &replaced, args, &client, output)) => tried,
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Status::Failed, "cancelled")),
    };
    let rotated = match tried {
        Ok(()) => Box::pin(put_into_use(&name, &replaced, args.wait, &client, output)).await,
        Err(failure) => Err(failure.hint(format!("nothing was changed: {name} goes on with the credential it has"))),
    };
    beside.remove(&client, output).await;
    output.changes(&rotated?)?;
    output.note(format!("{name} uses it now; take the old one back where it was issued"));
    Ok(())
}

/// The secrets of `server` for which another value was given.
fn replaced(
    args: &Setup,
    server: &Named<ServerSpec>,
    interactive: bool,
    output: Output,
) -> Result<Vec<Replaced>, Failure> {
    check_stdin_is_used_once(args)?;
    let settings = settings(&server.spec.transport);
    let held: Vec<(&String, &Name)> = settings.iter().filter_map(|(key, value)| Some((key, value.secret()?))).collect();
    if held.is_empty() {
        let failure = Failure::usage(format!("`{}` has no secret that could be rotated", server.name));
        return Err(match &server.spec.oauth {
            Some(_) => {
                failure.hint(format!("its tokens renew themselves; `mcpctl connect {}` connects anew", server.name))
            }
            None => failure.hint("set it up again with the values it needs"),
        });
    }
    let known = known_inputs(args.server())?;
    let inputs: Vec<Input> = held.iter().map(|(key, _)| input(key, &known, held.len() == 1)).collect();
    let mut offered = Offered::read(args, &inputs, output)?;
    let lack = if interactive { Lack::Asked } else { Lack::Named };
    let answers = values::resolve(&inputs, &mut offered, lack, (args.server(), output))?;
    let mut replaced = Vec::new();
    for (key, secret) in held {
        let Some(value) = answers.values.get(key) else { continue };
        check_kind(key, value, &known, |name| settings.contains_key(name))?;
        replaced.push(Replaced { secret: secret.clone(), value: value.clone() });
    }
    if replaced.is_empty() {
        let keys: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        return Err(Failure::usage(format!("no new value was given for {}", keys.join(" or ")))
            .hint("give one with `--secret KEY=@FILE`, or with `--token -`"));
    }
    Ok(replaced)
}

fn settings(transport: &Transport) -> &BTreeMap<String, Value> {
    match transport {
        Transport::Stdio { env, .. } => env,
        Transport::Http { headers, .. } => headers,
    }
}

/// What the catalogue says of the inputs of `server`, in whichever variant.
fn known_inputs(server: &str) -> Result<Vec<Input>, Failure> {
    let Some(definition) = catalogue::find(server)? else { return Ok(Vec::new()) };
    let mut inputs = Vec::new();
    for variant in definition.variants() {
        inputs.extend(catalogue::Choice::new(definition.clone(), Some(&variant.id))?.inputs());
    }
    Ok(inputs)
}

/// The variable or header `key` as something to be given.
fn input(key: &str, known: &[Input], is_only: bool) -> Input {
    let named = Input { required: is_only, ..Input::secret(key) };
    match known.iter().find(|input| input.names().any(|name| name == key)) {
        Some(input) => Input {
            description: input.description.clone(),
            aliases: input.names().filter(|name| *name != key).map(str::to_owned).collect(),
            ..named
        },
        None => named,
    }
}

/// A credential of another kind belongs into another variable, and so needs another server.
fn check_kind(key: &str, value: &Secret, known: &[Input], given: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let Some(input) = known.iter().find(|input| input.names().any(|name| name == key)) else { return Ok(()) };
    let by_its_beginning = input.routes.iter().any(|route| route.begins_with.is_some());
    let meant = values::route(input, value.expose(), given);
    if by_its_beginning && meant != key {
        return Err(Failure::usage(format!("the new value is one for {meant}, and the server has one for {key}"))
            .hint("set it up again without `--rotate`"));
    }
    Ok(())
}

/// The server beside it.
struct Beside {
    server: Named<ServerSpec>,
    secrets: Vec<(Name, Secret)>,
}

impl Beside {
    fn new(server: &Named<ServerSpec>, replaced: &[Replaced]) -> Result<Self, Failure> {
        let mut spec = ServerSpec {
            description: format!("{} with another credential, while that is tried out", server.name),
            ..server.spec.clone()
        };
        let mut secrets = Vec::new();
        let settings = match &mut spec.transport {
            Transport::Stdio { env, .. } => env,
            Transport::Http { headers, .. } => headers,
        };
        for one in replaced {
            let beside = plan::derived(&one.secret, BESIDE)?;
            for value in settings.values_mut() {
                if let Value::Secret { secret, .. } = value
                    && *secret == one.secret
                {
                    *secret = beside.clone();
                }
            }
            secrets.push((beside, one.value.clone()));
        }
        Ok(Self { server: Named { name: plan::derived(&server.name, BESIDE)?, revision: 0, spec }, secrets })
    }

    async fn start(&self, client: &Client) -> Result<u64, Failure> {
        for (name, value) in &self.secrets {
            client.put_secret(name, value).await?;
        }
        Ok(client.apply(vec![Object::Server(self.server.clone())], false).await?.revision)
    }

    /// Takes it away again, as far as it came.
    async fn remove(&self, client: &Client, output: Output) {
        let server = ObjectRef { kind: Kind::Server, name: self.server.name.clone() };
        let secrets = self.secrets.iter().map(|(name, _)| reference(name));
        for object in std::iter::once(server).chain(secrets) {
            match client.delete(&object).await {
                Ok(()) => {}
                Err(failure) if failure.status == Status::NotFound => {}
                Err(failure) => output.warn(format!("{object} stays: {}", failure.message)),
            }
        }
    }
}

/// Whether the server beside it answers, and accepts its credential.
async fn try_out(
    beside: &Beside,
    replaced: &[Replaced],
    args: &Setup,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let name = &beside.server.name;
    output.note(format!("trying out the new value of {} …", listed(replaced)));
    let revision = beside.start(client).await?;
    let mut report = outcome::wait(name, revision, args.wait, client, output).await?;
    if let Some(failure) = report.failure() {
        return Err(failure);
    }
    if args.no_check {
        return Ok(());
    }
    report.credential = proof::of(name, client).await?;
    match (&report.credential, report.failure()) {
        (_, Some(refused)) => Err(refused),
        (Some(proof::Proof::Open { error }), None) => {
            Err(Failure::unhealthy(format!("whether the new credential is good cannot be found out: {error}"))
                .details(["`--no-check` takes it all the same, because the server starts with it".to_owned()]))
        }
        (Some(_), None) => Ok(()),
        (None, None) => {
            output.note("nothing of it can be called to see whether the credential is good: it starts with it");
            Ok(())
        }
    }
}

/// Gives the secrets their new values, and waits until all gateways use them and the server answers with them.
async fn put_into_use(
    name: &Name,
    replaced: &[Replaced],
    wait: u64,
    client: &Client,
    output: Output,
) -> Result<Vec<Change>, Failure> {
    let before = client.secrets().await?;
    let (mut changes, mut revision) = (Vec::new(), 0);
    for one in replaced {
        let after = client.put_secret(&one.secret, &one.value).await?.revision;
        let known = before.iter().find(|secret| secret.name == one.secret).map(|secret| secret.revision);
        let change = if known == Some(after) { "unchanged" } else { "rotated" };
        changes.push(Change::new(reference(&one.secret), change));
        revision = revision.max(after);
    }
    secrets::in_use(client, revision, wait).await?;
    let report = outcome::wait(name, revision, wait, client, output).await?;
    match report.failure() {
        Some(failure) => Err(failure.hint("the new value was accepted when it was tried out, and is in force")),
        None => Ok(changes),
    }
}

fn listed(replaced: &[Replaced]) -> String {
    replaced.iter().map(|one| one.secret.to_string()).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str, env: &str) -> Named<ServerSpec> {
        let spec = format!(r#"{{"transport": {{"type": "stdio", "command": "x", "env": {env}}}}}"#);
        Named { name: id.parse().unwrap(), revision: 1, spec: serde_json::from_str(&spec).unwrap() }
    }

    #[test]
    fn the_server_beside_it_is_the_same_with_other_secrets() {
        let env = r#"{"A": {"secret": "slack-a"}, "B": {"secret": "slack-b", "prefix": "x "}, "C": "c"}"#;
        let replaced = [Replaced { secret: "slack-b".parse().unwrap(), value: Secret::new("n3w".to_owned()) }];
        let beside = Beside::new(&server("slack", env), &replaced).unwrap();
        assert_eq!(beside.server.name.as_str(), "slack-next");
        let settings = serde_json::to_value(settings(&beside.server.spec.transport)).unwrap();
        let expected = r#"{"A": {"secret": "slack-a"}, "B": {"secret": "slack-b-next", "prefix": "x "}, "C": "c"}"#;
        assert_eq!(settings, serde_json::from_str::<serde_json::Value>(expected).unwrap());
        assert_eq!(beside.secrets.len(), 1);
    }

    #[test]
    fn a_token_of_another_kind_is_not_put_where_it_does_not_belong() {
        let known = known_inputs("slack").unwrap();
        let check = |key: &str, value: &str| check_kind(key, &Secret::new(value.to_owned()), &known, |_| false);
        assert!(check("SLACK_MCP_XOXP_TOKEN", "xoxp-2").is_ok());
        assert!(check("SLACK_MCP_XOXB_TOKEN", "xoxb-2").is_ok());
        let failure = check("SLACK_MCP_XOXP_TOKEN", "xoxb-2").unwrap_err();
        assert!(failure.message.contains("SLACK_MCP_XOXB_TOKEN") && !failure.message.contains("xoxb-2"));
        let jira = known_inputs("jira").unwrap();
        assert!(check_kind("JIRA_PERSONAL_TOKEN", &Secret::new("t".to_owned()), &jira, |_| false).is_ok());
        assert_eq!(input("JIRA_PERSONAL_TOKEN", &jira, true).aliases, ["JIRA_API_TOKEN", "JIRA_TOKEN"]);
    }
}

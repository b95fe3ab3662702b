//! `mcpctl secrets`: values go in and never come out.

mod keys;

use super::apply;
use crate::{
    Invocation,
    args::secrets::Command,
    client::Client,
    failure::{Failure, Status},
    given,
    output::{Change, Output, Report, Table},
    pause::Deadline,
    suggest,
};
use control_plane_api::{
    gateway::{ConfigState, GatewaySummary},
    name::Name,
    object::{Kind, ObjectRef},
    secret::{Secret, SecretSummary},
    server::ServerSpec,
    timestamp::Timestamp,
};
use serde::Serialize;

/// Bytes from which on a gateway keeps a secret out of what servers answer (`scrubber::SECRET_BYTES_MIN`).
const KEPT_OUT_BYTES_MIN: usize = 6;

/// Milliseconds without a report after which a gateway counts as away; it reports every ten seconds.
const AWAY_AFTER_MS: i64 = 45_000;

/// Runs one of the secrets commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        Command::List => list(&client, output).await,
        Command::Set { name, from } => {
            let value = value(from.as_deref(), &name, output)?;
            let known = client.secrets().await?.iter().any(|secret| secret.name == name);
            client.put_secret(&name, &value).await?;
            output.changes(&[Change::new(reference(&name), if known { "changed" } else { "created" })])
        }
        Command::Rotate { name, from, wait } => {
            let secrets = client.secrets().await?;
            let before = secrets.iter().find(|secret| secret.name == name).ok_or_else(|| unknown(&name, &secrets))?;
            let value = value(from.as_deref(), &name, output)?;
            let after = client.put_secret(&name, &value).await?;
            let change = if after.revision == before.revision { "unchanged" } else { "rotated" };
            in_use(&client, after.revision, wait).await?;
            output.changes(&[Change::new(reference(&name), change)])
        }
        Command::Delete { name, sure } => apply::destroy(reference(&name), sure, &client, output).await,
        Command::RotateKey { forget_old } => keys::rotate(&client, output, forget_old).await,
        Command::Status => keys::status(&client, output).await,
    }
}

fn reference(name: &Name) -> ObjectRef {
    ObjectRef { kind: Kind::Secret, name: name.clone() }
}

fn value(from: Option<&str>, name: &Name, output: Output) -> Result<Secret, Failure> {
    let value = given::secret(from, &format!("value of {name} (not shown): "), output)?;
    if value.expose().len() < KEPT_OUT_BYTES_MIN {
        output.warn(format!(
            "{name} has fewer than {KEPT_OUT_BYTES_MIN} bytes: gateways cannot tell it from other text, and will not keep it out of answers"
        ));
    }
    Ok(value)
}

fn unknown(name: &Name, secrets: &[SecretSummary]) -> Failure {
    let failure = Failure::not_found(format!("secret `{name}` does not exist"));
    match suggest::closest(name.as_str(), secrets.iter().map(|secret| secret.name.as_str())) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None => failure.hint(format!("`mcpctl secrets set {name}` makes it")),
    }
}

async fn list(client: &Client, output: Output) -> Result<(), Failure> {
    let (secrets, servers) = (client.secrets().await?, client.objects::<ServerSpec>().await?);
    let row = |secret: SecretSummary| {
        let users = servers.iter().filter(|server| server.spec.secrets().any(|used| *used == secret.name));
        Listed { used_by: users.map(|server| server.name.clone()).collect(), secret }
    };
    output.report(&Secrets(secrets.into_iter().map(row).collect()))
}

/// Waits until every gateway that is there uses the configuration `revision`.
pub(super) async fn in_use(client: &Client, revision: u64, wait: u64) -> Result<(), Failure> {
    let deadline = Deadline::after_secs(wait);
    loop {
        let gateways = client.serving_gateways().await?;
        let behind: Vec<&str> = gateways
            .iter()
            .filter(|gateway| is_behind(gateway, revision))
            .map(|gateway| gateway.name.as_str())
            .collect();
        if behind.is_empty() {
            return Ok(());
        }
        if !deadline.step().await {
            let names = behind.join(", ");
            let message = format!("the value is set, and not in use yet at {names}");
            return Err(Failure::new(Status::Unhealthy, message).hint("`mcpctl status` shows what keeps them"));
        }
    }
}

/// Whether a gateway has reported lately.
fn is_there(gateway: &GatewaySummary) -> bool {
    gateway.seen_at.is_some_and(|at| Timestamp::now().as_millis().saturating_sub(at.as_millis()) < AWAY_AFTER_MS)
}

/// Whether a gateway that is connected has yet to put `revision` into force. One that is away takes it when it comes back.
fn is_behind(gateway: &GatewaySummary, revision: u64) -> bool {
    match gateway.status.as_ref().filter(|_| is_there(gateway)).map(|status| &status.config) {
        Some(ConfigState::Applied { revision: applied }) => *applied < revision,
        Some(ConfigState::Rejected { in_force, .. }) => *in_force < revision,
        None => false,
    }
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    secret: SecretSummary,
    used_by: Vec<Name>,
}

#[derive(Serialize)]
struct Secrets(Vec<Listed>);

impl Report for Secrets {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["NAME", "REVISION", "USED-BY"]);
        for Listed { secret, used_by } in &self.0 {
            let users: Vec<&str> = used_by.iter().map(Name::as_str).collect();
            let users = if users.is_empty() { "-".to_owned() } else { users.join(",") };
            table.row([secret.name.to_string(), secret.revision.to_string(), users]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|listed| listed.secret.name.to_string()).collect()
    }
}

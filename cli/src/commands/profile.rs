//! `mcpctl profile`.

mod describe;

use super::apply;
use crate::{
    Invocation,
    args::profile::{Command, Create},
    catalogue,
    client::{self, Client},
    failure::Failure,
    grants,
    output::{Report, Table, age},
};
use control_plane_api::{
    object::{Kind, Named, Object},
    pattern::Pattern,
    profile::{ProfileLimits, ProfileSpec},
    server::ServerSpec,
    stale::{StaleRule, StaleThen},
};
use serde::Serialize;

/// Runs one of the profile commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    match command {
        Command::List => invocation.output.report(&Profiles(invocation.client()?.objects().await?)),
        Command::Describe { name } => describe::run(&name, &invocation.client()?, invocation.output).await,
        Command::Create(args) => create(args, &invocation.client()?, invocation).await,
        Command::Apply(args) => apply::run_only(Kind::Profile, &args, invocation).await,
        Command::Delete { name, sure, wait } => {
            apply::delete::<ProfileSpec>(&name, (sure, &wait), &invocation.client()?, invocation.output).await
        }
    }
}

async fn create(args: Create, client: &Client, invocation: &Invocation) -> Result<(), Failure> {
    let servers = client.names::<ServerSpec>().await?;
    if !servers.contains(&args.server) {
        return Err(client::unknown(Kind::Server, &args.server, &servers));
    }
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::from(text.as_str())).collect::<Vec<_>>();
    let limited = catalogue::limited(&args.server, &args.only)?;
    let spec = ProfileSpec {
        description: args.description,
        access: args.access.into(),
        allow: match (args.allow.is_empty(), limited.tools.is_empty()) {
            (false, _) => patterns(&args.allow),
            (true, false) => limited.tools,
            (true, true) => vec![Pattern::from("*")],
        },
        deny: patterns(&args.deny),
        arguments: limited.rules,
        limits: ProfileLimits { calls_per_minute: args.calls_per_minute, calls_at_once: args.calls_at_once },
        stale: stale(args.stale.into(), args.stale_after.as_deref())?,
        ..ProfileSpec::new(args.server)
    };
    let object = Object::Profile(Named { name: args.name, revision: 0, spec });
    apply::create(object, (args.replace, args.dry_run, &args.wait), client, invocation.output).await
}

/// What is refused after how long, as it was typed.
fn stale(then: StaleThen, after: Option<&str>) -> Result<StaleRule, Failure> {
    let millis = |text| {
        let seconds = u64::try_from(age::parse_duration(text)?);
        seconds
            .map(|seconds| seconds.saturating_mul(1_000))
            .map_err(|_| Failure::usage(format!("`{text}` lies in the past")))
    };
    Ok(StaleRule { then, after_ms: after.map(millis).transpose()? })
}

#[derive(Serialize)]
struct Profiles(Vec<Named<ProfileSpec>>);

impl Report for Profiles {
    fn table(&self, wide: bool) -> Table {
        let headings = ["NAME", "SERVER", "ACCESS"].into_iter();
        let mut table = Table::new(headings.chain(wide.then_some(["ALLOW", "DENY", "REVISION"]).into_iter().flatten()));
        for profile in &self.0 {
            let spec = &profile.spec;
            let row = [profile.name.to_string(), spec.server.to_string(), grants::access(spec.access).to_owned()];
            let more = || [joined(&spec.allow), joined(&spec.deny), profile.revision.to_string()];
            table.row(row.into_iter().chain(wide.then(more).into_iter().flatten()));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|profile| profile.name.to_string()).collect()
    }
}

fn joined(patterns: &[Pattern]) -> String {
    patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(",")
}

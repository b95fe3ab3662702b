//! `mcpctl setup`: gather what a server needs, show what will run, store it, wait until the server answers, and call a tool
//! with its credential.

mod offered;
mod outcome;
mod plan;
mod preview;
mod profiles;
mod proof;
mod rotate;
mod source;
mod undo;
mod values;

use crate::{
    Invocation,
    args::{self, setup::Setup},
    client::Client,
    failure::Failure,
    given,
    output::{Change, Output},
    prompt,
};
use control_plane_api::{
    name::Name,
    oauth::{OauthMode, OauthSettings},
    object::{Kind, ObjectRef},
};
pub(crate) use profiles::names as profile_names;

use outcome::{SetupReport, Waited};
use plan::Plan;
use source::Source;
use values::Lack;

/// Sets a server up.
pub(crate) async fn run(args: args::setup::Setup, invocation: &Invocation) -> Result<(), Failure> {
    if args.list {
        return super::catalogue::list(invocation.output);
    }
    let interactive = !args.non_interactive && prompt::is_possible();
    if args.rotate {
        return Box::pin(rotate::run(&args, interactive, invocation)).await;
    }
    let source = Box::pin(source::find(&args)).await?;
    source.show(invocation.output);
    let plan = plan(&args, &source, interactive, invocation.output)?;
    plan.show(invocation.output);
    if args.dry_run {
        return preview::print(&plan, invocation.output);
    }
    confirm(&args, &source, interactive, invocation.output)?;
    let client = invocation.client()?;
    Box::pin(store_and_wait(&args, &plan, &client, invocation.output)).await
}

fn plan(args: &Setup, source: &Source, interactive: bool, output: Output) -> Result<Plan, Failure> {
    let name: Name = match &args.name {
        Some(name) => name.clone(),
        None => source.name(args)?,
    };
    let lack = match (args.dry_run, interactive) {
        (true, _) => Lack::StoodIn,
        (false, true) => Lack::Asked,
        (false, false) => Lack::Named,
    };
    let choice = source.choice();
    let values = values::gather(args, choice, lack, output)?;
    let client_secret = match &args.launch.client_secret {
        Some(from) => Some(given::secret(Some(from), "client secret (not shown): ", output)?),
        None => None,
    };
    Plan::new(args, name, choice, values, client_secret)
}

/// Nothing of a stranger's runs before somebody has seen what.
fn confirm(args: &Setup, source: &Source, interactive: bool, output: Output) -> Result<(), Failure> {
    match (args.yes, interactive) {
        (true, _) => Ok(()),
        (false, true) => prompt::confirm(output, "go on?"),
        (false, false) if source.is_foreign() => {
            Err(Failure::usage("what a registry describes runs only when somebody has looked at it")
                .hint("look at it above, or with `--dry-run`, and add `--yes`"))
        }
        (false, false) => Ok(()),
    }
}

async fn store_and_wait(args: &Setup, plan: &Plan, client: &Client, output: Output) -> Result<(), Failure> {
    let undo = undo::Undo::prepare(plan, client).await?;
    let (changes, revision) = match store(plan, client).await {
        Ok(stored) => stored,
        Err(failure) => {
            undo.secrets_only(client).await;
            return Err(failure);
        }
    };
    if let Some(oauth) = &plan.oauth {
        // Nothing to wait for: it answers nobody before somebody gave consent.
        output.changes(&changes)?;
        output.note(format!("next: mcpctl connect {}{}", plan.name, whose(oauth)));
        return Ok(());
    }
    let mut report = outcome::wait(&plan.name, revision, args.wait, client, output).await?;
    if report.waited == Waited::Ready && plan.is_probed && !args.no_check {
        output.note("calling a tool with its credential …");
        report.credential = match proof::of(&plan.name, client).await {
            Ok(proof) => proof,
            Err(failure) => Some(proof::Proof::Open { error: failure.message }),
        };
    }
    let report = SetupReport { changes, ..report };
    finish(plan, report, (args.rollback_on_failure, undo), client, output).await
}

fn whose(oauth: &OauthSettings) -> &'static str {
    if oauth.mode == OauthMode::Service { " --service" } else { "" }
}

/// Secrets first: the rest refers to them. What was done, and the revision that holds it.
async fn store(plan: &Plan, client: &Client) -> Result<(Vec<Change>, u64), Failure> {
    let mut changes = Vec::new();
    let before = if plan.secrets.is_empty() { Vec::new() } else { client.secrets().await? };
    for secret in &plan.secrets {
        let known = before.iter().find(|known| known.name == secret.name).map(|known| known.revision);
        let after = client.put_secret(&secret.name, &secret.value).await?.revision;
        let change = if known == Some(after) { "unchanged" } else { "set" };
        changes.push(Change::new(reference(&secret.name), change));
    }
    let reply = client.apply(plan.objects.clone(), false).await?;
    changes.extend(super::apply::changes(&reply, false));
    Ok((changes, reply.revision))
}

fn reference(secret: &Name) -> ObjectRef {
    ObjectRef { kind: Kind::Secret, name: secret.clone() }
}

async fn finish(
    plan: &Plan,
    report: SetupReport,
    (rollback, undo): (bool, undo::Undo),
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let Some(failure) = report.failure() else {
        report.print(output)?;
        report.tell(plan, output);
        return Ok(());
    };
    // A credential that is refused is of no use to anybody: nothing half-made stays.
    if rollback || (report.is_refused() && undo.is_all_new(plan)) {
        undo.everything(client).await?;
        return Err(failure.hint(format!("{}; the configuration was taken back", plan.hint)));
    }
    report.print(output)?;
    let kept = "the configuration was kept: correct the cause and run the same command again";
    let hint = match report.waited {
        Waited::NoGateway => "start one with `mcpctl daemon start`; the configuration was kept".to_owned(),
        Waited::TimedOut(_) => format!("{kept}, or give it more time with `--wait SECS`"),
        _ if report.is_refused() => {
            let name = &plan.name;
            format!(
                "{}; everything was kept, also the new value of its secret: `mcpctl setup {name} --rotate` tries another one out before it is used",
                plan.hint
            )
        }
        _ => format!("{}; {kept}", plan.hint),
    };
    Err(failure.hint(hint))
}

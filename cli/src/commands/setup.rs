//! `mcpctl setup`: gather what a server needs, show what will run, store it, wait until the server answers.

mod outcome;
mod plan;
mod undo;
mod values;

use crate::{
    Invocation,
    args::{self, setup::OauthModeName},
    catalogue::{self, Definition},
    client::Client,
    failure::Failure,
    output::{Change, Output},
    prompt,
};
use control_plane_api::name::Name;
use outcome::{SetupReport, Waited};
use plan::Plan;

/// Sets a server up.
pub(crate) async fn run(args: args::setup::Setup, invocation: &Invocation) -> Result<(), Failure> {
    let definition = definition(&args)?;
    let name: Name = match &args.name {
        Some(name) => name.clone(),
        None => args.server.parse().map_err(|error| Failure::usage(format!("{error}")))?,
    };
    let interactive = !args.non_interactive && prompt::is_possible();
    let values = values::gather(&args, definition.as_ref(), interactive, invocation.output)?;
    let plan = Plan::new(&args, name, definition.as_ref(), values)?;
    plan.show(invocation.output);
    if interactive && !args.yes {
        prompt::confirm(invocation.output, "go on?")?;
    }
    let client = invocation.client()?;
    let undo = undo::Undo::prepare(&plan, &client).await?;
    match store(&plan, &client).await {
        Ok((changes, _)) if args.launch.oauth.is_some() => {
            // Nothing to wait for: it answers nobody before somebody gave consent.
            invocation.output.changes(&changes)?;
            let service = if args.launch.oauth == Some(OauthModeName::Service) { " --service" } else { "" };
            invocation.output.note(format!("next: mcpctl connect {}{service}", plan.name));
            Ok(())
        }
        Ok((changes, revision)) => {
            let report = outcome::wait(&plan, revision, args.wait, &client, invocation.output).await?;
            let rollback = args.rollback_on_failure.then_some(undo);
            finish(&plan, SetupReport { changes, ..report }, rollback, &client, invocation.output).await
        }
        Err(failure) => {
            undo.secrets_only(&client).await;
            Err(failure)
        }
    }
}

fn definition(args: &args::setup::Setup) -> Result<Option<Definition>, Failure> {
    let definition = catalogue::find(&args.server)?;
    if definition.is_none() && args.launch.command.is_none() && args.launch.url.is_none() {
        return Err(catalogue::unknown(&args.server));
    }
    Ok(definition)
}

/// Secrets first: the rest refers to them. What was done, and the revision that holds it.
async fn store(plan: &Plan, client: &Client) -> Result<(Vec<Change>, u64), Failure> {
    let mut changes = Vec::new();
    for secret in &plan.secrets {
        client.put_secret(&secret.name, &secret.value).await?;
        changes.push(Change::new(format!("secret/{}", secret.name), "set"));
    }
    let reply = client.apply(plan.objects.clone(), false).await?;
    changes.extend(super::apply::changes(&reply, false));
    Ok((changes, reply.revision))
}

async fn finish(
    plan: &Plan,
    report: SetupReport,
    rollback: Option<undo::Undo>,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let Some(failure) = report.failure(plan) else {
        report.print(output)?;
        report.tell(plan, output);
        return Ok(());
    };
    if let Some(undo) = rollback {
        undo.everything(client).await?;
        return Err(failure.hint(format!("{}; the configuration was taken back", plan.hint)));
    }
    report.print(output)?;
    let kept = "the configuration was kept: correct the cause and run the same command again";
    let hint = match report.waited {
        Waited::NoGateway => "start one with `mcpctl daemon start`; the configuration was kept".to_owned(),
        Waited::TimedOut(_) => format!("{kept}, or give it more time with `--wait SECS`"),
        _ => format!("{}; {kept}", plan.hint),
    };
    Err(failure.hint(hint))
}

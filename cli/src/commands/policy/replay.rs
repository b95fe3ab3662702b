//! `mcpctl policy replay`: which recorded calls a change would have refused or newly allowed.
//!
//! What was recorded is asked again, of the rules in force and of those proposed. Rules about arguments are judged only
//! where the record holds the values; where it does not, and they would decide, the outcome is undetermined.

mod recorded;

use super::{
    known::{Known, Meant, Reported},
    ways::ways,
};
use crate::{
    Invocation,
    args::policy::Replay,
    client::word,
    failure::Failure,
    output::{Report, Table, age},
};
use control_plane_api::{
    audit::{Action, AuditEvent, Decision},
    timestamp::Timestamp,
};
use policy::{Act, Call, Deed, Request};
use recorded::values;
use serde::Serialize;
use std::{collections::BTreeSet, process::ExitCode};

/// What can be asked again.
const REPLAYED: [Action; 3] = [Action::McpCall, Action::McpRead, Action::McpPrompt];

/// Prints what would have become of recorded calls.
pub(crate) async fn run(args: &Replay, invocation: &Invocation) -> Result<ExitCode, Failure> {
    let client = invocation.client()?;
    let (before, reported) = (Known::fetch(&client).await?, Reported::fetch(&client).await?);
    let after = before.with(&args.file)?;
    let events = client.audit(&query(args)?).await?;
    let mut seen = BTreeSet::new();
    let calls: Vec<&AuditEvent> = events.iter().filter(|event| seen.insert(event.id.as_str())).collect();
    let mut replayed: Vec<Replayed> =
        calls.iter().map(|event| Replayed::of(event, &before, &after, &reported)).collect();
    let count = |effect| replayed.iter().filter(|one| one.effect == effect).count();
    invocation.output.note(format!(
        "{} calls: {} would be refused, {} newly allowed, {} undetermined, {} as they were",
        calls.len(),
        count(Effect::Refused),
        count(Effect::Allowed),
        count(Effect::Undetermined),
        count(Effect::Unchanged)
    ));
    replayed.retain(|one| args.all || one.effect != Effect::Unchanged);
    if replayed.is_empty() && !invocation.output.is_structured() {
        return Ok(ExitCode::SUCCESS);
    }
    invocation.output.report(&All(replayed))?;
    Ok(ExitCode::SUCCESS)
}

fn query(args: &Replay) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.user.as_ref().map(|user| ("user", user.to_string())));
    query.extend(args.project.as_ref().map(|project| ("project", project.to_string())));
    if let Some(since) = &args.since {
        query.push(("since", age::parse_moment(since)?.to_string()));
    }
    query.extend(REPLAYED.iter().map(|action| ("action", action.as_str().to_owned())));
    Ok(query)
}

/// What a change would do to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    Refused,
    Allowed,
    Undetermined,
    Unchanged,
}

/// One recorded call.
#[derive(Serialize)]
struct Replayed {
    effect: Effect,
    id: String,
    time: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    target: String,
    was: Decision,
    because: String,
}

/// What rules say of a recorded call; none: it cannot be told, and why.
type Said = Result<Result<(), String>, &'static str>;

impl Replayed {
    fn of(event: &AuditEvent, before: &Known, after: &Known, reported: &Reported) -> Self {
        let (effect, because) = match say(event, after, reported) {
            Err(why) => (Effect::Undetermined, why.to_owned()),
            Ok(Err(reason)) if event.decision == Decision::Allow => (Effect::Refused, reason),
            Ok(Err(reason)) => (Effect::Unchanged, reason),
            Ok(Ok(())) if event.decision == Decision::Allow => (Effect::Unchanged, event.reason.clone()),
            // Refused for something else than rules if the rules in force allow it.
            Ok(Ok(())) => match say(event, before, reported) {
                Ok(Ok(())) => (Effect::Unchanged, event.reason.clone()),
                Ok(Err(_)) => (Effect::Allowed, "granted now".to_owned()),
                Err(why) => (Effect::Undetermined, why.to_owned()),
            },
        };
        Self {
            effect,
            id: event.id.clone(),
            time: event.time,
            user: event.user.as_ref().map(ToString::to_string).unwrap_or_default(),
            project: event.project.clone(),
            target: event.target.clone().unwrap_or_default(),
            was: event.decision,
            because,
        }
    }
}

/// What the rules of `known` say of `event`.
fn say(event: &AuditEvent, known: &Known, reported: &Reported) -> Said {
    let (Some(server), Some(target)) = (&event.server, event.target.as_deref()) else {
        return Ok(Err("no server offered it".to_owned()));
    };
    let who = known.who(event.user.as_ref());
    let project = event.project.as_deref();
    // As old as the configuration was.
    let age_ms = event.stale_s.unwrap_or_default().saturating_mul(1_000);
    let decide = |deed: Deed<'_>| known.decide(&Request { who, project, act: Act::At(server, deed), age_ms }).map(drop);
    match event.action {
        Action::McpRead => Ok(decide(Deed::Resource(target))),
        Action::McpPrompt => {
            // Prompts are not reported: what the name may stand for has to come to the same.
            let mut said: Vec<_> =
                known.own_names(server, target).iter().map(|own| decide(Deed::Prompt(own))).collect();
            let first = said.pop().unwrap_or_else(|| Err("no server offered it".to_owned()));
            let same = said.iter().all(|other| other.is_ok() == first.is_ok());
            if same { Ok(first) } else { Err("the prompt's own name is not recorded") }
        }
        _ => {
            let found = reported.find(&BTreeSet::from([server]), target);
            let [meant] = found.as_slice() else { return Err("no gateway reports the tool") };
            call(event, known, (meant, reported), &decide)
        }
    }
}

fn call(
    event: &AuditEvent,
    known: &Known,
    (meant, reported): (&Meant, &Reported),
    decide: &dyn Fn(Deed<'_>) -> Result<(), String>,
) -> Said {
    if let Err(reason) = decide(Deed::See(&meant.own)) {
        return Ok(Err(reason));
    }
    let ways = ways(known, event.user.as_ref(), event.project.as_deref(), meant);
    if ways.iter().any(BTreeSet::is_empty) {
        return Ok(Ok(()));
    }
    if event.arguments_digest.is_none() {
        return Ok(decide(Deed::Call(Call { tool: &meant.own, arguments: None, declared: &policy::nothing_declared })));
    }
    let arguments = event.arguments.as_ref().and_then(values);
    let arguments = arguments.ok_or("it depends on arguments whose values are not recorded")?;
    let declared = || reported.declared(meant);
    Ok(decide(Deed::Call(Call { tool: &meant.own, arguments: Some(&arguments), declared: &declared })))
}

#[derive(Serialize)]
struct All(Vec<Replayed>);

impl Report for All {
    fn table(&self, wide: bool) -> Table {
        let headings = ["EFFECT", "AGE", "USER", "PROJECT", "TARGET", "WAS"].into_iter();
        let mut table = Table::new(headings.chain(wide.then_some("ID")).chain(["BECAUSE"]));
        for one in &self.0 {
            let row = [
                word(&one.effect),
                age::since(one.time),
                one.user.clone(),
                one.project.clone().unwrap_or_default(),
                one.target.clone(),
                word(&one.was),
            ];
            table.row(row.into_iter().chain(wide.then(|| one.id.clone())).chain([one.because.clone()]));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| one.id.clone()).collect()
    }
}

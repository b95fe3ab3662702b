//! `mcpctl diff`: what `apply` would change, object by object. It changes nothing, and needs no right to.

use crate::{
    Invocation,
    args::apply::Diff,
    failure::{Failure, Status},
    manifest::{self, Declared},
    output::{Report, Table},
};
use control_plane_api::{
    apply::Effect,
    object::{Kind, Object},
};
use serde::Serialize;
use similar::TextDiff;
use std::process::ExitCode;

/// Exit code where something would change, as of diff(1).
const DIFFERENT: u8 = 1;

/// Prints the differences.
pub(crate) async fn run(args: &Diff, invocation: &Invocation) -> Result<ExitCode, Failure> {
    let found = find(args, invocation).await.map_err(|failure| match failure.status {
        // What that means everywhere else, exit code 1, means a difference here.
        Status::Failed => Failure { status: Status::Unhealthy, ..failure },
        _ => failure,
    })?;
    let differs = found.iter().any(|one| one.change != super::apply::word(Effect::Unchanged));
    let output = invocation.output;
    if output.is_structured() || output.is_names() {
        output.report(&Differences(found))?;
    } else {
        found.iter().try_for_each(|one| output.diff(&one.diff))?;
    }
    Ok(if differs { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}

async fn find(args: &Diff, invocation: &Invocation) -> Result<Vec<Difference>, Failure> {
    let declared = manifest::read(&args.files.file, args.files.recursive)?;
    let is_there = |kind: &Kind| declared.iter().any(|declared| declared.object.reference().kind == *kind);
    if let Some(odd) = declared.iter().find(|declared| !Kind::APPLIED.contains(&declared.object.reference().kind)) {
        let reference = odd.object.reference();
        return Err(Failure::usage(format!("{}: {reference} is not applied", odd.place))
            .hint(format!("`mcpctl get {}` shows what there is", reference.kind)));
    }
    let kinds: Vec<Kind> = Kind::APPLIED.into_iter().filter(is_there).collect();
    let client = invocation.client()?;
    let mut have = Vec::new();
    for kind in kinds {
        have.extend(client.applied(kind).await?);
    }
    declared.iter().map(|declared| Difference::of(declared, &have)).collect()
}

/// How one object would change.
#[derive(Serialize)]
struct Difference {
    object: String,
    change: &'static str,
    /// Unified, as of diff(1); empty where nothing would change.
    #[serde(skip_serializing_if = "String::is_empty")]
    diff: String,
}

impl Difference {
    fn of(declared: &Declared, have: &[Object]) -> Result<Self, Failure> {
        let wanted = declared.object.clone().declared(0);
        let reference = wanted.reference();
        let found = have.iter().find(|object| object.reference() == reference);
        let effect = match found {
            None => Effect::Created,
            Some(found) if found.clone().declared(0) == wanted => Effect::Unchanged,
            Some(_) => Effect::Configured,
        };
        let old = found.map(manifest::text).transpose()?.unwrap_or_default();
        let new = manifest::text(&wanted)?;
        let revision = found.map_or("not there".to_owned(), |found| format!("revision {}", found.revision()));
        let [left, right] = [format!("{reference} ({revision})"), format!("{reference} ({})", declared.place)];
        let diff = match effect {
            Effect::Unchanged => String::new(),
            _ => TextDiff::from_lines(&old, &new).unified_diff().header(&left, &right).to_string(),
        };
        Ok(Self { object: reference.to_string(), change: super::apply::word(effect), diff })
    }
}

#[derive(Serialize)]
struct Differences(Vec<Difference>);

impl Report for Differences {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["OBJECT", "CHANGE"]);
        self.0.iter().for_each(|one| table.row([one.object.clone(), one.change.to_owned()]));
        table
    }

    fn names(&self) -> Vec<String> {
        let changed = self.0.iter().filter(|one| !one.diff.is_empty());
        changed.map(|one| one.object.clone()).collect()
    }
}

//! `mcpctl policy explain`: every profile that would be considered, and why each allows a call or does not.

use super::{
    known::{Known, Reported},
    question::{MadeOut, with_act},
    test::Tested,
    ways::asks,
};
use crate::{
    Invocation,
    args::policy::Question,
    client::word,
    failure::Failure,
    output::{Report, Table},
};
use control_plane_api::name::Name;
use policy::{Considered, Request};
use serde::Serialize;
use std::process::ExitCode;

/// Prints the profiles; the decision they come to is said beside the table.
pub(crate) async fn run(question: &Question, invocation: &Invocation) -> Result<ExitCode, Failure> {
    let client = invocation.client()?;
    let (known, reported) = (Known::fetch(&client).await?, Reported::fetch(&client).await?);
    let made_out = MadeOut::of(question, &known, &reported, &client).await?;
    let tested = Tested::of(question, &made_out, &known, &reported);
    let declared = made_out.meant.as_ref().and_then(|meant| reported.declared(meant));
    let who = known.who(Some(&made_out.user));
    let considered = with_act(question, &made_out, declared, |act| {
        known.policy.consider(&Request { who, project: question.project.as_deref(), act, age_ms: made_out.age_ms })
    });
    let own = made_out.meant.as_ref().filter(|_| question.of.tool.is_some()).map(|meant| meant.own.as_str());
    let profiles = considered.iter().map(|one| Opinion::of(one, own, &known)).collect();
    let explained = Explained { decided: tested, considered: profiles };
    if !invocation.output.is_structured() {
        invocation.output.note(format!("{}: {}", word(&explained.decided.decision), explained.decided.reason));
    }
    invocation.output.report(&explained)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    decided: Tested,
    considered: Vec<Opinion>,
}

#[derive(Serialize)]
struct Opinion {
    project: String,
    profile: Name,
    grants: bool,
    because: String,
}

impl Opinion {
    fn of(considered: &Considered<'_>, own: Option<&str>, known: &Known) -> Self {
        let asked = || {
            let spec = known.profile(considered.profile)?;
            let asks: Vec<String> = asks(spec, own?).into_iter().collect();
            (!asks.is_empty()).then(|| format!("grants it, with arguments of which {}", asks.join(" and ")))
        };
        let because = match &considered.verdict {
            Ok(()) => asked().unwrap_or_else(|| "grants it".to_owned()),
            Err(denial) => denial.to_string(),
        };
        let (project, profile) = (considered.project.to_owned(), considered.profile.clone());
        Self { project, profile, grants: considered.verdict.is_ok(), because }
    }
}

impl Report for Explained {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["PROJECT", "PROFILE", "GRANTS", "BECAUSE"]);
        for one in &self.considered {
            let grants = if one.grants { "yes" } else { "no" };
            table.row([one.project.clone(), one.profile.to_string(), grants.to_owned(), one.because.clone()]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.considered.iter().filter(|one| one.grants).map(|one| one.profile.to_string()).collect()
    }
}

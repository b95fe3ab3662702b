//! `mcpctl policy test`: whether a call would be allowed.

use super::{
    known::{Known, Reported},
    question::{MadeOut, with_act},
    ways::{told, ways},
};
use crate::{
    Invocation,
    args::policy::Question,
    failure::{Failure, Status},
    output::{Report, Table},
};
use control_plane_api::{audit::Decision, name::Name};
use policy::Request;
use serde::Serialize;
use std::process::ExitCode;

/// Prints the decision, which is the exit code as well.
pub(crate) async fn run(question: &Question, invocation: &Invocation) -> Result<ExitCode, Failure> {
    let client = invocation.client()?;
    let (known, reported) = (Known::fetch(&client).await?, Reported::fetch(&client).await?);
    let made_out = MadeOut::of(question, &known, &reported, &client).await?;
    let tested = Tested::of(question, &made_out, &known, &reported);
    invocation.output.report(&tested)?;
    Ok(match tested.decision {
        Decision::Allow => ExitCode::SUCCESS,
        Decision::Deny => ExitCode::from(Status::Denied.exit_code()),
    })
}

/// A decision and why.
#[derive(Serialize)]
pub(crate) struct Tested {
    pub(crate) decision: Decision,
    user: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Name>,
    pub(super) reason: String,
}

impl Tested {
    pub(crate) fn of(question: &Question, made_out: &MadeOut, known: &Known, reported: &Reported) -> Self {
        let project = question.project.as_deref();
        let declared = made_out.meant.as_ref().and_then(|meant| reported.declared(meant));
        let who = known.who(Some(&made_out.user));
        let decided = with_act(question, made_out, declared, |act| {
            known.decide(&Request { who, project, act, age_ms: made_out.age_ms })
        });
        let asked = || match (&made_out.meant, question.of.tool.is_some() && made_out.arguments.is_none()) {
            (Some(meant), true) => {
                let ways = ways(known, Some(&made_out.user), project, meant);
                let free = ways.iter().any(std::collections::BTreeSet::is_empty);
                if free { String::new() } else { format!("; with arguments of which {}", told(&ways)) }
            }
            _ => String::new(),
        };
        let (decision, profile, reason) = match decided {
            Ok(profile) => {
                let by = profile
                    .as_ref()
                    .map_or("open to the user".to_owned(), |profile| format!("profile `{profile}` grants it"));
                (Decision::Allow, profile, by + &asked())
            }
            Err(reason) => (Decision::Deny, None, reason),
        };
        let of = &question.of;
        let name = of.tool.as_ref().or(of.prompt.as_ref()).or(of.resource.as_ref()).cloned().unwrap_or_default();
        Self {
            decision,
            user: made_out.user.clone(),
            project: question.project.clone(),
            name,
            server: made_out.meant.as_ref().map(|meant| meant.server.clone()),
            own_name: made_out.meant.as_ref().map(|meant| meant.own.clone()),
            profile,
            reason,
        }
    }

    fn word(&self) -> &'static str {
        match self.decision {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
        }
    }
}

impl Report for Tested {
    fn table(&self, wide: bool) -> Table {
        let headings = ["DECISION", "USER", "PROJECT", "NAME"].into_iter();
        let more = wide.then_some(["SERVER", "OWN-NAME"]).into_iter().flatten();
        let mut table = Table::new(headings.chain(more).chain(["REASON"]));
        let row = [
            self.word().to_owned(),
            self.user.to_string(),
            self.project.clone().unwrap_or_else(|| "any".to_owned()),
            self.name.clone(),
        ];
        let server = || self.server.as_ref().map(ToString::to_string).unwrap_or_default();
        let more = || [server(), self.own_name.clone().unwrap_or_default()];
        table.row(row.into_iter().chain(wide.then(more).into_iter().flatten()).chain([self.reason.clone()]));
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.word().to_owned()]
    }
}

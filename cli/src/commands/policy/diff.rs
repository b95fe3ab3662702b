//! `mcpctl policy diff`: which user gains or loses which tool through which project, or has it on other terms.

use super::{
    known::{Known, Meant, Reported},
    ways::{Way, told, ways},
};
use crate::{
    Invocation,
    args::policy::Diff,
    failure::Failure,
    output::{Report, Table},
};
use control_plane_api::{gateway::ToolStatus, name::Name};
use serde::Serialize;
use std::{collections::BTreeSet, process::ExitCode};

/// Prints the differences that the objects of a file would make.
pub(crate) async fn run(args: &Diff, invocation: &Invocation) -> Result<ExitCode, Failure> {
    let client = invocation.client()?;
    let (before, reported) = (Known::fetch(&client).await?, Reported::fetch(&client).await?);
    let after = before.with(&args.file)?;
    for server in after.servers_of(None).into_iter().filter(|server| reported.tools(server).is_empty()) {
        invocation.output.warn(format!("no gateway reports tools of server `{server}`: they are not compared"));
    }
    let differences = differences(args, (&before, &after), &reported);
    if differences.is_empty() && !invocation.output.is_structured() {
        invocation.output.note("nobody gains or loses a tool");
        return Ok(ExitCode::SUCCESS);
    }
    invocation.output.report(&Differences(differences))?;
    Ok(ExitCode::SUCCESS)
}

fn differences(args: &Diff, (before, after): (&Known, &Known), reported: &Reported) -> Vec<Difference> {
    let wanted = |name: &&Name, only: &Option<Name>| only.as_ref().is_none_or(|only| only == *name);
    let users: BTreeSet<&Name> = before.users().chain(after.users()).filter(|user| wanted(user, &args.user)).collect();
    let projects = before.snapshot.projects().chain(after.snapshot.projects()).map(|(name, _)| name);
    let projects: BTreeSet<&Name> = projects.filter(|project| wanted(project, &args.project)).collect();
    let servers: BTreeSet<&Name> = before.servers_of(None).union(&after.servers_of(None)).copied().collect();
    let mut found = Vec::new();
    for (user, project) in users.iter().flat_map(|user| projects.iter().map(move |project| (*user, *project))) {
        for (server, tool) in
            servers.iter().flat_map(|server| reported.tools(server).iter().map(move |tool| (*server, tool)))
        {
            let meant = Meant { server: server.clone(), own: tool.name.clone() };
            let in_force = |known: &Known| ways(known, Some(user), Some(project.as_str()), &meant);
            found.extend(Difference::of((user, project, server, tool), &in_force(before), &in_force(after)));
        }
    }
    found
}

/// What becomes of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Gained,
    Lost,
    /// It may be called with other arguments.
    Changed,
}

#[derive(Serialize)]
struct Difference {
    change: Change,
    user: Name,
    project: Name,
    tool: String,
    server: Name,
    /// With which arguments it could be called; absent: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// With which arguments it can be called; absent: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Difference {
    fn of(
        (user, project, server, tool): (&Name, &Name, &Name, &ToolStatus),
        before: &BTreeSet<Way>,
        after: &BTreeSet<Way>,
    ) -> Option<Self> {
        let change = match (before.is_empty(), after.is_empty()) {
            _ if before == after => return None,
            (true, _) => Change::Gained,
            (_, true) => Change::Lost,
            _ => Change::Changed,
        };
        let told = |ways: &BTreeSet<Way>| (!ways.is_empty()).then(|| told(ways));
        Some(Self {
            change,
            user: user.clone(),
            project: project.clone(),
            tool: tool.exposed.clone(),
            server: server.clone(),
            before: told(before),
            after: told(after),
        })
    }

    fn word(&self) -> &'static str {
        match self.change {
            Change::Gained => "gained",
            Change::Lost => "lost",
            Change::Changed => "changed",
        }
    }
}

#[derive(Serialize)]
struct Differences(Vec<Difference>);

impl Report for Differences {
    fn table(&self, wide: bool) -> Table {
        let headings = ["CHANGE", "USER", "PROJECT", "TOOL"].into_iter();
        let (server, before) = (wide.then_some("SERVER"), wide.then_some("BEFORE"));
        let mut table = Table::new(headings.chain(server).chain(["ARGUMENTS"]).chain(before));
        for one in &self.0 {
            let text = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
            let row = [one.word().to_owned(), one.user.to_string(), one.project.to_string(), one.tool.clone()];
            let (server, before) = (wide.then(|| one.server.to_string()), wide.then(|| text(&one.before)));
            table.row(row.into_iter().chain(server).chain([text(&one.after)]).chain(before));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| format!("{} {}/{}/{}", one.word(), one.user, one.project, one.tool)).collect()
    }
}

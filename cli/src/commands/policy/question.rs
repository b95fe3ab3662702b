//! What a question on the command line means: who asks, and for what of which server.

use super::known::{Known, Meant, Reported};
use crate::{
    args::policy::Question,
    client::{self, Client},
    failure::{During as _, Failure},
    output::age,
};
use control_plane_api::{argument::Declared, name::Name, object::Kind};
use policy::{Act, Call, Deed};
use serde_json::value::RawValue;
use std::{collections::BTreeSet, sync::Arc};

/// A question that was made out: who asks, and what is meant. None: nobody offers it.
pub(crate) struct MadeOut {
    pub(crate) user: Name,
    pub(crate) meant: Option<Meant>,
    pub(crate) arguments: Option<Box<RawValue>>,
    /// How old the configuration is, in milliseconds.
    pub(crate) age_ms: u64,
}

impl MadeOut {
    pub(crate) async fn of(
        question: &Question,
        known: &Known,
        reported: &Reported,
        client: &Client,
    ) -> Result<Self, Failure> {
        let user = match &question.user {
            Some(user) => user.clone(),
            None => client.whoami().await?.user,
        };
        let users: Vec<Name> = known.users().cloned().collect();
        if !users.contains(&user) {
            return Err(client::unknown(Kind::User, &user, &users));
        }
        let arguments = question.arguments.as_deref().map(read_arguments).transpose()?;
        let age_s = question.stale.as_deref().map(age::parse_duration).transpose()?.unwrap_or_default();
        let age_ms = u64::try_from(age_s).unwrap_or_default().saturating_mul(1_000);
        Ok(Self { user, meant: meant(question, known, reported)?, arguments, age_ms })
    }
}

fn read_arguments(text: &str) -> Result<Box<RawValue>, Failure> {
    let file = text.strip_prefix('@');
    let text = match file {
        Some(file) => std::fs::read_to_string(file).during(|| format!("cannot read `{file}`"))?,
        None => text.to_owned(),
    };
    serde_json::from_str(text.trim()).map_err(|error| {
        Failure::usage(format!("--arguments is not JSON: {error}"))
            .hint("write an object such as '{\"channel\":\"C024BE91L\"}', or @FILE")
    })
}

fn meant(question: &Question, known: &Known, reported: &Reported) -> Result<Option<Meant>, Failure> {
    let mut servers = known.servers_of(question.project.as_deref());
    if let Some(server) = &question.server {
        let names: Vec<Name> = known.snapshot.servers().map(|(name, _)| name.clone()).collect();
        if !names.contains(server) {
            return Err(client::unknown(Kind::Server, server, &names));
        }
        servers = BTreeSet::from([server]);
    }
    if let Some(tool) = &question.of.tool {
        let found = reported.find(&servers, tool);
        return match (found.as_slice(), servers.len()) {
            ([one], _) => Ok(Some(one.clone())),
            // No gateway has found the server's tools yet: its own name is what rules speak of.
            ([], 1) => Ok(only(&servers).map(|server| Meant { server: server.clone(), own: tool.clone() })),
            ([], _) => Ok(None),
            (several, _) => Err(ambiguous(tool, several.iter().map(|one| &one.server))),
        };
    }
    let name = question.of.prompt.as_deref().or(question.of.resource.as_deref()).unwrap_or_default();
    match (only(&servers), servers.len()) {
        (Some(server), 1) => {
            let own = match &question.of.prompt {
                Some(prompt) => known.own_names(server, prompt).into_iter().next().unwrap_or_default(),
                None => name.to_owned(),
            };
            Ok(Some(Meant { server: server.clone(), own }))
        }
        (_, 0) => Ok(None),
        _ => Err(ambiguous(name, servers.iter().copied())),
    }
}

fn only<'a>(servers: &BTreeSet<&'a Name>) -> Option<&'a Name> {
    servers.iter().next().copied()
}

fn ambiguous<'a>(what: &str, servers: impl Iterator<Item = &'a Name>) -> Failure {
    let servers: Vec<&str> = servers.map(Name::as_str).collect();
    Failure::usage(format!("`{what}` may be of any of the servers {}", servers.join(", ")))
        .hint("say which with `--for SERVER`")
}

/// What is to be done with what is meant: a call where there are arguments, else a look at the tool.
pub(crate) fn with_act<T>(
    question: &Question,
    made_out: &MadeOut,
    declared: Option<Arc<Declared>>,
    then: impl FnOnce(Act<'_>) -> T,
) -> T {
    let of = &question.of;
    let name = of.tool.as_deref().or(of.prompt.as_deref()).or(of.resource.as_deref()).unwrap_or_default();
    let Some(meant) = &made_out.meant else { return then(Act::Unknown(name)) };
    let declared = || declared.clone();
    let deed = if of.prompt.is_some() {
        Deed::Prompt(&meant.own)
    } else if of.resource.is_some() {
        Deed::Resource(&meant.own)
    } else if let Some(arguments) = &made_out.arguments {
        Deed::Call(Call { tool: &meant.own, arguments: Some(arguments), declared: &declared })
    } else {
        Deed::See(&meant.own)
    };
    then(Act::At(&meant.server, deed))
}

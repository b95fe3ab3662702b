//! Permissions: whether this principal may do this through this project. Innermost filter: it judges the request as it
//! will be sent, and nothing changes it afterwards.
//!
//! Default deny. A project that does not exist, one the principal is not a member of, a name nobody offers and a name
//! nobody granted are refused with the same words, unless `explain` is set (the local preset: the owner is told why).
//! Lists are pruned by the same decision that guards calls; the guard on calls is the one that matters.

use crate::{Exchange, Filter, LocalReply, Names, Principal, Target, Verdict, originals};
use async_trait::async_trait;
use control_plane_api::{
    name::Name,
    profile::{AccessLevel, ProfileSpec},
    server::{ServerSpec, ToolClass},
    snapshot::Snapshot,
};
use http::StatusCode;
use protocol::{
    Members, Message, RpcError, code,
    method::{self, Primitive},
};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

/// The member of a listen's `notifications` that names the resources to watch.
const WATCHED: &str = "resourceSubscriptions";

/// The filter, compiled from one snapshot.
pub struct Permissions {
    projects: HashMap<String, Project>,
    servers: HashMap<Name, ServerSpec>,
    names: Arc<dyn Names>,
    explain: bool,
}

struct Project {
    members: Vec<Name>,
    grants: Vec<(Name, ProfileSpec)>,
}

/// Why something is refused, in words for its owner and the audit log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No such project, or not a member of it.
    #[error("project `{0}` is not open to you")]
    Project(String),
    /// Nobody offers a primitive of that name.
    #[error("no server of this project offers `{0}`")]
    NotOffered(String),
    /// A server has it, and it is not trusted.
    #[error("`{name}` is not offered: {reason}")]
    Withheld {
        /// The name clients know.
        name: String,
        /// Why, and what to do about it.
        reason: String,
    },
    /// No profile grants anything of that server.
    #[error("no profile of this project covers server `{0}`")]
    NoProfile(Name),
    /// The ceiling of the profile is lower than the tool's class.
    #[error("profile `{profile}` is {access} and `{tool}` is classed {class}")]
    Ceiling {
        /// The profile.
        profile: Name,
        /// Its ceiling.
        access: &'static str,
        /// The server's own name of the tool.
        tool: String,
        /// What the tool does.
        class: ToolClass,
    },
    /// The profile's patterns leave it out.
    #[error("profile `{profile}` does not grant `{name}`")]
    NotGranted {
        /// The profile.
        profile: Name,
        /// The server's own name.
        name: String,
    },
}

impl Permissions {
    /// Compiles `snapshot`. `names` answers for exposed names in lists; `explain` tells callers the reason.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, names: Arc<dyn Names>, explain: bool) -> Self {
        let profiles: HashMap<&Name, &ProfileSpec> = snapshot.profiles().collect();
        let grants = |wanted: &[Name]| {
            wanted.iter().filter_map(|name| Some((name.clone(), (*profiles.get(name)?).clone()))).collect()
        };
        let project = |spec: &control_plane_api::project::ProjectSpec| Project {
            members: spec.members.clone(),
            grants: grants(&spec.profiles),
        };
        Self {
            projects: snapshot.projects().map(|(name, spec)| (name.to_string(), project(spec))).collect(),
            servers: snapshot.servers().map(|(name, spec)| (name.clone(), spec.clone())).collect(),
            names,
            explain,
        }
    }

    /// Whether `principal` may reach `target` (a primitive of `primitive`'s kind) through `project`; which profile says so.
    /// None says so of what is the gateway's own: whoever may use the project may read what it keeps for them.
    ///
    /// # Errors
    /// The [`Denial`] that says most about what would have to change.
    pub fn decide(
        &self,
        principal: &Principal,
        project: Option<&str>,
        primitive: &Primitive,
        target: Option<&Target>,
    ) -> Result<Option<&Name>, Denial> {
        let open = self.open_to(principal, project)?;
        let Some(target) = target else {
            return match !open.is_empty() && originals::is_own(&*self.names, project, primitive) {
                true => Ok(None),
                false => Err(self.not_offered(project, primitive)),
            };
        };
        let mut denial = Denial::NoProfile(target.server.clone());
        for (profile, spec) in open.iter().flat_map(|p| &p.grants).filter(|(_, spec)| spec.server == target.server) {
            match self.judge(profile, spec, primitive, target) {
                Ok(()) => return Ok(Some(profile)),
                Err(reason) => denial = reason,
            }
        }
        Err(denial)
    }

    fn not_offered(&self, project: Option<&str>, primitive: &Primitive) -> Denial {
        let name = primitive.name().to_owned();
        match self.names.withheld(project, primitive) {
            Some(reason) => Denial::Withheld { name, reason },
            None => Denial::NotOffered(name),
        }
    }

    /// Whether the exchange may go to the server of `target` without acting on a primitive: about a task, which a permitted
    /// call began, with any profile; with a method nobody here knows, only with full access.
    fn reach(&self, exchange: &Exchange, target: &Target) -> Result<&Name, Denial> {
        let open = self.open_to(&exchange.principal, exchange.project.as_deref())?;
        let of_server = open.iter().flat_map(|p| &p.grants).filter(|(_, spec)| spec.server == target.server);
        let mut denial = Denial::NoProfile(target.server.clone());
        for (profile, spec) in of_server {
            if !exchange.sealed.tasks.is_empty() || spec.access == AccessLevel::Full {
                return Ok(profile);
            }
            denial = Denial::NotGranted { profile: profile.clone(), name: target.name.clone() };
        }
        Err(denial)
    }

    /// A profile that covers `server` in what is open to the exchange.
    fn profile_of(&self, exchange: &Exchange, server: &Name) -> Option<&Name> {
        let open = self.open_to(&exchange.principal, exchange.project.as_deref()).ok()?;
        let mut grants = open.iter().flat_map(|project| &project.grants);
        grants.find(|(_, spec)| spec.server == *server).map(|(profile, _)| profile)
    }

    /// Takes out of a `subscriptions/listen` the resources that may not be read.
    fn prune_watched(&self, exchange: &mut Exchange) {
        let Some(mut wanted) = exchange.request.params.object("notifications") else {
            return;
        };
        let Some(uris) = wanted.read::<Vec<String>>(WATCHED) else {
            wanted.remove(WATCHED);
            exchange.request.params.set("notifications", &wanted);
            return;
        };
        let readable = |uri: &String| {
            let primitive = Primitive::Resource(uri.clone());
            let target = self.names.target(exchange.project.as_deref(), &primitive);
            self.decide(&exchange.principal, exchange.project.as_deref(), &primitive, target.as_ref()).is_ok()
        };
        let kept: Vec<String> = uris.into_iter().filter(readable).collect();
        wanted.set(WATCHED, &kept);
        exchange.request.params.set("notifications", &wanted);
    }

    /// The projects `principal` may use: the one asked for, or without one all that are open.
    fn open_to(&self, principal: &Principal, project: Option<&str>) -> Result<Vec<&Project>, Denial> {
        let may = |p: &&Project| principal.is_admin() || principal.name().is_some_and(|name| p.members.contains(name));
        match project {
            None => Ok(self.projects.values().filter(may).collect()),
            Some(name) => match self.projects.get(name).filter(may) {
                Some(project) => Ok(vec![project]),
                None => Err(Denial::Project(name.to_owned())),
            },
        }
    }

    fn judge(&self, profile: &Name, spec: &ProfileSpec, primitive: &Primitive, target: &Target) -> Result<(), Denial> {
        if target.connects {
            // Whoever may use anything of a server may connect it.
            return Ok(());
        }
        let named = |patterns: &[control_plane_api::pattern::Pattern]| patterns.iter().any(|p| p.matches(&target.name));
        let granted = match primitive {
            Primitive::Prompt(_) => named(&spec.prompts),
            Primitive::Resource(_) => named(&spec.resources),
            Primitive::Tool(_) => {
                let class = self.servers.get(&target.server).map_or(ToolClass::Unknown, |s| s.class_of(&target.name));
                if let Some(access) = too_low(spec.access, class) {
                    let tool = target.name.clone();
                    return Err(Denial::Ceiling { profile: profile.clone(), access, tool, class });
                }
                named(&spec.allow) && !named(&spec.deny)
            }
        };
        if granted { Ok(()) } else { Err(Denial::NotGranted { profile: profile.clone(), name: target.name.clone() }) }
    }

    /// What the caller is told: the reason, or the words for something that does not exist.
    fn refuse(&self, denial: &Denial, primitive: Option<&Primitive>) -> LocalReply {
        let reason = denial.to_string();
        let told = match (self.explain, primitive) {
            (true, _) => format!("permission denied: {denial}"),
            (false, Some(Primitive::Tool(name))) => format!("unknown tool `{name}`"),
            (false, Some(Primitive::Prompt(name))) => format!("unknown prompt `{name}`"),
            (false, Some(Primitive::Resource(uri))) => format!("unknown resource `{uri}`"),
            (false, None) => "unknown project".to_owned(),
        };
        let mut reply = LocalReply::refusal(code::INVALID_PARAMS, told, reason);
        if let Some(Primitive::Resource(uri)) = primitive {
            // As for any resource that is not there (2026-07-28 server/resources).
            reply.error = reply.error.with_data(&BTreeMap::from([("uri", uri)]));
        }
        if let (Denial::Project(_), None) = (denial, primitive) {
            reply.status = StatusCode::NOT_FOUND;
        }
        reply
    }

    fn prune(&self, exchange: &Exchange, list: &RawValue) -> Option<Vec<Box<RawValue>>> {
        let entries: Vec<Box<RawValue>> = serde_json::from_str(list.get()).ok()?;
        let granted = |entry: &RawValue| {
            let Some(primitive) = listed(&exchange.request.method, entry) else {
                return false;
            };
            let target = self.names.target(exchange.project.as_deref(), &primitive);
            self.decide(&exchange.principal, exchange.project.as_deref(), &primitive, target.as_ref()).is_ok()
        };
        Some(entries.into_iter().filter(|entry| granted(entry)).collect())
    }
}

#[async_trait]
impl Filter for Permissions {
    fn name(&self) -> &'static str {
        "permissions"
    }

    fn needs_whole(&self, exchange: &Exchange) -> bool {
        method::list_member(&exchange.request.method).is_some()
    }

    async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let project = exchange.project.as_deref();
        let decision = match (&exchange.primitive, &exchange.target) {
            (Some(primitive), target) => self.decide(&exchange.principal, project, primitive, target.as_ref()),
            (None, Some(target)) => self.reach(exchange, target).map(Some),
            (None, None) => self.open_to(&exchange.principal, project).map(|_| None),
        };
        match decision {
            Ok(profile) => {
                exchange.allowed_by = profile.cloned();
                if exchange.request.method == method::LISTEN {
                    self.prune_watched(exchange);
                    let mut tasks = std::mem::take(&mut exchange.sealed.tasks);
                    tasks.retain(|(_, task)| self.profile_of(exchange, &task.server).is_some());
                    exchange.sealed.tasks = tasks;
                }
                ControlFlow::Continue(())
            }
            Err(denial) => {
                let mut reply = self.refuse(&denial, exchange.primitive.as_ref());
                if exchange.primitive.is_none() && !matches!(denial, Denial::Project(_)) {
                    // To who may not use it, a method is one that nobody knows.
                    reply.error.code = code::METHOD_NOT_FOUND;
                    if exchange.affinity.is_none() {
                        reply.status = StatusCode::NOT_FOUND;
                    }
                    if !self.explain {
                        reply.error.message = format!("method `{}` is not known", exchange.request.method);
                    }
                }
                ControlFlow::Break(reply)
            }
        }
    }

    async fn on_message(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        let (Some(member), Message::Response(response)) = (method::list_member(&exchange.request.method), message)
        else {
            return Verdict::Pass;
        };
        if let Some(mut result) = response.result() {
            // A list that cannot be read cannot be pruned: nothing of it is shown.
            let kept = result.get(member).and_then(|list| self.prune(exchange, list)).unwrap_or_default();
            result.set(member, &kept);
            response.payload = Ok(result.to_raw());
        } else if response.payload.is_ok() {
            response.payload = Err(RpcError::new(code::INTERNAL_ERROR, "the list could not be read"));
        }
        Verdict::Pass
    }
}

/// The primitive an entry of a list stands for.
fn listed(list_method: &str, entry: &RawValue) -> Option<Primitive> {
    let entry = Members::open(entry).ok()?;
    match list_method {
        method::TOOLS_LIST => entry.read("name").map(Primitive::Tool),
        method::PROMPTS_LIST => entry.read("name").map(Primitive::Prompt),
        method::RESOURCES_LIST => entry.read("uri").map(Primitive::Resource),
        method::TEMPLATES_LIST => entry.read("uriTemplate").map(Primitive::Resource),
        _ => None,
    }
}

/// The ceiling in words, when `class` lies above it.
fn too_low(access: AccessLevel, class: ToolClass) -> Option<&'static str> {
    match (access, class) {
        (AccessLevel::Full, _)
        | (AccessLevel::ReadWrite, ToolClass::Read | ToolClass::Write)
        | (AccessLevel::ReadOnly, ToolClass::Read) => None,
        (AccessLevel::ReadWrite, _) => Some("read-write"),
        (AccessLevel::ReadOnly, _) => Some("read-only"),
    }
}

#[cfg(test)]
mod tests;

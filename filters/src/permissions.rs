//! Permissions: whether this principal may do this through this project. Innermost filter: it judges the request as it
//! will be sent, and nothing changes it afterwards. What is allowed, `policy` decides; here is what is asked of it, and
//! what callers are told.
//!
//! Default deny. A project that does not exist, one the principal is not a member of, a name nobody offers and a name
//! nobody granted are refused with the same words, unless `explain` is set (the local preset: the owner is told why).
//! Who may call a tool, but not with these arguments, is told which argument it is, and nothing of what the profile
//! allows: the tool is in the caller's list, so that "unknown" would be false and leave the caller to try everything. Who
//! may do something, but not by a gateway that was cut off from its control plane for long, is told that much.
//! Lists are pruned by the same decision that guards calls, before they are text and again as text; the guard on calls is the
//! one that matters.

use crate::{Cause, Exchange, Filter, LocalReply, Names, Principal, Target, Verdict, originals};
use control_plane_api::{name::Name, snapshot::Snapshot};
use http::StatusCode;
pub use policy::Denial;
use policy::{Act, Call, Deed, Policy, Request, Who};
use protocol::{
    Members, Message, RpcError, code,
    method::{self, Primitive},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Duration};

/// The member of a listen's `notifications` that names the resources to watch.
const WATCHED: &str = "resourceSubscriptions";

/// The filter, compiled from one snapshot.
pub struct Permissions {
    policy: Policy,
    names: Arc<dyn Names>,
    explain: bool,
    age: Age,
}

/// Asked for how long ago the control plane confirmed the configuration.
pub type Age = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What is known of a request for a primitive when it is judged.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    /// The primitive is to be shown in a list.
    Shown,
    /// It is to be used, a tool with these arguments.
    Used(Option<&'a RawValue>),
}

impl Permissions {
    /// Compiles `snapshot`, which is confirmed for good. `names` answers for exposed names in lists; `explain` tells callers
    /// the reason.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, names: Arc<dyn Names>, explain: bool) -> Self {
        Self { policy: Policy::compile(snapshot), names, explain, age: Arc::new(|| Duration::ZERO) }
    }

    /// The same of a snapshot whose `age` profiles may ask about.
    #[must_use]
    pub fn aged(self, age: Age) -> Self {
        Self { age, ..self }
    }

    /// What is to be decided of `act`, now.
    fn request<'a>(&self, who: Who<'a>, project: Option<&'a str>, act: Act<'a>) -> Request<'a> {
        Request { who, project, act, age_ms: u64::try_from((self.age)().as_millis()).unwrap_or(u64::MAX) }
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
        (primitive, target): (&Primitive, Option<&Target>),
        asked: Asked<'_>,
    ) -> Result<Option<&Name>, Denial> {
        let declared = || self.names.declared(project, primitive);
        let act = match target {
            None if originals::is_own(&*self.names, project, primitive) => Act::Own(primitive.name()),
            None => Act::Unknown(primitive.name()),
            Some(target) => {
                let name = target.name.as_str();
                let deed = match (primitive, asked) {
                    _ if target.connects => Deed::Connect,
                    (Primitive::Prompt(_), _) => Deed::Prompt(name),
                    (Primitive::Resource(_), _) => Deed::Resource(name),
                    (Primitive::Tool(_), Asked::Shown) => Deed::See(name),
                    (Primitive::Tool(_), Asked::Used(arguments)) => {
                        Deed::Call(Call { tool: name, arguments, declared: &declared })
                    }
                };
                Act::At(&target.server, deed)
            }
        };
        self.policy.decide(&self.request(who(principal), project, act)).map_err(|denial| match denial {
            Denial::NotOffered(name) => self.not_offered(project, primitive, name),
            other => other,
        })
    }

    fn not_offered(&self, project: Option<&str>, primitive: &Primitive, name: String) -> Denial {
        match self.names.withheld(project, primitive) {
            Some(reason) => Denial::Withheld { name, reason },
            None => Denial::NotOffered(name),
        }
    }

    /// Whether `exchange` may go on as it is, and which profile says so.
    fn judge(&self, exchange: &Exchange) -> Result<Option<&Name>, Denial> {
        let project = exchange.project.as_deref();
        let act = match (&exchange.primitive, &exchange.target) {
            (Some(primitive), target) => {
                let asked = Asked::Used(exchange.request.params.get("arguments"));
                return self.decide(&exchange.principal, project, (primitive, target.as_ref()), asked);
            }
            (None, None) => Act::Open,
            // About a task, which a permitted call began; or with a method nobody here knows.
            (None, Some(target)) if !exchange.sealed.tasks.is_empty() => Act::At(&target.server, Deed::Task),
            (None, Some(target)) => Act::At(&target.server, Deed::Method(&target.name)),
        };
        self.policy.decide(&self.request(who(&exchange.principal), project, act))
    }

    /// Takes out of a `subscriptions/listen` the resources that may not be read, and the tasks of servers that are not open.
    fn prune_watched(&self, exchange: &mut Exchange) {
        let mut tasks = std::mem::take(&mut exchange.sealed.tasks);
        let (who, project) = (who(&exchange.principal), exchange.project.as_deref());
        tasks.retain(|(_, task)| {
            let act = Act::At(&task.server, Deed::Task);
            self.policy.decide(&self.request(who, project, act)).is_ok()
        });
        exchange.sealed.tasks = tasks;
        let Some(mut wanted) = exchange.request.params.object("notifications") else {
            return;
        };
        let Some(uris) = wanted.read::<Vec<String>>(WATCHED) else {
            wanted.remove(WATCHED);
            exchange.request.params.set("notifications", &wanted);
            return;
        };
        let readable = |uri: &String| self.shows(exchange, &Primitive::Resource(uri.clone()));
        let kept: Vec<String> = uris.into_iter().filter(readable).collect();
        wanted.set(WATCHED, &kept);
        exchange.request.params.set("notifications", &wanted);
    }

    /// Whether who asks in `exchange` may see `primitive`.
    #[must_use]
    pub fn shows(&self, exchange: &Exchange, primitive: &Primitive) -> bool {
        let project = exchange.project.as_deref();
        let target = self.names.target(project, primitive);
        self.decide(&exchange.principal, project, (primitive, target.as_ref()), Asked::Shown).is_ok()
    }

    /// What the caller is told: the reason, or the words for something that does not exist.
    fn refuse(&self, denial: &Denial, primitive: Option<&Primitive>) -> LocalReply {
        let reason = denial.to_string();
        let told = match (self.explain, primitive, denial) {
            (true, ..) => format!("permission denied: {denial}"),
            (false, Some(Primitive::Tool(name)), Denial::Arguments { fault, .. }) => {
                format!("invalid arguments for tool `{name}`: {fault}")
            }
            // It was in the caller's list a moment ago: "unknown" would be false, and is no reason to try again.
            (false, Some(primitive), Denial::Stale { .. }) => {
                format!(
                    "`{}` is refused for now: this gateway has not heard from its control plane for long",
                    primitive.name()
                )
            }
            (false, Some(Primitive::Tool(name)), _) => format!("unknown tool `{name}`"),
            (false, Some(Primitive::Prompt(name)), _) => format!("unknown prompt `{name}`"),
            (false, Some(Primitive::Resource(uri)), _) => format!("unknown resource `{uri}`"),
            (false, None, _) => "unknown project".to_owned(),
        };
        let mut reply = LocalReply::refusal(Cause::from(denial), code::INVALID_PARAMS, told, reason);
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
            listed(&exchange.request.method, entry).is_some_and(|primitive| self.shows(exchange, &primitive))
        };
        Some(entries.into_iter().filter(|entry| granted(entry)).collect())
    }
}

/// Who asks, in the words of the policy.
fn who(principal: &Principal) -> Who<'_> {
    principal.name().map_or(Who::Nobody, |name| Who::User { name, admin: principal.is_admin() })
}

impl Filter for Permissions {
    fn name(&self) -> &'static str {
        "permissions"
    }

    fn needs_whole(&self, exchange: &Exchange) -> bool {
        method::list_member(&exchange.request.method).is_some()
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        match self.judge(exchange) {
            Ok(profile) => {
                exchange.allowed_by = profile.cloned();
                if exchange.request.method == method::LISTEN {
                    self.prune_watched(exchange);
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

    fn amend(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
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
    let name = match list_method {
        method::RESOURCES_LIST => "uri",
        method::TEMPLATES_LIST => "uriTemplate",
        _ => "name",
    };
    Primitive::listed(list_method, Members::open(entry).ok()?.read(name)?)
}

#[cfg(test)]
mod tests;

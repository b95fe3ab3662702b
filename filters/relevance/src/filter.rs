//! Relevance as a filter of the chain: offers `_context`, takes it out of calls, prunes the results, and holds them to
//! their budget.
//!
//! `_context` is ours alone: it is offered in the schema of filterable tools and never reaches an upstream. A tool
//! that has a `_context` of its own keeps it, and is not filtered. The budget is for results of all tools, those that
//! write too. Cannot refuse anything; a result that cannot be judged passes within its budget and says so.

mod asked;

use std::collections::HashSet;
use std::future::ready;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use control_plane_api::relevance::Relevance as Settings;
use filters::originals::{Origin, Originals, Owner};
use filters::relevance_policy::RelevancePolicy;
use filters::{Exchange, Filter, LocalReply, Names, Step, Target, Verdict};
use futures::future::Either;
use protocol::method::{self, Primitive};
use protocol::{Members, Message, Response};
use serde_json::json;
use serde_json::value::RawValue;

use crate::relevance::{Ask, Filtered, Keeper, Relevance};
use asked::Asked;

/// The argument.
pub const ARGUMENT: &str = "_context";
/// What the model that calls the tool reads about it.
const DESCRIPTION: &str = "What you are looking for, in a few words, such as \"customer complaints about shipping\": \
    a long result then comes back with only the records relevant to it. Leave it out to get the result as it is, cut where \
    it is very long; pass \"all\" to get everything, however long.";
/// Tools with a `_context` of their own that are remembered.
const OWN_CONTEXT_MAX: usize = 10_000;

/// Tools that have a `_context` of their own, as far as their lists were seen.
#[derive(Default)]
pub(crate) struct OwnContext(Mutex<HashSet<Target>>);

impl OwnContext {
    fn has(&self, target: &Target) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(target)
    }

    fn note(&self, target: Target, is_own: bool) {
        let mut tools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_own {
            tools.remove(&target);
        } else if tools.len() < OWN_CONTEXT_MAX {
            tools.insert(target);
        }
    }
}

/// The filter, compiled from one snapshot; the service behind it outlives snapshots.
pub struct RelevanceFilter {
    policy: Arc<RelevancePolicy>,
    names: Arc<dyn Names>,
    relevance: Arc<Relevance>,
    originals: Arc<dyn Originals>,
}

impl RelevanceFilter {
    /// A filter with the settings in `policy`; `names` answers for exposed names in lists, `relevance` judges, `originals`
    /// keeps what is shortened.
    #[must_use]
    pub fn new(
        policy: Arc<RelevancePolicy>,
        names: Arc<dyn Names>,
        relevance: Arc<Relevance>,
        originals: Arc<dyn Originals>,
    ) -> Self {
        Self { policy, names, relevance, originals }
    }

    /// How the results of the tool `target` are filtered; none: not at all.
    fn filtered(&self, project: Option<&str>, target: &Target) -> Option<Settings> {
        self.policy.of_tool(project, target).filter(|settings| settings.enabled)
    }

    /// What is asked about the result of the exchange; none: it is left alone.
    fn ask(&self, exchange: &Exchange) -> Option<Ask> {
        let target = exchange.target.as_ref().filter(|_| exchange.request.method == method::TOOLS_CALL)?;
        let project = exchange.project.as_deref();
        let settings = self.policy.of_tool(project, target)?;
        let intent = match Asked::of(exchange.intent.as_deref()) {
            Asked::All => return None,
            Asked::Nothing => None,
            Asked::Relevant(intent) => Some(intent).filter(|_| settings.enabled),
        };
        if intent.is_none() && settings.budget_tokens == 0 {
            return None;
        }
        let of = Owner::of(exchange).zip(Origin::of(exchange));
        let keeper = Keeper { originals: self.originals.clone(), of, tool: self.names.more(project) };
        Some(Ask { intent, settings, keeper })
    }

    /// The list of tools with `_context` in the schema of those whose results are filtered.
    fn offered(&self, project: Option<&str>, result: &RawValue) -> Option<Box<RawValue>> {
        let mut result = Members::open(result).ok()?;
        let tools: Vec<Box<RawValue>> = result.read("tools")?;
        let offer = |tool: Box<RawValue>| self.with_context(project, &tool).unwrap_or(tool);
        let tools: Vec<Box<RawValue>> = tools.into_iter().map(offer).collect();
        result.set("tools", &tools);
        Some(result.to_raw())
    }

    /// The tool with `_context` in its schema; `None` where it stays as it is.
    fn with_context(&self, project: Option<&str>, tool: &RawValue) -> Option<Box<RawValue>> {
        let mut tool = Members::open(tool).ok()?;
        let target = self.names.target(project, &Primitive::Tool(tool.read("name")?))?;
        self.filtered(project, &target)?;
        let mut schema = tool.object("inputSchema")?;
        let mut properties = schema.object("properties").unwrap_or_default();
        let is_own = properties.get(ARGUMENT).is_some();
        self.relevance.own_context.note(target, is_own);
        if is_own {
            return None;
        }
        properties.set(ARGUMENT, &json!({"type": "string", "description": DESCRIPTION}));
        schema.set("properties", &properties);
        tool.set("inputSchema", &schema);
        Some(tool.to_raw())
    }
}

impl Filter for RelevanceFilter {
    fn name(&self) -> &'static str {
        "relevance"
    }

    fn needs_whole(&self, exchange: &Exchange) -> bool {
        exchange.request.method == method::TOOLS_LIST || self.ask(exchange).is_some()
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let Some(target) = exchange.target.as_ref().filter(|_| exchange.request.method == method::TOOLS_CALL) else {
            return ControlFlow::Continue(());
        };
        let is_ours =
            self.filtered(exchange.project.as_deref(), target).is_some() && !self.relevance.own_context.has(target);
        if is_ours
            && let Some(mut arguments) = exchange.request.params.object("arguments")
            && let Some(intent) = arguments.remove(ARGUMENT)
        {
            exchange.request.params.set("arguments", &arguments);
            exchange.intent = serde_json::from_str(intent.get()).ok();
        }
        ControlFlow::Continue(())
    }

    /// Waits for results to be judged or cut.
    fn on_message<'a>(&'a self, exchange: &'a mut Exchange, message: &'a mut Message) -> Step<'a, Verdict> {
        if exchange.request.method != method::TOOLS_CALL {
            return Either::Left(ready(self.amend(exchange, message)));
        }
        let Message::Response(Response { payload: Ok(result), .. }) = message else {
            return Either::Left(ready(Verdict::Pass));
        };
        let Some(ask) = self.ask(exchange).filter(|ask| !self.relevance.leaves(result, ask)) else {
            return Either::Left(ready(Verdict::Pass));
        };
        Either::Right(Box::pin(async move {
            match self.relevance.shorten(result, ask).await {
                Filtered::Untouched => {}
                Filtered::Whole(outcome) => exchange.relevance = Some(outcome),
                Filtered::Rewritten { result: rewritten, outcome } => {
                    *result = rewritten;
                    exchange.relevance = Some(outcome);
                }
            }
            Verdict::Pass
        }))
    }

    fn amend(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        if let (method::TOOLS_LIST, Message::Response(Response { payload: Ok(result), .. })) =
            (exchange.request.method.as_str(), message)
            && let Some(offered) = self.offered(exchange.project.as_deref(), result)
        {
            *result = offered;
        }
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests;

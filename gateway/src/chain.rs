//! The order of the filters: code, not configuration, with a reason for each place.

use crate::{
    originals::Store,
    router::{Router, Routing, mirroring::Mirroring},
    seal::Sealer,
    sealing::Sealing,
};
use filters::{
    Chain,
    authentication::Authentication,
    flow::FlowFilter,
    permissions::Permissions,
    rate_limit::{ProfileLimit, RateLimit},
    redaction::Redaction,
};
use filters_relevance::filter::RelevanceFilter;
use scrubber::Scrubber;
use std::{sync::Arc, time::Duration};

/// The filters of one pipeline and the router they ask, compiled from one snapshot.
pub struct Parts {
    /// Who asks.
    pub authentication: Arc<Authentication>,
    /// How much of everything one user may use.
    pub rate_limit: RateLimit,
    /// How much of a profile one user may use.
    pub profile_limit: ProfileLimit,
    /// Whose names are meant.
    pub router: Arc<Router>,
    /// What the gateway keeps of results, which is no server's.
    pub store: Arc<Store>,
    /// Seals what is handed out and wanted back.
    pub sealer: Arc<Sealer>,
    /// Time a person may take to answer a question.
    pub patience: Duration,
    /// Time the id of a task is good for whose server does not say how long it keeps the task.
    pub task_lifetime: Duration,
    /// What is looked for.
    pub relevance: RelevanceFilter,
    /// What may not leave.
    pub scrubber: Scrubber,
    /// Who may do what.
    pub permissions: Arc<Permissions>,
    /// What must not flow together.
    pub flow: FlowFilter,
}

/// Requests pass from first to last, messages from last to first.
#[must_use]
pub fn assemble(parts: Parts) -> Chain {
    Chain::new(vec![
        // First: nobody unknown gets further, and the credential is taken out before anything else sees the exchange. The
        // edge asks the same instance, for what never enters the chain.
        Box::new(parts.authentication),
        // As soon as the user is known: what is refused here costs nothing of what follows.
        Box::new(parts.rate_limit),
        // Exposed names become (server, own name) by the table before anything judges by them.
        Box::new(Routing::new(parts.router.clone(), parts.store)),
        // What the client was given sealed is opened once its server is known, and before anything is taken out of the
        // arguments: a state is bound to the request as the client sends it. On the way out it comes after everything that
        // may still look into a result.
        Box::new(Sealing::new(parts.sealer, parts.patience, parts.task_lifetime)),
        // Takes `_context` out of the arguments, so that permissions judge what will be sent. On the way out it comes
        // after permissions: it never spends time on what the client may not see.
        Box::new(parts.relevance),
        // Refuses requests that hold tokens of ours, `_context` included. On the way out it comes before anything that keeps a
        // result, judges it or shows it to somebody else: what they get holds no credential any more.
        Box::new(Redaction::new(parts.scrubber)),
        // Judges the request as it will be sent; nothing changes it afterwards. First on the way out.
        Box::new(parts.permissions),
        // Counts what permissions allowed, by the profile they found.
        Box::new(parts.profile_limit),
        // After permissions, because its refusals tell of a tool's arguments: only who may call the tool learns of them.
        Box::new(Mirroring::new(parts.router)),
        // Remembers what is read, so it comes where every call goes on.
        Box::new(parts.flow),
    ])
}

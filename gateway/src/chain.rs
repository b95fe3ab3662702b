//! The order of the filters: code, not configuration, with a reason for each place.

use crate::{
    router::{Router, Routing, mirroring::Mirroring},
    seal::Sealer,
    sealing::Sealing,
};
use async_trait::async_trait;
use filters::{Chain, Exchange, Filter, LocalReply, Verdict, authentication::Authentication, permissions::Permissions};
use filters_relevance::filter::RelevanceFilter;
use protocol::Message;
use std::{ops::ControlFlow, sync::Arc, time::Duration};

/// The filters of one pipeline and the router they ask, compiled from one snapshot.
pub struct Parts {
    /// Who asks.
    pub authentication: Arc<Authentication>,
    /// Whose names are meant.
    pub router: Arc<Router>,
    /// Seals what is handed out and wanted back.
    pub sealer: Arc<Sealer>,
    /// Time a person may take to answer a question.
    pub patience: Duration,
    /// Time the id of a task is good for whose server does not say how long it keeps the task.
    pub task_lifetime: Duration,
    /// What is looked for.
    pub relevance: RelevanceFilter,
    /// Who may do what.
    pub permissions: Permissions,
}

/// Requests pass from first to last, messages from last to first.
#[must_use]
pub fn assemble(parts: Parts) -> Chain {
    Chain::new(vec![
        // First: nobody unknown gets further, and the credential is taken out before anything else sees the exchange.
        Box::new(Shared(parts.authentication)),
        // Exposed names become (server, own name) by the table before anything judges by them.
        Box::new(Routing::new(parts.router.clone())),
        // What the client was given sealed is opened once its server is known, and before anything is taken out of the
        // arguments: a state is bound to the request as the client sends it. On the way out it comes after everything that
        // may still look into a result.
        Box::new(Sealing::new(parts.sealer, parts.patience, parts.task_lifetime)),
        // Takes `_context` out of the arguments, so that permissions judge what will be sent. On the way out it comes
        // after permissions: it never spends time on what the client may not see.
        Box::new(parts.relevance),
        // Judges the request as it will be sent; nothing changes it afterwards. First on the way out.
        Box::new(parts.permissions),
        // Last, because its refusals tell of a tool's arguments: only who may call the tool learns of them.
        Box::new(Mirroring::new(parts.router)),
    ])
}

/// Authentication is also asked by the edge, for what never enters the chain; one instance serves both.
struct Shared(Arc<Authentication>);

#[async_trait]
impl Filter for Shared {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        self.0.on_request(exchange).await
    }

    fn needs_whole(&self, exchange: &Exchange) -> bool {
        self.0.needs_whole(exchange)
    }

    async fn on_message(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        self.0.on_message(exchange, message).await
    }
}

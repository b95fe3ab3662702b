//! One configuration, compiled: `Pipeline::serve` is the whole story of an exchange in one function.
//!
//! A pipeline is immutable; a new snapshot makes a new one, which is swapped in. An exchange takes the current pipeline
//! once and keeps it.

mod lists;
mod relay;
mod term;

use crate::{
    catalog::Catalog,
    chain,
    metrics::{Metrics, Phase},
    record::{Ledger, Record},
    router::Router,
    servers::Server,
    translation,
    upstream::{
        Caller, Reply, Said, Tokens, Upstream, UpstreamError, central,
        connect::{self, Connecting, Links, Reaction},
        more::{More, Rests},
    },
};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use control_plane_api::{audit::Outcome, limits::Limits, name::Name, oauth::OauthMode};
use filters::{
    Cause, Chain, Exchange, LocalReply, Names as _, Principal, Verdict, authentication::Authentication, originals,
};
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode};
use lists::Texts;
use protocol::{Message, Response, RpcError, View, code, mention::Mention, method};
use scrubber::Scrubber;
use std::{
    ops::ControlFlow,
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};
use term::Term;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

/// What leaves the pipeline for the client.
#[derive(Debug)]
pub enum Outgoing {
    /// A message of the upstream, as the filters left it.
    Message(Message),
    /// An answer of the gateway itself.
    Local(LocalReply),
    /// A piece of the JSON text of a long response, without line ends. One that ends before its last piece is broken off.
    /// Only for clients without a session ([`Exchange::affinity`]).
    Piece {
        /// The piece.
        bytes: Bytes,
        /// Whether it is the last one.
        last: bool,
    },
}

/// The client's side of an exchange. A closed channel means the client is gone.
pub type Client = mpsc::Sender<Outgoing>;

/// What becomes of a call whose user has to give consent at a server first.
pub struct Consent {
    /// Where the user gives it.
    pub links: Links,
    /// Where it arrives.
    pub tokens: Tokens,
}

/// What answers besides servers and catalog.
pub struct Answers {
    /// Consent.
    pub consent: Consent,
    /// The rest of results that were shortened.
    pub rests: Rests,
}

/// One compiled configuration.
pub struct Pipeline {
    pub(crate) chain: Chain,
    pub(crate) authentication: Arc<Authentication>,
    pub(crate) router: Arc<Router>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) ledger: Ledger,
    pub(crate) limits: Limits,
    pub(crate) consent: Consent,
    pub(crate) rests: Rests,
    pub(crate) metrics: Metrics,
    pub(crate) scrubber: Scrubber,
    pub(crate) texts: Texts,
    /// Cancelled once a newer pipeline is in force: long exchanges end, and their clients come back to the new one.
    pub(crate) superseded: CancellationToken,
    /// The pipeline in force.
    pub(crate) newest: Weak<ArcSwapOption<Pipeline>>,
    /// Where the gateway is drained: cancelled when the time of what runs is over.
    pub(crate) drain: Option<CancellationToken>,
}

impl Pipeline {
    /// Puts the parts together; `chain::assemble` decides the order of the filters.
    #[must_use]
    pub fn compile(
        parts: chain::Parts,
        ledger: Ledger,
        limits: Limits,
        (Answers { consent, rests }, metrics): (Answers, Metrics),
    ) -> Self {
        let superseded = CancellationToken::new();
        let (router, sealer, tokens) = (parts.router.clone(), parts.sealer.clone(), consent.tokens.clone());
        let catalog = Arc::new(Catalog::new(router, sealer, superseded.clone(), limits.clone(), tokens));
        let (authentication, router) = (parts.authentication.clone(), parts.router.clone());
        let scrubber = parts.scrubber.clone();
        Self {
            chain: metered(chain::assemble(parts), &metrics),
            authentication,
            router,
            catalog,
            ledger,
            limits,
            consent,
            rests,
            metrics,
            scrubber,
            texts: Texts::default(),
            superseded,
            newest: Weak::new(),
            drain: None,
        }
    }

    /// Opens the record of `exchange`; `method` is what the client called it, `bytes` the size of the request.
    #[must_use]
    pub fn record(&self, exchange: Exchange, method: &str, bytes: usize) -> Box<Record> {
        Record::open(exchange, self.ledger.clone(), method, bytes)
    }

    /// Whether nothing new is to come in.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Whether the time of what ran is over as well.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drain.as_ref().is_some_and(CancellationToken::is_cancelled)
    }

    /// Waits until it is over; without an end where the gateway is not drained.
    pub(crate) async fn drained(&self) {
        term::ended(self.drain.as_ref()).await;
    }

    /// Who sent `headers` to the endpoint at path `endpoint`, for what the edge answers itself (sessions, notifications).
    ///
    /// # Errors
    /// The 401 or 403 the client gets.
    pub fn authenticate(&self, headers: &HeaderMap, endpoint: &str) -> Result<Principal, LocalReply> {
        self.authentication.authenticate(headers, endpoint)
    }

    /// The protected resource metadata of the endpoint at path `endpoint`; none where no issuer is configured.
    #[must_use]
    pub fn resource_metadata(&self, endpoint: &str) -> Option<String> {
        self.authentication.resource_metadata(endpoint)
    }

    /// Serves one exchange: judged, written down, sent, filtered, written down, answered. Dropping the future cancels it.
    pub async fn serve(&self, mut record: Box<Record>, client: Client) {
        record.observed_by(&self.metrics);
        // The user's word to the gateway itself is not the server's to see.
        let reaction = connect::take_reaction(&mut record.exchange.request.params);
        // Everything that can refuse the request refuses it here.
        if let ControlFlow::Break(reply) = self.chain.on_request(&mut record.exchange).await {
            return self.refuse(record, reply, client).await;
        }
        self.metrics.allowed(server_of(&record.exchange));
        record.asks();
        if self.central_of(&record.exchange).is_some() {
            central::begin_trace(&mut record.exchange);
        }
        // Nothing leaves for an upstream before the intent is durable.
        record.enters(Phase::AuditIntent);
        let patience = Duration::from_millis(self.limits.audit_intent_timeout_ms);
        if !matches!(timeout(patience, record.intent()).await, Ok(Ok(()))) {
            record.fails();
            return send(&client, Outgoing::Local(unrecorded())).await;
        }
        record.enters(Phase::Upstream);
        // Merged lists are the gateway's own to answer, whole and at once.
        if method::list_member(&record.exchange.request.method).is_some() {
            return self.list(record, client).await;
        }
        let Some(upstream) = self.upstream_of(&record.exchange) else {
            let error = RpcError::new(code::METHOD_NOT_FOUND, format!("method `{}` is not known", record.method()));
            return self.finish(record, Err(error), client).await;
        };
        if let (Reaction::Opened, Some(target)) = (reaction, &record.exchange.target) {
            let patience = Duration::from_millis(self.limits.upstream_call_timeout_ms);
            self.consent.tokens.arrived(&target.server, &caller_of(&record.exchange), patience).await;
        }
        let mut term = Term::begin(self);
        let caller = caller_of(&record.exchange);
        let called = tokio::select! {
            biased;
            refusal = term.over(self, &record.exchange) => {
                record.decided_at(term.revision());
                return self.refuse(record, refusal, client).await;
            }
            called = upstream.call(record.exchange.request.clone(), &caller) => called,
        };
        match called {
            Ok(reply) => self.follow(record, (reply, term, reaction), client).await,
            Err(error) => {
                let payload = self.failed(&record.exchange, &error, reaction);
                self.finish(record, payload, client).await;
            }
        }
    }

    /// Hands on what the server says, up to its answer or to the end of the call's term.
    async fn follow(
        &self,
        mut record: Box<Record>,
        (mut reply, mut term, reaction): (Reply, Term, Reaction),
        client: Client,
    ) {
        loop {
            let said = tokio::select! {
                biased;
                refusal = term.over(self, &record.exchange) => {
                    // First: the server stops working before anybody is told.
                    drop(reply);
                    record.decided_at(term.revision());
                    return self.refuse(record, refusal, client).await;
                }
                said = reply.next() => said,
            };
            let Some(said) = said else { break };
            record.heard();
            let message = match said {
                Ok(Said::Long(long)) if self.passes(&record.exchange) => {
                    return Box::pin(self.relay(record, (long, term), client)).await;
                }
                Ok(Said::Long(long)) => {
                    let id = record.exchange.request.id.clone();
                    long.whole(id, self.limits.upstream_message_bytes_max).await.map(Message::Response)
                }
                Ok(Said::Message(message)) => Ok(message),
                Err(error) => Err(error),
            };
            let mut message = match message {
                Ok(message) => message,
                Err(error) => {
                    let payload = self.failed(&record.exchange, &error, reaction);
                    return self.finish(record, payload, client).await;
                }
            };
            record.enters(Phase::ReplyFilters);
            if self.chain.on_message(&mut record.exchange, &mut message).await == Verdict::Drop {
                record.enters(Phase::Upstream);
                continue;
            }
            match message {
                Message::Response(response) => {
                    let payload = translation::of(&record.exchange, response.payload);
                    return self.finish(record, payload, client).await;
                }
                other => {
                    record.enters(Phase::Upstream);
                    send(&client, Outgoing::Message(other)).await;
                }
            }
        }
        let error = RpcError::new(code::INTERNAL_ERROR, "the server ended without an answer");
        self.finish(record, Err(error), client).await;
    }

    /// What the client is told of a failure: where consent is missing, how to give it.
    fn failed(
        &self,
        exchange: &Exchange,
        error: &UpstreamError,
        reaction: Reaction,
    ) -> Result<Box<serde_json::value::RawValue>, RpcError> {
        if let (Some(server), Some(target)) = (self.central_of(exchange), &exchange.target) {
            let told = central::told(&server.spec, target.server.as_str(), error);
            return Err(RpcError::new(code::INTERNAL_ERROR, told));
        }
        let UpstreamError::NeedsConsent { server, scopes } = error else {
            return Err(told(error));
        };
        let spec = self.router.server(server).and_then(|server| server.spec.oauth.clone());
        let link = match (spec, exchange.principal.name()) {
            (Some(settings), Some(user)) if settings.mode == OauthMode::PerUser => {
                self.consent.links.link(&settings, server, user, scopes)
            }
            _ => None,
        };
        connect::answer(&exchange.request, server, link.as_deref(), reaction)
    }

    /// Counts and tells what was blotted out of what leaves for the client: its server does not keep credentials to itself.
    fn alarm(&self, record: &Record) {
        let redacted = &record.exchange.redacted;
        if !redacted.is_empty() {
            self.metrics.redacted("reply", redacted.values().sum());
            let names: Vec<&str> = redacted.keys().map(|name| &**name).collect();
            let server = record.exchange.target.as_ref().map(|target| target.server.as_str());
            tracing::warn!(
                audit_id = record.id(),
                server,
                credentials = names.join(","),
                "credentials were blotted out of an answer"
            );
        }
    }

    /// Closes the record and then, the outcome being durable, answers.
    async fn finish(
        &self,
        record: Box<Record>,
        payload: Result<Box<serde_json::value::RawValue>, RpcError>,
        client: Client,
    ) {
        let outcome = outcome_of(&payload);
        self.finish_as(outcome, record, payload, client).await;
    }

    /// [`Self::finish`] of what is known to be `outcome`.
    async fn finish_as(
        &self,
        outcome: Outcome,
        mut record: Box<Record>,
        payload: Result<Box<serde_json::value::RawValue>, RpcError>,
        client: Client,
    ) {
        self.alarm(&record);
        if let Err(error) = &payload {
            record.failed_with(error.code);
        }
        let message = Message::Response(Response { id: Some(record.exchange.request.id.clone()), payload });
        let bytes = message.json_bytes();
        match record.close(outcome, bytes).await {
            Ok(()) => send(&client, Outgoing::Message(message)).await,
            Err(_) => send(&client, Outgoing::Local(unrecorded())).await,
        }
    }

    async fn refuse(&self, mut record: Box<Record>, mut reply: LocalReply, client: Client) {
        self.metrics.denied(reply.cause, server_of(&record.exchange));
        record.failed_with(reply.error.code);
        if let Some(limited) = record.exchange.limited {
            self.metrics.limited(limited.reason);
            if limited.counted {
                record.forget();
                return send(&client, Outgoing::Local(reply)).await;
            }
        }
        reply.error.message = format!("{} (audit id {})", reply.error.message, record.id());
        let bytes = reply.error.message.len();
        match record.deny(reply.reason.clone(), bytes).await {
            Ok(()) => send(&client, Outgoing::Local(reply)).await,
            Err(_) => send(&client, Outgoing::Local(unrecorded())).await,
        }
    }

    /// Who answers: the server whose primitive it is, the gateway for a server that is to be connected or for what it keeps
    /// of results, or the gateway's own catalog; none for methods nobody knows.
    fn upstream_of(&self, exchange: &Exchange) -> Option<Arc<dyn Upstream>> {
        match &exchange.target {
            Some(target) if target.connects => Some(Arc::new(Connecting::new(&target.server, &self.consent.tokens))),
            Some(target) => self.router.server(&target.server).map(|server| server.upstream()),
            None if Catalog::answers(&exchange.request.method) => Some(Arc::new(self.catalog.of(exchange))),
            None => self.more(exchange).map(|more| Arc::new(more) as Arc<dyn Upstream>),
        }
    }

    /// The central gateway, if that is who answers.
    fn central_of(&self, exchange: &Exchange) -> Option<Arc<Server>> {
        let server = self.router.server(&exchange.target.as_ref()?.server)?;
        server.spec.central.then(|| server.clone())
    }

    fn more(&self, exchange: &Exchange) -> Option<More> {
        let (project, primitive) = (exchange.project.as_deref(), exchange.primitive.as_ref()?);
        let is_own = originals::answers(&exchange.request) && originals::is_own(&*self.router, project, primitive);
        let tool = self.router.more(project).filter(|_| is_own)?;
        Some(More::new(self.rests.clone(), exchange, tool))
    }
}

/// A client that is gone is noticed by the edge, which drops the exchange; nothing is to be done about it here.
async fn send(client: &Client, outgoing: Outgoing) {
    let _ = client.send(outgoing).await;
}

/// On whose behalf the upstream is asked.
fn caller_of(exchange: &Exchange) -> Caller {
    Caller { principal: exchange.principal.name().cloned(), affinity: exchange.affinity.clone() }
}

/// Whose primitive `exchange` is about.
fn server_of(exchange: &Exchange) -> Option<&Name> {
    exchange.target.as_ref().map(|target| &target.server)
}

/// `chain`, of whose filters `metrics` learn how long they take.
fn metered(chain: Chain, metrics: &Metrics) -> Chain {
    let meter = metrics.filters(chain.names());
    chain.metered(Box::new(meter))
}

/// What the client is told of an upstream's failure.
fn told(error: &UpstreamError) -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, error.to_string())
}

/// Fail-closed: what cannot be written down does not happen.
fn unrecorded() -> LocalReply {
    LocalReply {
        status: StatusCode::SERVICE_UNAVAILABLE,
        headers: Vec::new(),
        error: RpcError::new(
            code::INTERNAL_ERROR,
            "the audit log cannot be written, so nothing is served; see the gateway's log (disk full?)",
        ),
        reason: "audit log not writable".to_owned(),
        cause: Cause::Unrecorded,
    }
}

fn outcome_of(payload: &Result<Box<serde_json::value::RawValue>, RpcError>) -> Outcome {
    static SAID: LazyLock<Mention> = LazyLock::new(|| Mention::of(&["input_required", "isError"]));
    let Ok(raw) = payload else {
        return Outcome::Error;
    };
    if !SAID.is_in(raw) {
        return Outcome::Ok;
    }
    let result = View::open(raw).unwrap_or_default();
    if result.text("resultType").as_deref() == Some("input_required") {
        Outcome::InputRequired
    } else if result.read("isError") == Some(true) {
        Outcome::ToolError
    } else {
        Outcome::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_what_the_client_is_told() {
        let check = |result: &str| outcome_of(&Ok(serde_json::from_str(result).unwrap()));
        assert_eq!(outcome_of(&Err(RpcError::new(code::INTERNAL_ERROR, "no"))), Outcome::Error);
        assert_eq!(check(r#"{"resultType":"input_required","requestState":"s"}"#), Outcome::InputRequired);
        assert_eq!(check(r#"{"resultType":"complete","isError":true}"#), Outcome::ToolError);
        for answered in [r#"{"resultType":"complete","isError":false}"#, r#"{"resultType":"task"}"#, "{}", "[]"] {
            assert_eq!(check(answered), Outcome::Ok, "{answered}");
        }
    }
}

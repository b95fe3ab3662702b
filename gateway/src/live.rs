//! What is in force: takes snapshots, compiles them into pipelines, and swaps.
//!
//! The one door for configuration, whatever it came from. A snapshot that cannot be compiled changes nothing.

use crate::{
    access::AccessLog,
    audit::Auditor,
    chain::Parts,
    config::{Apply, Freshness},
    confine::Confiner,
    control_plane::ControlPlane,
    drain::{Drain, InFlight},
    keys::{Keyring, Secret},
    metrics::Metrics,
    originals::{Bounds, Store},
    pins::Pins,
    pipeline::{Answers, Consent, Pipeline},
    record::Ledger,
    refusals::Refusals,
    report::{Report, Reporter},
    router::{Own, Router},
    seal::Sealer,
    servers::Servers,
    traces::Traces,
    upstream::{self, Endpoint, Opener, Tokens, connect::Links, credentials::Opened, more::Rests},
};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use control_plane_api::{
    gateway::{GatewayRole, ModelState, ServerStatus},
    limits::Limits,
    name::Name,
    object::{Kind, ObjectRef},
    pepper::Peppers,
    profile::RecordedArguments,
    secret::SecretSpec,
    server::{ServerSpec, Transport, Value},
    snapshot::Snapshot,
    timestamp::Timestamp,
    validate::{Violation, validate},
};
use filters::{
    authentication::Authentication,
    flow::{FlowFilter, Flows},
    permissions::Permissions,
    rate_limit::{ProfileLimit, RateLimit},
    relevance_policy::RelevancePolicy,
};
use filters_relevance::{Relevance, filter::RelevanceFilter};
use scrubber::{Credential, Scrubber};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The model relevance is judged by.
const MODEL: &str = "all-MiniLM-L6-v2";

/// What pipelines are made with besides the snapshot; the same for the life of the process.
pub struct Means {
    /// Opens secrets.
    pub keyring: Keyring,
    /// Told of access tokens that servers refuse; none where a configuration file takes its place.
    pub control_plane: Option<ControlPlane>,
    /// Keeps credentials out of whatever leaves.
    pub scrubber: Scrubber,
    /// Seals what is handed out and wanted back.
    pub sealer: Arc<Sealer>,
    /// The audit log.
    pub auditor: Auditor,
    /// What is counted.
    pub metrics: Metrics,
    /// What every user uses, and what was refused for that.
    pub refusals: Arc<Refusals>,
    /// Judges relevance.
    pub relevance: Arc<Relevance>,
    /// Keeps the whole of results that are shortened.
    pub store: Arc<Store>,
    /// Which definitions of tools are trusted.
    pub pins: Arc<Pins>,
    /// The preset.
    pub role: GatewayRole,
    /// Name of this gateway.
    pub name: Name,
    /// The URL by which clients reach this gateway.
    pub public_url: String,
    /// Starts the processes of servers.
    pub confiner: Confiner,
    /// Told when something a report tells has changed.
    pub reporter: Reporter,
    /// How long ago the control plane confirmed what is in force.
    pub freshness: Freshness,
    /// Begins spans.
    pub traces: Traces,
    /// Has a line for every exchange.
    pub access: AccessLog,
}

/// The secrets of a snapshot, opened, in the order of their names; or why not.
type Secrets<'a> = BTreeMap<&'a Name, Result<Secret, String>>;

/// The configuration in force.
pub struct Live {
    means: Means,
    pipeline: Arc<ArcSwapOption<Pipeline>>,
    tokens: Tokens,
    /// Who read what.
    flows: Arc<Flows>,
    servers: Mutex<Servers>,
    in_flight: InFlight,
    /// Where the gateway is drained.
    drain: parking_lot::Mutex<Option<Drain>>,
}

impl Live {
    /// Nothing in force yet.
    #[must_use]
    pub fn new(means: Means) -> Arc<Self> {
        Self::opening(means, upstream::open)
    }

    /// The same, with `open` for the upstreams of its servers.
    #[must_use]
    pub fn opening(means: Means, open: Opener) -> Arc<Self> {
        let servers = Servers::new(open, means.pins.clone(), means.traces.clone());
        let (mut changes, reporter) = (servers.changes(), means.reporter.clone());
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                reporter.changed();
            }
        });
        let tokens = Tokens::new(means.control_plane.clone());
        let live = Arc::new(Self {
            means,
            pipeline: Arc::default(),
            tokens,
            flows: Arc::default(),
            servers: Mutex::new(servers),
            in_flight: InFlight::default(),
            drain: parking_lot::Mutex::default(),
        });
        tokio::spawn(tell_when_idle(Arc::downgrade(&live), live.in_flight.clone()));
        live
    }

    /// The pipeline in force; none before the first snapshot.
    #[must_use]
    pub fn pipeline(&self) -> Option<Arc<Pipeline>> {
        self.pipeline.load_full()
    }

    /// The bounds in force; the defaults before the first snapshot.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.pipeline().map(|pipeline| pipeline.limits.clone()).unwrap_or_default()
    }

    /// Where this gateway counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.means.metrics
    }

    /// What was refused for being too much.
    #[must_use]
    pub fn refusals(&self) -> &Arc<Refusals> {
        &self.means.refusals
    }

    /// Lets go of what is in force: long exchanges end, and servers are stopped.
    pub async fn close(&self) {
        if let Some(pipeline) = self.pipeline.swap(None) {
            pipeline.superseded.cancel();
        }
        self.servers.lock().await.close().await;
    }

    fn compile(&self, snapshot: &Snapshot, policy: Arc<RelevancePolicy>, router: Arc<Router>) -> Pipeline {
        let local = self.means.role == GatewayRole::Local;
        let freshness = self.means.freshness.clone();
        let permissions = Permissions::compile(snapshot, router.clone(), local);
        let permissions = Arc::new(permissions.aged(Arc::new(move || freshness.age())));
        let (store, relevance) = (self.means.store.clone(), self.means.relevance.clone());
        let originals = store.within(Bounds::of(&snapshot.limits));
        let parts = Parts {
            authentication: Arc::new(self.authentication(snapshot)),
            rate_limit: RateLimit::new(self.means.refusals.rates.clone(), &snapshot.limits),
            profile_limit: ProfileLimit::compile(snapshot, self.means.refusals.rates.clone()),
            relevance: RelevanceFilter::new(policy.clone(), router.clone(), relevance.clone(), originals),
            store: store.clone(),
            sealer: self.means.sealer.clone(),
            scrubber: self.means.scrubber.clone(),
            patience: Duration::from_millis(snapshot.limits.question_timeout_ms),
            task_lifetime: Duration::from_millis(snapshot.limits.task_id_lifetime_ms),
            permissions: permissions.clone(),
            flow: FlowFilter::compile(snapshot, self.flows.clone(), Timestamp::now),
            router,
        };
        let consent =
            Consent { links: Links::new(self.means.name.clone(), &self.means.keyring), tokens: self.tokens.clone() };
        let ledger = Ledger {
            auditor: self.means.auditor.clone(),
            gateway: self.means.name.clone(),
            revision: snapshot.revision,
            values_of: Arc::new(with_values(snapshot)),
            scrubber: self.means.scrubber.clone(),
            freshness: self.means.freshness.clone(),
            in_flight: self.in_flight.clone(),
            traces: self.means.traces.clone(),
            access: self.means.access.clone(),
        };
        let answers = Answers { consent, rests: Rests { store, relevance, policy, permissions } };
        let mut pipeline =
            Pipeline::compile(parts, ledger, snapshot.limits.clone(), (answers, self.means.metrics.clone()));
        pipeline.newest = Arc::downgrade(&self.pipeline);
        pipeline.drain = self.drain(snapshot);
        pipeline
    }

    /// Begins or ends what `snapshot` says of draining; a drain that goes on keeps its time.
    fn drain(&self, snapshot: &Snapshot) -> Option<CancellationToken> {
        let mut drain = self.drain.lock();
        if !snapshot.draining {
            if drain.take().is_some() {
                tracing::info!("no longer drained: serving again");
            }
            return None;
        }
        let begin = || {
            let patience = Duration::from_millis(snapshot.limits.drain_timeout_ms);
            tracing::info!(in_flight = self.in_flight.count(), ?patience, "being drained: nothing new comes in");
            Drain::begin(patience)
        };
        Some(drain.get_or_insert_with(begin).over())
    }

    /// Without the peppers that belong to the digests nobody is recognised; everything else of the snapshot still counts.
    fn authentication(&self, snapshot: &Snapshot) -> Authentication {
        let opened = |spec| {
            let text = self.means.keyring.open(spec).map_err(|error| error.to_string())?;
            Peppers::read(text.expose()).ok_or_else(|| "it holds none".to_owned())
        };
        let peppers = snapshot.peppers.as_ref().map(opened).transpose().unwrap_or_else(|error: String| {
            tracing::error!(
                error,
                "the peppers of token digests do not open: every token is refused; enrol the gateway anew"
            );
            None
        });
        Authentication::compile(snapshot, peppers.unwrap_or_default(), &self.means.public_url, Timestamp::now)
    }

    fn open(&self, sealed: &SecretSpec) -> Result<Secret, String> {
        self.means.keyring.open(sealed).map_err(|error| error.to_string())
    }

    /// Has every credential of this gateway kept out of what leaves it.
    fn look_for(&self, opened: &Secrets<'_>, tokens: &Opened) -> Result<(), Vec<Violation>> {
        let of = |name: String, value: &Secret| Credential { name: name.into(), value: value.clone() };
        let secrets = opened.iter().filter_map(|(name, secret)| Some(of(name.to_string(), secret.as_ref().ok()?)));
        let tokens = tokens.secrets().map(|(server, token)| of(format!("{server}-token"), token));
        let own = self.means.keyring.own_token().map(|token| of("gateway-token".to_owned(), &token));
        let known = self.means.scrubber.replace(secrets.chain(tokens).chain(own).collect());
        known.map_err(|error| {
            let name = opened.keys().next().map_or(&self.means.name, |name| *name);
            let object = ObjectRef { kind: Kind::Secret, name: name.clone() };
            vec![Violation { object, field: "value".to_owned(), message: error.to_string() }]
        })
    }

    /// What is needed to reach every server.
    fn endpoints(&self, snapshot: &Snapshot, opened: &Secrets<'_>) -> Result<Vec<Endpoint>, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut endpoints = Vec::new();
        for (name, spec) in snapshot.servers() {
            let open =
                |secret: &Name| opened.get(secret).cloned().unwrap_or_else(|| Err("it does not exist".to_owned()));
            match values(spec, open) {
                Ok(values) => {
                    let (spec, limits) = (spec.clone(), snapshot.limits.clone());
                    let (tokens, metrics) = (self.tokens.of(name), self.means.metrics.clone());
                    let (name, scrubber) = (name.clone(), self.means.scrubber.clone());
                    let confiner = self.means.confiner.clone();
                    endpoints.push(Endpoint { name, spec, values, limits, tokens, scrubber, metrics, confiner });
                }
                Err(message) => violations.push(Violation {
                    object: ObjectRef { kind: Kind::Server, name: name.clone() },
                    field: "transport".to_owned(),
                    message,
                }),
            }
        }
        if violations.is_empty() { Ok(endpoints) } else { Err(violations) }
    }
}

/// The control plane hears at once when the last exchange of a gateway that is drained has ended.
async fn tell_when_idle(live: Weak<Live>, in_flight: InFlight) {
    loop {
        in_flight.idle().await;
        let Some(live) = live.upgrade() else { return };
        if live.draining() {
            live.means.reporter.changed();
        }
    }
}

/// The profiles whose calls are recorded with their arguments.
fn with_values(snapshot: &Snapshot) -> BTreeSet<Name> {
    let wanted = snapshot.profiles().filter(|(_, profile)| profile.audit.arguments == RecordedArguments::Values);
    wanted.map(|(name, _)| name.clone()).collect()
}

/// The environment or headers of a server.
fn values(
    spec: &ServerSpec,
    open: impl Fn(&Name) -> Result<Secret, String>,
) -> Result<BTreeMap<String, Secret>, String> {
    let (Transport::Stdio { env: given, .. } | Transport::Http { headers: given, .. }) = &spec.transport;
    let value = |(key, value): (&String, &Value)| match value {
        Value::Plain(text) => Ok((key.clone(), Secret::new(text.clone()))),
        Value::Secret { secret, prefix } => {
            let opened = open(secret).map_err(|reason| format!("secret `{secret}` cannot be used: {reason}"))?;
            Ok((key.clone(), Secret::new(format!("{prefix}{}", opened.expose()))))
        }
    };
    given.iter().map(value).collect()
}

#[async_trait]
impl Apply for Live {
    async fn apply(&self, snapshot: Arc<Snapshot>) -> Result<(), Vec<Violation>> {
        let violations = validate(&snapshot);
        if !violations.is_empty() {
            return Err(violations);
        }
        let opened: Secrets<'_> = snapshot.secrets().map(|(name, sealed)| (name, self.open(sealed))).collect();
        let endpoints = self.endpoints(&snapshot, &opened)?;
        let mut servers = self.servers.lock().await;
        let tokens = self.tokens.open(&snapshot, &self.means.keyring);
        // Before anything is in use: what is used first can come back first.
        self.look_for(&opened, &tokens)?;
        self.tokens.put(tokens);
        let policy = Arc::new(RelevancePolicy::compile(&snapshot, self.means.role == GatewayRole::Local));
        let own = Own { gateway: self.means.name.clone(), policy: policy.clone() };
        // First, so that nobody is offered a moment what is not trusted.
        self.means.pins.adopt(&snapshot).await;
        let running = servers.reconcile(endpoints);
        for (name, lists) in running.values().filter_map(|server| Some((&server.name, server.lists()?))) {
            self.means.pins.meet(name, &lists.definitions).await;
        }
        let router = Arc::new(Router::new(running, &snapshot, servers.changes(), own));
        let pipeline = Arc::new(self.compile(&snapshot, policy, router));
        if let Some(previous) = self.pipeline.swap(Some(pipeline)) {
            previous.superseded.cancel();
        }
        self.means.reporter.changed();
        Ok(())
    }
}

impl Report for Live {
    fn servers(&self) -> Vec<ServerStatus> {
        self.pipeline().map(|pipeline| pipeline.router.status()).unwrap_or_default()
    }

    fn draining(&self) -> bool {
        self.drain.lock().is_some()
    }

    fn in_flight(&self) -> u64 {
        self.in_flight.count()
    }

    fn model(&self) -> ModelState {
        match self.means.role {
            GatewayRole::Central => ModelState::Unused,
            GatewayRole::Local => match self.means.relevance.model_missing() {
                None => ModelState::Loaded { name: MODEL.to_owned() },
                Some(file) => ModelState::Missing {
                    reason: format!("`{}` is not there: run `mcpctl model pull`", file.display()),
                },
            },
        }
    }
}

//! What is in force: takes snapshots, compiles them into pipelines, and swaps.
//!
//! The one door for configuration, whatever it came from. A snapshot that cannot be compiled changes nothing.

use crate::{
    audit::Auditor,
    chain::Parts,
    config::Apply,
    control_plane::ControlPlane,
    keys::Keyring,
    metrics::Metrics,
    originals::{Bounds, Store},
    pipeline::{Answers, Consent, Pipeline},
    record::Ledger,
    report::{Report, Reporter},
    router::{Own, Router},
    seal::Sealer,
    servers::Servers,
    upstream::{Endpoint, Tokens, connect::Links, more::Rests},
};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use control_plane_api::{
    gateway::{GatewayRole, ModelState, ServerStatus},
    limits::Limits,
    name::Name,
    object::{Kind, ObjectRef},
    profile::RecordedArguments,
    server::{ServerSpec, Transport, Value},
    snapshot::Snapshot,
    timestamp::Timestamp,
    validate::{Violation, validate},
};
use filters::{
    authentication::Authentication,
    flow::{FlowFilter, Flows},
    permissions::Permissions,
    relevance_policy::RelevancePolicy,
};
use filters_relevance::{Relevance, filter::RelevanceFilter};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Mutex;

/// The model relevance is judged by.
const MODEL: &str = "all-MiniLM-L6-v2";

/// What pipelines are made with besides the snapshot; the same for the life of the process.
pub struct Means {
    /// Opens secrets.
    pub keyring: Keyring,
    /// Told of access tokens that servers refuse; none where a configuration file takes its place.
    pub control_plane: Option<ControlPlane>,
    /// Seals what is handed out and wanted back.
    pub sealer: Arc<Sealer>,
    /// The audit log.
    pub auditor: Auditor,
    /// What is counted.
    pub metrics: Metrics,
    /// Judges relevance.
    pub relevance: Arc<Relevance>,
    /// Keeps the whole of results that are shortened.
    pub store: Arc<Store>,
    /// The preset.
    pub role: GatewayRole,
    /// Name of this gateway.
    pub name: Name,
    /// The URL by which clients reach this gateway.
    pub public_url: String,
    /// Told when something a report tells has changed.
    pub reporter: Reporter,
}

/// The configuration in force.
pub struct Live {
    means: Means,
    pipeline: ArcSwapOption<Pipeline>,
    tokens: Tokens,
    /// Who read what.
    flows: Arc<Flows>,
    servers: Mutex<Servers>,
}

impl Live {
    /// Nothing in force yet.
    #[must_use]
    pub fn new(means: Means) -> Arc<Self> {
        let servers = Servers::default();
        let (mut changes, reporter) = (servers.changes(), means.reporter.clone());
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                reporter.changed();
            }
        });
        let tokens = Tokens::new(means.control_plane.clone());
        Arc::new(Self {
            means,
            pipeline: ArcSwapOption::empty(),
            tokens,
            flows: Arc::default(),
            servers: Mutex::new(servers),
        })
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

    /// Lets go of what is in force: long exchanges end, and servers are stopped.
    pub async fn close(&self) {
        if let Some(pipeline) = self.pipeline.swap(None) {
            pipeline.superseded.cancel();
        }
        self.servers.lock().await.close().await;
    }

    fn compile(&self, snapshot: &Snapshot, policy: Arc<RelevancePolicy>, router: Arc<Router>) -> Pipeline {
        let local = self.means.role == GatewayRole::Local;
        let permissions = Arc::new(Permissions::compile(snapshot, router.clone(), local));
        let (store, relevance) = (self.means.store.clone(), self.means.relevance.clone());
        let originals = store.within(Bounds::of(&snapshot.limits));
        let parts = Parts {
            authentication: Arc::new(Authentication::compile(snapshot, &self.means.public_url, Timestamp::now)),
            relevance: RelevanceFilter::new(policy.clone(), router.clone(), relevance.clone(), originals),
            store: store.clone(),
            sealer: self.means.sealer.clone(),
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
        };
        let answers = Answers { consent, rests: Rests { store, relevance, policy, permissions } };
        Pipeline::compile(parts, ledger, snapshot.limits.clone(), (answers, self.means.metrics.clone()))
    }

    /// What is needed to reach every server, secrets opened.
    fn endpoints(&self, snapshot: &Snapshot) -> Result<Vec<Endpoint>, Vec<Violation>> {
        let sealed: HashMap<&Name, _> = snapshot.secrets().collect();
        let mut violations = Vec::new();
        let mut endpoints = Vec::new();
        for (name, spec) in snapshot.servers() {
            let open = |secret: &Name| match sealed.get(secret) {
                Some(sealed) => self.means.keyring.open(sealed).map_err(|error| error.to_string()),
                None => Err("it does not exist".to_owned()),
            };
            match values(spec, open) {
                Ok(values) => {
                    let (spec, limits) = (spec.clone(), snapshot.limits.clone());
                    let (tokens, metrics) = (self.tokens.of(name), self.means.metrics.clone());
                    endpoints.push(Endpoint { name: name.clone(), spec, values, limits, tokens, metrics });
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

/// The profiles whose calls are recorded with their arguments.
fn with_values(snapshot: &Snapshot) -> BTreeSet<Name> {
    let wanted = snapshot.profiles().filter(|(_, profile)| profile.audit.arguments == RecordedArguments::Values);
    wanted.map(|(name, _)| name.clone()).collect()
}

/// The environment or headers of a server, in the clear.
fn values(
    spec: &ServerSpec,
    open: impl Fn(&Name) -> Result<crate::keys::Secret, String>,
) -> Result<BTreeMap<String, String>, String> {
    let (Transport::Stdio { env: given, .. } | Transport::Http { headers: given, .. }) = &spec.transport;
    let value = |(key, value): (&String, &Value)| match value {
        Value::Plain(text) => Ok((key.clone(), text.clone())),
        Value::Secret { secret, prefix } => {
            let opened = open(secret).map_err(|reason| format!("secret `{secret}` cannot be used: {reason}"))?;
            Ok((key.clone(), format!("{prefix}{}", opened.expose())))
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
        let endpoints = self.endpoints(&snapshot)?;
        let mut servers = self.servers.lock().await;
        self.tokens.replace(&snapshot, &self.means.keyring);
        let policy = Arc::new(RelevancePolicy::compile(&snapshot, self.means.role == GatewayRole::Local));
        let own = Own { gateway: self.means.name.clone(), policy: policy.clone() };
        let router = Arc::new(Router::new(servers.reconcile(endpoints), &snapshot, servers.changes(), own));
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

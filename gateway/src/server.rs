//! The process: puts the parts together, listens, and lets go in order.

use crate::{
    access::AccessLog,
    admin::{self, Admin},
    audit::{self, AuditOptions, Auditor, Delivery, Signer},
    config::{self, Freshness, Progress, Source},
    confine::Confiner,
    control_plane::ControlPlane,
    edge::Edge,
    keys::{self, AuditKey, Identity, Keyring},
    live::{Live, Means},
    load::Load,
    metrics::Metrics,
    originals::Store,
    pins::{self, Pins},
    refusals::Refusals,
    report::{Reporter, Sources},
    seal::{SealKeyError, Sealer},
    settings::{Settings, StateDir, replace_file},
    tiers,
    traces::Traces,
};
use anyhow::{Context as _, Result};
use filters_relevance::{Options, Relevance};
use parking_lot::Mutex;
use pingora_core::{
    apps::ServerApp,
    listeners::{L4BufferSettings, ListenerConfig},
    server::{Fds, ShutdownWatch},
    services::{Service as _, listening::Service},
};
use scrubber::Scrubber;
use std::{
    net::{SocketAddr, TcpListener},
    os::fd::IntoRawFd as _,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// Time that running exchanges get to end when the process is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs a gateway until `stop` resolves. `scrubber` learns which credentials must not leave.
///
/// # Errors
/// Whatever keeps it from starting: an address in use, a state directory in use, a refused enrolment, an audit log that
/// cannot be written.
pub async fn run(settings: Settings, scrubber: Scrubber, stop: impl Future<Output = ()>) -> Result<()> {
    // Addresses first: whoever started a second gateway by mistake learns it before anything is touched.
    let listener = bind(settings.listen(), "--listen")?;
    let admin_listener = bind(settings.admin_listen, "--admin-listen")?;
    let (address, admin_address) = (listener.local_addr()?, admin_listener.local_addr()?);
    let state = StateDir::open(&settings.state_path()?)?;
    let metrics = Metrics::new()?;
    let settings = Arc::new(settings);
    let parts = Connected::new(&settings, &state, &metrics).await?;
    let relevance = Arc::new(relevance(&settings, &state)?);
    let store = Store::open(&state.join("originals")).context("shortened results cannot be kept")?;
    store.sweep();
    let own = (settings.name.clone(), scrubber.clone());
    let pins = Arc::new(Pins::open(&state.join("pins.json"), parts.auditor.clone(), own)?);
    let confiner = Confiner::probe(settings.confiner()?, state.join("servers")).await;
    let (progress, reporter, refusals) = (Progress::new(), Reporter::new(), Arc::<Refusals>::default());
    let (traces, access) = watched(&settings, &scrubber, &metrics)?;
    let live = Live::new(Means {
        keyring: parts.keyring.clone(),
        control_plane: parts.control_plane.as_ref().map(|(control_plane, _)| control_plane.clone()),
        scrubber,
        sealer: Arc::new(sealer(&settings, &state)?),
        auditor: parts.auditor.clone(),
        metrics: metrics.clone(),
        refusals: refusals.clone(),
        relevance,
        store,
        pins: pins.clone(),
        role: settings.role,
        name: settings.name.clone(),
        public_url: settings.public_url(address),
        confiner,
        reporter: reporter.clone(),
        freshness: parts.freshness.clone(),
        traces: traces.clone(),
        access: access.clone(),
    });
    tokio::spawn(refusals.clone().keep_telling(Arc::downgrade(&live)));
    let in_force = live.clone();
    let load = Load::start(move || in_force.limits());
    let (shutdown, watch) = watch::channel(false);
    let sources = Sources {
        report: live.clone(),
        progress: progress.clone(),
        auditor: parts.auditor.clone(),
        role: settings.role,
        listen_url: format!("http://{address}"),
    };
    parts.start(&settings, &state, live.clone(), (reporter.clone(), sources));
    if let Some((control_plane, _)) = &parts.control_plane {
        tokio::spawn(pins::report(pins, control_plane.clone()));
    }
    let (freshness, auditor, name) = (parts.freshness.clone(), parts.auditor.clone(), settings.name.clone());
    let (report, room) = (live.clone(), load.clone());
    let told = admin::State { metrics, progress, freshness, auditor, report, load: room, reporter, name };
    let admin = Admin::new(told, settings.clone());
    let serving = serve("edge", listener, Edge::new(live.clone(), settings.clone(), load), watch.clone())?;
    serve("admin", admin_listener, admin, watch)?;
    write_down(&state, "admin-addr", admin_address)?;
    write_down(&state, "addr", address)?;
    tracing::info!(%address, role = %settings.role, name = %settings.name, "gateway listens");
    stop.await;
    tracing::info!("gateway stops");
    shutdown.send_replace(true);
    let _ = tokio::time::timeout(DRAIN, serving).await;
    refusals.tell(&live).await;
    live.close().await;
    parts.auditor.close().await;
    tokio::join!(traces.close(), access.close());
    Ok(())
}

/// Writes down where the gateway listens, for who looks for it.
fn write_down(state: &StateDir, file: &str, address: SocketAddr) -> Result<()> {
    replace_file(&state.join(file), address.to_string().as_bytes())
        .with_context(|| format!("where the gateway listens could not be written down in `{file}`"))
}

/// Whoever looks at exchanges from outside, as `settings` name them.
fn watched(settings: &Settings, scrubber: &Scrubber, metrics: &Metrics) -> Result<(Traces, AccessLog)> {
    let traces = Traces::start(&settings.telemetry, &settings.name, settings.role, metrics)?;
    let access = AccessLog::start(&settings.telemetry.access_log, scrubber.clone(), metrics)?;
    Ok((traces, access))
}

/// Relevance filtering with the tiers and the model that `settings` name.
fn relevance(settings: &Settings, state: &StateDir) -> Result<Relevance> {
    let cache_directory = Some(state.join("cache"));
    let reranking = tiers::open(&settings.tier, &state.join("tier"), &tokio::runtime::Handle::current())?;
    let options = Options::new(settings.model_dir()?);
    let jobs_max = options.jobs_max + settings.tier.waiting_jobs();
    Ok(Relevance::start(Options { cache_directory, reranking, jobs_max, ..options }))
}

/// What depends on whether there is a control plane.
struct Connected {
    keyring: Keyring,
    auditor: Auditor,
    control_plane: Option<(ControlPlane, Arc<Identity>)>,
    freshness: Freshness,
}

impl Connected {
    async fn new(settings: &Settings, state: &StateDir, metrics: &Metrics) -> Result<Self> {
        let delivery = if settings.config_file.is_some() { Delivery::FilesOnly } else { Delivery::ControlPlane };
        let options = AuditOptions { delivery, mode: settings.audit_mode, ..AuditOptions::default() };
        let key = AuditKey::load(state)?;
        let signer = Signer { gateway: settings.name.clone(), key: key.clone() };
        let auditor = Auditor::open(&state.join("audit"), signer, options, metrics.clone())?;
        if settings.config_file.is_some() {
            let freshness = Freshness::always();
            return Ok(Self { keyring: Keyring::Environment, auditor, control_plane: None, freshness });
        }
        let identity = Arc::new(keys::establish(&keys::Enrolment::from_settings(settings, state, &key)).await?);
        let control_plane = ControlPlane::new(&settings.mcpd_url, &settings.name, identity.token())?;
        let keyring = Keyring::Sealed(identity.clone());
        let control_plane = Some((control_plane, identity));
        Ok(Self { keyring, auditor, control_plane, freshness: Freshness::followed() })
    }

    /// Starts what runs beside the data path: configuration, reports, shipping of the audit log.
    fn start(&self, settings: &Settings, state: &StateDir, live: Arc<Live>, (reporter, sources): (Reporter, Sources)) {
        let progress = sources.progress.clone();
        let source = match (&self.control_plane, &settings.config_file) {
            (Some((control_plane, identity)), _) => {
                tokio::spawn(reporter.run(sources, control_plane.clone()));
                let verifying_key = identity.verifying_key();
                tokio::spawn(audit::ship(self.auditor.clone(), control_plane.clone(), verifying_key));
                let (control_plane, state, freshness) = (control_plane.clone(), state.clone(), self.freshness.clone());
                Source::ControlPlane(Box::new(config::Remote { control_plane, verifying_key, state, freshness }))
            }
            (None, Some(file)) => Source::File(file.clone()),
            (None, None) => return,
        };
        tokio::spawn(config::run(source, live, progress));
    }
}

/// The key that replicas share, or this gateway's own.
fn sealer(settings: &Settings, state: &StateDir) -> Result<Sealer, SealKeyError> {
    match &settings.state_key_file {
        Some(shared) => Sealer::load(shared, false),
        None => Sealer::load(&state.join("state-key"), true),
    }
}

/// Binds `address` now, so that an error is an error of the start and port 0 is known at once.
pub(crate) fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address}: is another program using it? choose another address with `{flag}`")
    })
}

/// Hands `listener` to pingora and serves `app` on it until `shutdown`.
pub(crate) fn serve<A>(name: &str, listener: TcpListener, app: A, shutdown: ShutdownWatch) -> Result<JoinHandle<()>>
where
    A: ServerApp + Send + Sync + 'static,
{
    let address = listener.local_addr()?.to_string();
    listener.set_nonblocking(true)?;
    let mut fds = Fds::new();
    fds.add(address.clone(), listener.into_raw_fd());
    let mut service = Service::new(name.to_owned(), app);
    // What is read is read into a buffer of the request; one more in front of it would be held as long as the connection.
    let unbuffered = L4BufferSettings::default().read(0);
    service.add_listener(ListenerConfig::tcp(&address).l4_buffer(unbuffered));
    Ok(tokio::spawn(async move { service.start_service(Some(Arc::new(Mutex::new(fds))), shutdown, 1).await }))
}

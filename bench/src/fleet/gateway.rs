//! One simulated gateway: what the real one asks of mcpd, in the same order and with the same waits.

use super::{
    arrivals::{Arrival, What},
    scan::Scanner,
};
use anyhow::{Context as _, Result};
use control_plane_api::{
    gateway::{ConfigState, EnrolRequest, GatewayRole, GatewayStatus, ModelState},
    name::Name,
    secret::Secret,
    timestamp::Timestamp,
};
use gateway::{
    control_plane::{Backoff, ControlPlane},
    report::REPORT_INTERVAL_MS,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};
use url::Url;

/// What the whole fleet has seen, added up.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Bytes of events of configuration streams.
    pub(super) bytes: AtomicU64,
    /// Events that were whole snapshots, and those that were not.
    pub(super) snapshots: AtomicU64,
    pub(super) change_sets: AtomicU64,
    failures: Mutex<BTreeMap<String, u64>>,
}

impl Counters {
    /// Failures by what was asked and in which words it failed, and starts anew.
    pub(super) fn take_failures(&self) -> BTreeMap<String, u64> {
        self.failures.lock().map(|mut failures| std::mem::take(&mut *failures)).unwrap_or_default()
    }

    fn failed(&self, what: &str, error: &anyhow::Error) {
        // The last word says why; before it stand URLs, of which every gateway has another.
        let text = error.root_cause().to_string();
        let why = text.rsplit(": ").next().unwrap_or_default();
        if let Ok(mut failures) = self.failures.lock() {
            *failures.entry(format!("{what}: {why}")).or_default() += 1;
        }
    }
}

/// An enrolled gateway.
pub(super) struct Simulated {
    number: usize,
    control_plane: ControlPlane,
    started_at: Timestamp,
    /// The revision in force; 0 before the first.
    in_force: watch::Sender<u64>,
    arrivals: mpsc::Sender<Arrival>,
    counters: Arc<Counters>,
}

impl Simulated {
    /// Trades the join token for an identity.
    pub(super) async fn enrol(
        (number, name): (usize, &Name),
        (base, join): (&Url, String),
        arrivals: mpsc::Sender<Arrival>,
        counters: Arc<Counters>,
    ) -> Result<Self> {
        let bases = std::slice::from_ref(base);
        let request = EnrolRequest {
            sealing_key: hex::encode(rand::random::<[u8; 32]>()),
            audit_key: None,
            role: GatewayRole::Local,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let joining = ControlPlane::new(bases, name, Secret::new(join))?;
        let reply = joining.enrol(&request).await.with_context(|| format!("gateway {name} cannot enrol"))?;
        let control_plane = ControlPlane::new(bases, name, Secret::new(reply.token))?;
        let (in_force, _) = watch::channel(0);
        Ok(Self { number, control_plane, started_at: Timestamp::now(), in_force, arrivals, counters })
    }

    /// Lives until it is dropped.
    pub(super) async fn live(self) {
        let seen = self.in_force.subscribe();
        tokio::join!(self.follow(), self.report(seen));
    }

    async fn follow(&self) {
        let mut backoff = Backoff::control_plane();
        loop {
            if let Err(error) = self.stream(&mut backoff).await {
                self.counters.failed("stream", &error);
            }
            backoff.wait().await;
        }
    }

    /// One connection to its end.
    async fn stream(&self, backoff: &mut Backoff) -> Result<()> {
        let in_force = Some(*self.in_force.borrow()).filter(|revision| *revision > 0);
        let mut response = self.control_plane.config_stream(in_force).await?;
        let mut scanner = Scanner::default();
        while let Some(chunk) = response.chunk().await? {
            for event in scanner.push(&chunk) {
                let kind = if event.whole { &self.counters.snapshots } else { &self.counters.change_sets };
                kind.fetch_add(1, Ordering::Relaxed);
                self.counters.bytes.fetch_add(event.bytes as u64, Ordering::Relaxed);
                self.tell(What::Applied, event.revision).await;
                backoff.reset();
                self.in_force
                    .send_if_modified(|revision| std::mem::replace(revision, event.revision) != event.revision);
            }
        }
        anyhow::bail!("it ended")
    }

    /// As `gateway::report` does it: at once when something has come into force, and every now and then.
    async fn report(&self, mut in_force: watch::Receiver<u64>) {
        let mut tick = tokio::time::interval(Duration::from_millis(REPORT_INTERVAL_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = Backoff::control_plane();
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = in_force.changed() => {}
            }
            let revision = *in_force.borrow_and_update();
            match self.control_plane.put_status(&self.status(revision)).await {
                Ok(()) => {
                    self.tell(What::Acknowledged, revision).await;
                    backoff.reset();
                    tick.reset();
                }
                Err(error) => {
                    self.counters.failed("report", &error.into());
                    tick.reset_after(backoff.step());
                }
            }
        }
    }

    fn status(&self, revision: u64) -> GatewayStatus {
        GatewayStatus {
            config: ConfigState::Applied { revision },
            role: GatewayRole::Local,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            listen_url: "http://127.0.0.1:9229".to_owned(),
            audit_backlog: 0,
            model: ModelState::Unused,
            servers: Vec::new(),
            draining: false,
            in_flight: 0,
        }
    }

    async fn tell(&self, what: What, revision: u64) {
        let arrival = Arrival { gateway: self.number, what, revision, at: Instant::now() };
        // Nobody listens any more: the simulation is at its end.
        let _ = self.arrivals.send(arrival).await;
    }
}

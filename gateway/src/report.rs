//! What a gateway tells the control plane about itself: what became of the configuration, and how its servers are.
//!
//! A report goes out every ten seconds, at once when configuration comes into force or is refused (the ACK or NACK of
//! a revision), and shortly after somebody calls [`Reporter::changed`]. Deliberately unknown here: how servers are
//! run; that is asked through [`Report`].
//!
//! ```no_run
//! # use gateway::{audit::Auditor, config::Progress, control_plane::ControlPlane, report::{Report, Reporter, Sources}};
//! # use std::sync::Arc;
//! # fn start(report: Arc<dyn Report>, progress: Progress, auditor: Auditor, control_plane: ControlPlane) {
//! let reporter = Reporter::new();        // clones go to whoever sees servers change: reporter.changed()
//! let role = control_plane_api::gateway::GatewayRole::Local;
//! let sources = Sources { report, progress, auditor, role, listen_url: "http://127.0.0.1:9229".to_owned() };
//! tokio::spawn(reporter.run(sources, control_plane));
//! # }
//! ```

use crate::{
    audit::Auditor,
    config::Progress,
    control_plane::{Backoff, ControlPlane},
};
use control_plane_api::{
    gateway::{ConfigState, GatewayRole, GatewayStatus, ModelState, ServerStatus},
    timestamp::Timestamp,
};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Notify, time::MissedTickBehavior};

/// Longest time between two reports, in milliseconds.
pub const REPORT_INTERVAL_MS: u64 = 10_000;
/// Changes that come within this time go into one report, in milliseconds.
const GATHER_MS: u64 = 50;

/// How the data path is; asked once per report and once per scrape.
pub trait Report: Send + Sync {
    /// The configured servers and their tools.
    fn servers(&self) -> Vec<ServerStatus>;
    /// The relevance model.
    fn model(&self) -> ModelState;
    /// Whether nothing new comes in.
    fn draining(&self) -> bool;
    /// Exchanges that run.
    fn in_flight(&self) -> u64;
}

/// What a report is composed of.
pub struct Sources {
    /// The data path.
    pub report: Arc<dyn Report>,
    /// What became of the newest configuration.
    pub progress: Progress,
    /// How many audit records wait.
    pub auditor: Auditor,
    /// The preset.
    pub role: GatewayRole,
    /// Where clients reach this gateway.
    pub listen_url: String,
}

impl Sources {
    /// The report as of now.
    #[must_use]
    pub fn status(&self, started_at: Timestamp) -> GatewayStatus {
        GatewayStatus {
            config: self.progress.state().unwrap_or(ConfigState::Applied { revision: 0 }),
            role: self.role,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            listen_url: self.listen_url.clone(),
            audit_backlog: self.auditor.backlog(),
            model: self.report.model(),
            servers: self.report.servers(),
            draining: self.report.draining(),
            in_flight: self.report.in_flight(),
        }
    }
}

/// Sends reports. Clones wake the one that runs.
#[derive(Debug, Clone)]
pub struct Reporter {
    changed: Arc<Notify>,
    started_at: Timestamp,
    /// What was wrong with the last report.
    problem: Arc<Mutex<Option<String>>>,
}

impl Default for Reporter {
    fn default() -> Self {
        Self::new()
    }
}

impl Reporter {
    /// A reporter of a gateway that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { changed: Arc::new(Notify::new()), started_at: Timestamp::now(), problem: Arc::default() }
    }

    /// Something a report tells has changed; never waits.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// When the gateway started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Why the control plane did not take the last report, for people; none: it did, or there was none yet.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().clone()
    }

    /// Reports to `control_plane` for as long as the process lives; ends only when it is dropped.
    pub async fn run(self, sources: Sources, control_plane: ControlPlane) {
        let mut tick = tokio::time::interval(Duration::from_millis(REPORT_INTERVAL_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut config = sources.progress.subscribe();
        let mut backoff = Backoff::control_plane();
        let mut failing = false;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                // The sender lives in `sources`, so this cannot fail and spin.
                _ = config.changed() => {}
                () = self.changed.notified() => gather().await,
            }
            match control_plane.put_status(&sources.status(self.started_at)).await {
                Ok(()) => {
                    *self.problem.lock() = None;
                    backoff.reset();
                    tick.reset();
                    failing = false;
                }
                Err(error) => {
                    *self.problem.lock() = Some(error.to_string());
                    tick.reset_after(backoff.step());
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "a report did not reach the control plane: trying on");
                    }
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "gathers what changes together: time itself is the condition")]
async fn gather() {
    tokio::time::sleep(Duration::from_millis(GATHER_MS)).await;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        audit::tests::open,
        control_plane::fake::{Answer, FakeControlPlane, Seen},
        keys::Secret,
    };
    use control_plane_api::gateway::ServerState;
    use serde_json::json;
    use std::{
        path::Path,
        sync::atomic::{AtomicBool, AtomicU32, Ordering},
    };

    /// One server, up or not, and two exchanges.
    #[derive(Default)]
    pub(crate) struct Fake {
        pub(crate) up: AtomicBool,
        pub(crate) draining: AtomicBool,
    }

    impl Report for Fake {
        fn servers(&self) -> Vec<ServerStatus> {
            let state = if self.up.load(Ordering::SeqCst) { ServerState::Ready } else { ServerState::Starting };
            let name = "slack".parse().unwrap();
            vec![ServerStatus {
                name,
                state,
                era: None,
                error: None,
                restarts: 0,
                pid: None,
                since: None,
                stderr: Vec::new(),
                tested: 0,
                probed: None,
                tools: Vec::new(),
                problems: Vec::new(),
            }]
        }

        fn model(&self) -> ModelState {
            ModelState::Unused
        }

        fn draining(&self) -> bool {
            self.draining.load(Ordering::SeqCst)
        }

        fn in_flight(&self) -> u64 {
            2
        }
    }

    fn sources(dir: &Path, report: Arc<Fake>) -> Sources {
        let auditor = open(dir);
        let listen_url = "http://127.0.0.1:9229".to_owned();
        Sources { report, progress: Progress::new(), auditor, role: GatewayRole::Local, listen_url }
    }

    fn control_plane(fake: &FakeControlPlane) -> ControlPlane {
        ControlPlane::new(&[fake.url()], &"local".parse().unwrap(), Secret::new("t".to_owned())).unwrap()
    }

    #[tokio::test]
    async fn a_report_goes_out_at_once_when_something_changes() {
        let dir = tempfile::tempdir().unwrap();
        let report = Arc::new(Fake::default());
        let sources = sources(dir.path(), Arc::clone(&report));
        let progress = sources.progress.clone();
        let fake = FakeControlPlane::start(|_| Answer::json(204, &json!(null))).await;
        let reporter = Reporter::new();
        let running = tokio::spawn(reporter.clone().run(sources, control_plane(&fake)));
        let last = |seen: &[Seen]| seen.last().unwrap().json();

        let seen = fake.until(|seen| !seen.is_empty()).await;
        assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("PUT", "/api/v1/gateways/local/status"));
        assert_eq!(last(&seen)["config"], json!({"state": "applied", "revision": 0}));
        progress.applied(4);
        let seen = fake.until(|seen| seen.len() > 1).await;
        assert_eq!(last(&seen)["config"]["revision"], 4);
        report.up.store(true, Ordering::SeqCst);
        reporter.changed();
        reporter.changed();
        let seen = fake.until(|seen| seen.len() > 2).await;
        assert_eq!(last(&seen)["servers"][0]["state"], "ready");
        running.abort();
    }

    #[tokio::test]
    async fn a_report_that_failed_is_sent_again() {
        let dir = tempfile::tempdir().unwrap();
        let count = AtomicU32::new(0);
        let fake = FakeControlPlane::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::HangUp,
            1 => Answer::json(500, &json!({})),
            _ => Answer::json(204, &json!(null)),
        })
        .await;
        let sources = sources(dir.path(), Arc::default());
        let reporter = Reporter::new();
        let running = tokio::spawn(reporter.clone().run(sources, control_plane(&fake)));
        fake.until(|seen| seen.len() > 1).await;
        assert!(reporter.problem().unwrap().contains("control plane"));
        fake.until(|seen| seen.len() > 2).await;
        running.abort();
    }
}

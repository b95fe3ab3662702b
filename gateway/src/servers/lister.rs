//! Asks one server for its lists: at once, again when it says they changed, and again when they are old.

use super::{Listing, lists, probe};
use crate::{
    pins::Pins,
    upstream::{Credentials, Upstream},
};
use control_plane_api::{
    gateway::ServerState,
    limits::Limits,
    name::Name,
    server::{Probed, ServerSpec},
};
use rand::Rng as _;
use scrubber::Scrubber;
use std::{future::pending, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// Shortest time from one listing of a server to the next, in milliseconds, however often it says that its lists changed.
const RELIST_WAIT_MS: u64 = 100;

/// See the module; ends only when it is dropped.
pub(super) struct Lister {
    pub(super) name: Name,
    pub(super) upstream: Arc<dyn Upstream>,
    pub(super) limits: Limits,
    pub(super) tokens: Arc<dyn Credentials>,
    pub(super) pins: Arc<Pins>,
    pub(super) publish: watch::Sender<Listing>,
    /// How it is described, and the newest order to ask it again.
    pub(super) spec: watch::Receiver<ServerSpec>,
    /// The newest order that was carried out, and what came of the call that was made then.
    pub(super) tested: watch::Sender<(u64, Option<Probed>)>,
    pub(super) scrubber: Scrubber,
    pub(super) epoch: watch::Sender<u64>,
}

impl Lister {
    pub(super) async fn run(mut self) {
        let (mut changes, mut tokens) = (self.upstream.changes(), self.tokens.changes());
        let mut backoff = Duration::from_millis(self.limits.restart_backoff_ms);
        let (mut said_so, mut failed_before) = (false, false);
        loop {
            tokens.borrow_and_update();
            let spec = self.spec.borrow_and_update().clone();
            let order = spec.orders.tests;
            let soonest = Instant::now() + Duration::from_millis(RELIST_WAIT_MS);
            let fetched = lists::fetch(&*self.upstream, &self.limits).await;
            let failed = fetched.is_err();
            let mut probed = None;
            // Its own contact with the server is not news.
            changes.borrow_and_update();
            let (news, wait) = match fetched {
                Ok(lists) => {
                    // Before anybody sees them.
                    self.pins.meet(&self.name, &lists.definitions).await;
                    self.upstream.learn(&lists.tools);
                    probed = self.probed(&spec, &lists).await;
                    backoff = Duration::from_millis(self.limits.restart_backoff_ms);
                    let mut news = false;
                    self.publish.send_modify(|listing| news = listing.heard(lists, said_so));
                    (news, jittered(Duration::from_millis(self.limits.list_ttl_ms)))
                }
                // As it was asked: it is not asked again until it is another one.
                Err(_) if self.upstream.health().state == ServerState::Stopped => {
                    self.publish.send_modify(|listing| listing.asked = true);
                    (true, Duration::from_millis(self.limits.list_ttl_ms))
                }
                Err(error) => {
                    tracing::warn!(server = %self.name, %error, "lists of the server could not be fetched");
                    let mut news = false;
                    self.publish.send_modify(|listing| news = !std::mem::replace(&mut listing.asked, true));
                    backoff = (backoff * 2).min(Duration::from_millis(self.limits.restart_backoff_max_ms));
                    (news, backoff)
                }
            };
            // Whoever follows the count looks at every list of every server: only what is new is worth that.
            let tested = self.is_news(order, probed);
            if news || said_so || tested || failed != std::mem::replace(&mut failed_before, failed) {
                self.epoch.send_modify(|epoch| *epoch += 1);
            }
            let next = Instant::now() + wait;
            let woken = async {
                tokio::select! {
                    changed = changes.changed() => changed.is_ok(),
                    // It may have been for want of a token.
                    _ = tokens.changed(), if failed => false,
                    _ = ordered(&mut self.spec, order) => false,
                }
            };
            said_so = tokio::time::timeout_at(next, woken).await.unwrap_or(false);
            // Nothing ends this wait early but the end of the task.
            let _ = tokio::time::timeout_at(soonest, pending::<()>()).await;
        }
    }

    /// What comes of the call that shows whether its credential is good, where a test was ordered.
    async fn probed(&self, spec: &ServerSpec, lists: &lists::Lists) -> Option<Probed> {
        if self.tested.borrow().0 == spec.orders.tests {
            return None;
        }
        let probe = probe::wanted(spec, lists)?;
        Some(probe::run(&*self.upstream, probe, &self.scrubber).await)
    }

    /// Notes that `order` was carried out; whether it was not before.
    fn is_news(&self, order: u64, probed: Option<Probed>) -> bool {
        self.tested.send_if_modified(|tested| {
            let news = tested.0 != order;
            if news {
                *tested = (order, probed);
            }
            news
        })
    }
}

/// Waits until another test than `order` is asked for.
async fn ordered(spec: &mut watch::Receiver<ServerSpec>, order: u64) {
    // Its sender lives as long as the server.
    let _ = spec.wait_for(|spec| spec.orders.tests != order).await;
}

/// `wait`, a tenth more or less: servers that were configured together are not asked together for ever.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::thread_rng().gen_range(0.9..1.1))
}

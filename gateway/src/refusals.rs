//! What was refused for being too much and is not written down one by one: a flood would fill the disk. It is counted, and
//! the counts reach the audit log from time to time.

use crate::live::Live;
use filters::{Exchange, Principal, rate_limit::Rates};
use http::HeaderMap;
use protocol::{Id, Members, Request};
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::MissedTickBehavior;

/// Time between two records of what was refused.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// What such a record calls the method: a client can ask for none of this name.
const METHOD: &str = "(refused requests)";

/// The counts, for the life of the gateway.
pub struct Refusals {
    /// What every user uses.
    pub rates: Arc<Rates>,
    /// Requests for which the gateway had no room. Nobody knows whose they were.
    shed: AtomicU64,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { rates: Arc::new(Rates::new(Instant::now)), shed: AtomicU64::new(0) }
    }
}

impl Refusals {
    /// A request was refused because the gateway has no room.
    pub fn shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the counts down, if there are any and a configuration is in force.
    pub async fn tell(&self, live: &Live) {
        let Some(pipeline) = live.pipeline() else {
            return;
        };
        let of_users = self.rates.take_refused().into_iter().map(|refused| {
            let reason = format!("{} more requests were refused as too much for one user", refused.times);
            (refused.principal, reason)
        });
        let shed = Some(self.shed.swap(0, Ordering::Relaxed)).filter(|times| *times > 0).map(|times| {
            (Principal::Anonymous, format!("{times} requests were refused because the gateway had no room"))
        });
        for (principal, reason) in of_users.chain(shed) {
            let request = Request { id: Id::Number(0), method: METHOD.to_owned(), params: Members::new() };
            let mut exchange = Exchange::new(request, HeaderMap::new());
            exchange.principal = principal;
            // What cannot be written is logged by the audit log; what it speaks of has not happened.
            let _ = pipeline.record(exchange, METHOD, 0).deny(reason, 0).await;
        }
    }

    /// Writes them down from time to time, as long as `live` is there.
    pub async fn keep_telling(self: Arc<Self>, live: Weak<Live>) {
        let mut pause = tokio::time::interval(TOLD_EVERY);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pause.tick().await;
            match live.upgrade() {
                Some(live) => self.tell(&live).await,
                None => return,
            }
        }
    }
}

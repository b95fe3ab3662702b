//! How long audit events are kept, and room for those to come.
//!
//! What goes leaves a record in the audit log, in the same transaction: how many events, from before when, and a hash of
//! them, by which an export made before can be told to be whole. Nothing goes unless somebody said how long to keep it.

use crate::{
    rollback,
    store::{Removed, Store, StoreError},
};
use control_plane_api::timestamp::Timestamp;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(3_600);
const DAY_MS: i64 = 86_400_000;

/// Looks after the age of the audit log.
pub(crate) struct Retention {
    pub(crate) store: Store,
    /// Days to keep events; absent: for ever.
    pub(crate) days: Option<u32>,
}

impl Retention {
    /// Makes partitions ahead, and removes what is too old, until `stopped` says so.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut clock = interval(LOOK_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                _ = clock.tick() => {}
            }
            if let Err(error) = self.store.make_partitions().await {
                tracing::warn!(%error, "The audit log's months to come cannot be made; `mcpctl db migrate` as the owner makes them");
            }
            let Some(days) = self.days else { continue };
            match retain(&self.store, before(days), "mcpd").await {
                Ok(removed) if removed.events > 0 => {
                    tracing::info!(events = removed.events, days, "Removed audit events that were too old");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "Old audit events cannot be removed; `mcpctl db retain` as the owner removes them");
                }
            }
        }
    }
}

/// The time before which events are too old.
pub(crate) fn before(days: u32) -> Timestamp {
    Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(i64::from(days).saturating_mul(DAY_MS)))
}

/// Removes what is older than `before`, and leaves a record of it if there was anything.
pub(crate) async fn retain(store: &Store, before: Timestamp, method: &str) -> Result<Removed, StoreError> {
    let mut change = store.change().await?;
    let removed = change.tx().events_before(before).await?;
    if removed.events > 0 {
        change.tx().remove_events_before(before).await?;
        let effect = format!("removed {} events from before {before}, sha256 {}", removed.events, removed.sha256);
        change.record(&rollback::actor(method), "audit", &effect).await?;
    }
    change.commit().await?;
    Ok(removed)
}

//! How long audit events are kept, and room for those to come.
//!
//! What goes leaves a record in the audit log, in the same transaction: how many events, from before when, and a hash of
//! them, by which an export made before can be told to be whole. Of each chain the oldest records go, up to a checkpoint whose
//! hash is noted, so that the rest proves itself as before. Nothing goes unless somebody said how long to keep it.

use crate::{
    rollback,
    store::{Cut, Removed, Store, StoreError, Tx},
};
use control_plane_api::{audit::chain::Head, timestamp::Timestamp};
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
                Ok(old) if old.removed.events > 0 || old.records() > 0 => {
                    let (events, records) = (old.removed.events, old.records());
                    tracing::info!(events, records, days, "Removed what was too old in the audit log");
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

/// What is older than `before`: events that are looked through, and records of each chain.
pub(crate) struct Old {
    pub(crate) removed: Removed,
    pub(crate) cuts: Vec<Cut>,
}

impl Old {
    /// Records of all chains.
    pub(crate) fn records(&self) -> u64 {
        self.cuts.iter().map(|cut| cut.records).sum()
    }
}

/// What is too old now.
pub(crate) async fn old(tx: &mut Tx, before: Timestamp) -> Result<Old, StoreError> {
    let removed = tx.events_before(before).await?;
    let mut cuts = Vec::new();
    for gateway in tx.chains().await? {
        cuts.extend(tx.records_before(&gateway, before).await?);
    }
    Ok(Old { removed, cuts })
}

/// Removes what is older than `before`, and leaves a record of it if there was anything: in mcpd's own chain, so that the next
/// checkpoint signs for it.
pub(crate) async fn retain(store: &Store, before: Timestamp, method: &str) -> Result<Old, StoreError> {
    let mut change = store.change().await?;
    let old = old(change.tx(), before).await?;
    let actor = rollback::actor(method);
    if old.removed.events > 0 {
        change.tx().remove_events_before(before).await?;
        let Removed { events, sha256 } = &old.removed;
        change
            .record(&actor, "audit", &format!("removed {events} events from before {before}, sha256 {sha256}"))
            .await?;
    }
    for cut in &old.cuts {
        change.tx().let_go_of(cut).await?;
        let Cut { gateway, records, upto: Head { epoch, seq, hash } } = cut;
        let effect = format!("let go {records} records of {gateway} up to {seq} of epoch {epoch}, hash {hash}");
        change.record(&actor, "audit", &effect).await?;
    }
    change.commit().await?;
    Ok(old)
}

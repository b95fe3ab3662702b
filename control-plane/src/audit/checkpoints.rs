//! Signs mcpd's own log, as gateways sign theirs: soon after a change, and now and then also when nothing changes.

use crate::{
    secrets::Keys,
    store::{ChainEnd, OWN_EPOCH, Store, StoreError, own_name},
};
use control_plane_api::{audit::chain::Chain, limits::Limits, timestamp::Timestamp};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// Adds checkpoints to the log of changes.
pub(crate) struct Checkpoints {
    pub(crate) store: Store,
    pub(crate) keys: Arc<Keys>,
}

impl Checkpoints {
    /// Notes with which key mcpd signs. Before anything is signed with it.
    pub(crate) async fn announce(&self) -> Result<(), StoreError> {
        let mut tx = self.store.write().await?;
        tx.add_audit_key(&own_name()?, &self.keys.verifying_key()).await?;
        tx.commit().await
    }

    /// Looks every second until `stopped` says so.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let limits = Limits::default();
        let mut clock = interval(Duration::from_millis(limits.audit_checkpoint_interval_ms));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let idle = Duration::from_millis(limits.audit_checkpoint_idle_ms);
        let (mut seen, mut failing) = (None, false);
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                _ = clock.tick() => {}
            }
            match self.look(&mut seen, idle).await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "The log of changes cannot be signed");
                }
                Err(_) => {}
            }
        }
    }

    /// `seen`: the end of the chain as it was found signed, and since when.
    async fn look(&self, seen: &mut Option<(ChainEnd, Instant)>, idle: Duration) -> Result<(), StoreError> {
        let end = self.store.read().await?.chain_end(&own_name()?).await?;
        let signed = end.head.hash == end.checkpoint;
        let rested = seen.is_some_and(|(before, since)| before == end && since.elapsed() >= idle);
        if signed && !rested {
            if seen.is_none_or(|(before, _)| before != end) {
                *seen = Some((end, Instant::now()));
            }
            return Ok(());
        }
        self.sign(end).await
    }

    /// Signs `end`, unless another replica was quicker.
    async fn sign(&self, end: ChainEnd) -> Result<(), StoreError> {
        let name = own_name()?;
        let mut change = self.store.change().await?;
        if change.tx().chain_end(&name).await? != end {
            return Ok(());
        }
        let mut chain = Chain::new(name.clone(), OWN_EPOCH, end.head, end.checkpoint);
        let record = chain
            .checkpoint(self.keys.signing(), Timestamp::now())
            .map_err(|error| StoreError::Unreadable { what: "a checkpoint".to_owned(), reason: error.to_string() })?;
        change.tx().add_record(&name, &record, record.head.hash).await?;
        change.commit().await.map(drop)
    }
}

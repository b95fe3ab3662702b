//! When tokens and sessions were last presented: noted in memory, written now and then, so that no request writes.
//!
//! The same round ends the sessions that nobody used for too long.

use crate::{
    publish::Published,
    store::{Store, StoreError},
};
use control_plane_api::timestamp::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// Between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(30);
/// Uses remembered between two rounds; those beyond it are not told.
const NOTED_MAX: usize = 65_536;

/// What was presented since the last round, by public id.
#[derive(Clone, Default)]
pub(crate) struct Uses(Arc<Mutex<HashMap<String, Timestamp>>>);

impl Uses {
    /// Notes that the token or session with this id was presented.
    pub(crate) fn note(&self, id: &str, at: Timestamp) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = noted.len() >= NOTED_MAX;
        match noted.get_mut(id) {
            Some(last) => *last = at.max(*last),
            None if full => {}
            None => {
                noted.insert(id.to_owned(), at);
            }
        }
    }

    /// Writes what was noted.
    pub(crate) async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        let mut tx = store.write().await?;
        for (id, at) in &noted {
            tx.note_use(id, *at).await?;
        }
        tx.commit().await
    }

    /// Writes and sweeps until `stopped` says so, and once more then.
    pub(crate) async fn run(self, store: Store, published: Published, mut stopped: watch::Receiver<bool>) {
        let mut clock = interval(ROUND_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = false;
        while !stopping {
            tokio::select! {
                _ = stopped.changed() => stopping = true,
                _ = clock.tick() => {}
            }
            if let Err(error) = self.round(&store, &published).await {
                tracing::warn!(%error, "Cannot write down when tokens were used");
            }
        }
    }

    async fn round(&self, store: &Store, published: &Published) -> Result<(), StoreError> {
        self.write(store).await?;
        if !store.read().await?.has_ended_sessions().await? {
            return Ok(());
        }
        let mut change = store.change().await?;
        if change.tx().sweep_sessions().await? {
            // Gateways know them: the new revision takes them away there.
            change.writing();
        }
        change.commit().await?;
        published.announce();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_use_counts_and_there_is_a_bound() {
        let uses = Uses::default();
        for at in [2, 3, 1] {
            uses.note("a", Timestamp::from_millis(at));
        }
        for n in 0..NOTED_MAX {
            uses.note(&n.to_string(), Timestamp::from_millis(1));
        }
        let noted = uses.0.lock().unwrap();
        assert_eq!((noted["a"], noted.len()), (Timestamp::from_millis(3), NOTED_MAX));
    }
}

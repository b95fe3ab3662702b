//! Draining: nothing new comes in, what runs may end. A gateway is drained while its configuration says so, whatever happens
//! to it meanwhile; here is what counts the exchanges that still run, and the time they have.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// The exchanges that run. Cheap to clone; every clone sees the same.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    running: AtomicU64,
    idle: Notify,
}

/// One exchange that runs; dropping it ends it.
#[derive(Debug)]
pub struct Running(InFlight);

impl InFlight {
    /// One more begins.
    #[must_use]
    pub fn enter(&self) -> Running {
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }

    /// How many run.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.running.load(Ordering::Relaxed)
    }

    /// Waits until the last one has ended.
    pub async fn idle(&self) {
        self.0.idle.notified().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.0.running.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.0.idle.notify_one();
        }
    }
}

/// A drain that goes on; dropping it undoes it.
#[derive(Debug)]
pub struct Drain {
    over: CancellationToken,
    _timer: AbortOnDropHandle<()>,
}

impl Drain {
    /// Begins now; what runs has `patience` to end.
    #[must_use]
    pub fn begin(patience: Duration) -> Self {
        let over = CancellationToken::new();
        let told = over.clone();
        let timer = tokio::spawn(async move {
            pass(patience).await;
            told.cancel();
        });
        Self { over, _timer: AbortOnDropHandle::new(timer) }
    }

    /// Cancelled when the time of what runs is over.
    #[must_use]
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }
}

#[expect(clippy::disallowed_methods, reason = "a deadline: time itself is the condition")]
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn the_last_one_that_ends_is_told_of() {
        let in_flight = InFlight::default();
        let (first, second) = (in_flight.enter(), in_flight.enter());
        drop(first);
        assert!(in_flight.idle().now_or_never().is_none() && in_flight.count() == 1);
        drop(second);
        assert!(in_flight.idle().now_or_never().is_some() && in_flight.count() == 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_runs_has_its_time_and_no_more() {
        let drain = Drain::begin(Duration::from_secs(30));
        let over = drain.over();
        assert!(tokio::time::timeout(Duration::from_secs(29), over.cancelled()).await.is_err());
        assert!(tokio::time::timeout(Duration::from_secs(2), over.cancelled()).await.is_ok());
        let undone = Drain::begin(Duration::from_secs(30)).over();
        assert!(tokio::time::timeout(Duration::from_secs(60), undone.cancelled()).await.is_err());
    }
}

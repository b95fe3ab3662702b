//! Which revision each gateway has, and since when.

use anyhow::{Context as _, Result};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Arrivals that were not looked at yet; beyond it gateways wait.
const ARRIVALS_MAX: usize = 65_536;

/// What became of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The gateway has all of it.
    Applied,
    /// mcpd knows that it has.
    Acknowledged,
}

/// One gateway has come to a revision.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) gateway: usize,
    pub(super) what: What,
    pub(super) revision: u64,
    pub(super) at: Instant,
}

/// The newest of each gateway.
pub(super) struct Board {
    arrivals: mpsc::Receiver<Arrival>,
    applied: Vec<Option<(u64, Instant)>>,
    acknowledged: Vec<Option<(u64, Instant)>>,
    patience: Duration,
}

/// When each gateway was there.
pub(super) struct Times {
    pub(super) applied: Vec<Instant>,
    pub(super) acknowledged: Vec<Instant>,
}

impl Board {
    /// A board for `gateways`, of which nothing is known yet, and where they tell.
    pub(super) fn new(gateways: usize, patience: Duration) -> (Self, mpsc::Sender<Arrival>) {
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let none = vec![None; gateways];
        (Self { arrivals, applied: none.clone(), acknowledged: none, patience }, sender)
    }

    /// Forgets what was, and waits for the first `gateways` only from now on.
    pub(super) fn forget(&mut self, gateways: usize) {
        while self.arrivals.try_recv().is_ok() {}
        self.applied = vec![None; gateways];
        self.acknowledged = vec![None; gateways];
    }

    /// Waits until all of them have `revision` or a later one, and mcpd knows it.
    pub(super) async fn until(&mut self, revision: u64) -> Result<Times> {
        let patience = self.patience;
        let all = tokio::time::timeout(patience, self.gather(revision)).await;
        let there =
            |list: &[Option<(u64, Instant)>]| list.iter().flatten().filter(|(have, _)| *have >= revision).count();
        let said = || {
            format!(
                "after {patience:?}, {} of {} gateways have revision {revision}, and {} have said so: allow more by --patience-s",
                there(&self.applied),
                self.applied.len(),
                there(&self.acknowledged),
            )
        };
        all.with_context(said)?
    }

    async fn gather(&mut self, revision: u64) -> Result<Times> {
        let size = self.applied.len();
        let mut times = [vec![None; size], vec![None; size]];
        let mut missing = size * 2;
        for (have, times) in [&self.applied, &self.acknowledged].into_iter().zip(&mut times) {
            for (have, time) in have.iter().zip(times) {
                *time = have.filter(|(have, _)| *have >= revision).map(|(_, at)| at);
                missing -= usize::from(time.is_some());
            }
        }
        let [applied, acknowledged] = &mut times;
        while missing > 0 {
            let arrival = self.arrivals.recv().await.context("every gateway has stopped")?;
            let (newest, times) = match arrival.what {
                What::Applied => (&mut self.applied, &mut *applied),
                What::Acknowledged => (&mut self.acknowledged, &mut *acknowledged),
            };
            let (Some(newest), Some(time)) = (newest.get_mut(arrival.gateway), times.get_mut(arrival.gateway)) else {
                continue;
            };
            *newest = Some((arrival.revision, arrival.at));
            if arrival.revision >= revision && time.is_none() {
                *time = Some(arrival.at);
                missing -= 1;
            }
        }
        let [applied, acknowledged] = times.map(|times| times.into_iter().flatten().collect());
        Ok(Times { applied, acknowledged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gateway_that_is_further_on_already_is_not_waited_for() {
        let (mut board, sender) = Board::new(2, Duration::from_secs(30));
        let at = Instant::now();
        for (gateway, what, revision) in [
            (0, What::Applied, 5),
            (1, What::Applied, 4),
            (0, What::Acknowledged, 5),
            (1, What::Acknowledged, 4),
            (1, What::Applied, 5),
            (1, What::Acknowledged, 5),
            (7, What::Applied, 5),
        ] {
            sender.send(Arrival { gateway, what, revision, at }).await.unwrap();
        }
        assert_eq!(board.until(4).await.unwrap().applied.len(), 2);
        assert_eq!(board.until(5).await.unwrap().acknowledged.len(), 2);
        board.forget(1);
        sender.send(Arrival { gateway: 0, what: What::Applied, revision: 5, at }).await.unwrap();
        drop(sender);
        assert!(board.until(5).await.is_err());
    }
}

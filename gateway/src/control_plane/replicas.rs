//! The replicas of the control plane: one is asked until it fails, then the next.
//!
//! All parts of a gateway ask the same one, and a fleet is spread over all of them: each gateway begins with one at
//! random. Why one failed and when to try again is not known here.

use super::{CONNECT_TIMEOUT_MS, ControlPlaneError, POOL_IDLE_TIMEOUT_MS, STREAM_IDLE_TIMEOUT_MS, chain};
use crate::http_client;
use rand::Rng as _;
use reqwest::Client;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use url::Url;

/// One replica.
pub(super) struct Replica {
    /// A client fit for its URL.
    pub(super) http: Client,
    pub(super) base: Url,
}

/// All of them, and which is asked. Cheap to clone; clones move on together.
#[derive(Clone)]
pub(super) struct Replicas {
    all: Arc<[Replica]>,
    turn: Arc<AtomicUsize>,
}

impl Replicas {
    pub(super) fn new(bases: &[Url]) -> Result<Self, ControlPlaneError> {
        let all = bases.iter().map(replica).collect::<Result<Arc<[_]>, _>>()?;
        let first = rand::thread_rng().gen_range(0..all.len().max(1));
        Ok(Self { all, turn: Arc::new(AtomicUsize::new(first)) })
    }

    /// The one to ask, and its turn; none if the list is empty.
    pub(super) fn current(&self) -> Option<(usize, &Replica)> {
        let turn = self.turn.load(Ordering::Relaxed);
        Some((turn, self.all.get(turn.checked_rem(self.all.len())?)?))
    }

    /// The one whose turn it was failed; of several who say so only the first moves on.
    pub(super) fn failed(&self, turn: usize) {
        let moved = self.turn.compare_exchange(turn, turn.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed);
        if let (Ok(_), true, Some((_, next))) = (moved, self.all.len() > 1, self.current()) {
            tracing::info!(url = %next.base, "asking another replica of the control plane");
        }
    }
}

fn replica(base: &Url) -> Result<Replica, ControlPlaneError> {
    let unusable = |reason: String| ControlPlaneError::Unusable { url: base.to_string(), reason };
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
        return Err(unusable("it is not an http or https URL".to_owned()));
    }
    let builder = http_client::builder(base, Duration::from_millis(CONNECT_TIMEOUT_MS))
        .read_timeout(Duration::from_millis(STREAM_IDLE_TIMEOUT_MS))
        .pool_idle_timeout(Duration::from_millis(POOL_IDLE_TIMEOUT_MS));
    let http = builder.build().map_err(|error| unusable(chain(&error)))?;
    Ok(Replica { http, base: base.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Replicas {
        let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2/x", "http://127.0.0.1:3"];
        Replicas::new(&urls.map(|url| url.parse().unwrap())).unwrap()
    }

    #[test]
    fn whoever_sees_the_same_failure_moves_on_once_and_everybody_together() {
        let replicas = three();
        let other = replicas.clone();
        let (turn, first) = replicas.current().unwrap();
        replicas.failed(turn);
        other.failed(turn);
        let (next, second) = other.current().unwrap();
        assert_eq!(next, turn + 1);
        assert_ne!(first.base, second.base);
        for _ in 0..2 {
            replicas.failed(replicas.current().unwrap().0);
        }
        assert_eq!(replicas.current().unwrap().1.base, first.base, "after the last comes the first");
    }

    #[test]
    fn a_fleet_is_spread_over_the_replicas() {
        let mut ports: Vec<_> = (0..64).filter_map(|_| three().current().unwrap().1.base.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports, [1, 2, 3]);
    }

    #[test]
    fn a_list_without_a_url_has_nobody_to_ask_and_a_bad_one_is_named() {
        assert!(Replicas::new(&[]).unwrap().current().is_none());
        let refused = Replicas::new(&["ftp://h".parse().unwrap()]).err().unwrap().to_string();
        assert!(refused.contains("ftp://h"), "{refused}");
    }
}

//! Clients that call through every gateway all the time: one that may, one that may not, and one that may now and then.

use crate::http::Endpoint;
use reqwest::StatusCode;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

pub(crate) const READ: &str = "slack_list_channels";
pub(crate) const WRITE: &str = "slack_post_message";
/// The project through which reading is allowed all the time, and writing never.
pub(crate) const STEADY: &str = "steady";
/// The project through which reading is allowed now and then.
pub(crate) const SWING: &str = "swing";
/// Between two calls of one client.
const PACE: Duration = Duration::from_millis(80);

/// How often each of them was answered at one gateway.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) allowed: AtomicUsize,
    pub(crate) refused: AtomicUsize,
    pub(crate) swung: AtomicUsize,
}

pub(crate) struct Callers {
    stop: Arc<AtomicBool>,
    /// One for each gateway, in their order.
    pub(crate) tallies: Vec<Arc<Tally>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Callers {
    pub(crate) fn none() -> Self {
        Self { stop: Arc::default(), tallies: Vec::new(), tasks: Vec::new() }
    }

    /// Begins to call at the gateway at `url`. An answer that is not what it must be ends the client, and with it the test.
    pub(crate) fn begin(&mut self, url: &str, token: &str) {
        let tally = Arc::new(Tally::default());
        self.tallies.push(Arc::clone(&tally));
        for kind in [Kind::Allowed, Kind::Refused, Kind::Swinging] {
            let project = if matches!(kind, Kind::Swinging) { SWING } else { STEADY };
            let endpoint = Endpoint::new(&format!("{url}/projects/{project}/mcp"), token);
            self.tasks.push(tokio::spawn(call_on(kind, endpoint, Arc::clone(&self.stop), Arc::clone(&tally))));
        }
    }

    /// No client was told anything but what it had to be.
    pub(crate) fn are_content(&self) {
        assert!(!self.tasks.iter().any(JoinHandle::is_finished), "a client was told something else, see above");
    }

    pub(crate) async fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks.drain(..) {
            task.await.expect("no call failed");
        }
    }

    /// Answers to those that may, of the gateway that gave the fewest; the same of those that may not.
    pub(crate) fn fewest(&self) -> (usize, usize) {
        let of = |count: fn(&Tally) -> &AtomicUsize| {
            self.tallies.iter().map(|tally| count(tally).load(Ordering::Relaxed)).min().unwrap_or_default()
        };
        (of(|tally| &tally.allowed), of(|tally| &tally.refused))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Allowed,
    Refused,
    Swinging,
}

async fn call_on(kind: Kind, endpoint: Endpoint, stop: Arc<AtomicBool>, tally: Arc<Tally>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let (tool, arguments) = match kind {
            Kind::Refused => (WRITE, json!({"channel": "general", "text": "written by a test"})),
            Kind::Allowed | Kind::Swinging => (READ, json!({})),
        };
        let answer = endpoint.call(tool, arguments).await;
        let allowed = answer.status == StatusCode::OK && answer.text.contains("security");
        let refused = !allowed && answer.json()["error"]["message"].is_string();
        let (as_it_must_be, count) = match kind {
            Kind::Allowed => (allowed, &tally.allowed),
            Kind::Refused => (refused && answer.text.contains("permission denied"), &tally.refused),
            Kind::Swinging => (allowed || refused, &tally.swung),
        };
        assert!(as_it_must_be, "{} {}", answer.status, answer.text);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

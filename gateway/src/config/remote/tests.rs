//! A control plane by hand, and what a gateway makes of its streams.

use super::super::{
    Progress, Source,
    last_known_good::tests::{change, local, sign, signed, whole},
    run,
    tests::Fake,
};
use super::*;
use crate::{
    control_plane::fake::{Answer, FakeControlPlane, Seen},
    keys::{Secret, tests::signing_key},
};
use control_plane_api::gateway::ConfigState;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};
use url::Url;

/// A control plane whose n-th connection gives the n-th list of events; later ones stay silent.
async fn streams(connections: Vec<Vec<SignedEvent>>) -> FakeControlPlane {
    raw_streams(connections.iter().map(|events| events.iter().map(text).collect()).collect()).await
}

fn text(event: &SignedEvent) -> String {
    serde_json::to_string(event).unwrap()
}

/// The same of what events hold: nothing is a heartbeat, and `{}` ends the stream.
async fn raw_streams(connections: Vec<Vec<String>>) -> FakeControlPlane {
    let connections = Mutex::new(connections.into_iter());
    let held = Mutex::new(Vec::new());
    FakeControlPlane::start(move |seen: &Seen| {
        assert_eq!((seen.path.as_str(), seen.bearer.as_str()), ("/api/v1/gateways/local/config", "token"));
        let (sender, receiver) = mpsc::channel(64);
        match connections.lock().unwrap().next() {
            Some(events) => {
                for event in events {
                    sender.try_send(event).unwrap();
                }
            }
            None => held.lock().unwrap().push(sender),
        }
        Answer::Stream(receiver)
    })
    .await
}

struct Running {
    freshness: Freshness,
    progress: Progress,
    apply: Arc<Fake>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(url: &Url, state: StateDir, refused: &[u64]) -> Self {
        Self::start_at(std::slice::from_ref(url), state, refused)
    }

    fn start_at(urls: &[Url], state: StateDir, refused: &[u64]) -> Self {
        let token = Secret::new("token".into());
        let control_plane = ControlPlane::new(urls, &"local".parse().unwrap(), token).unwrap();
        let freshness = Freshness::followed();
        let verifying_key = signing_key().verifying_key();
        let remote = Remote { control_plane, verifying_key, state, freshness: freshness.clone() };
        let (progress, apply) = (Progress::new(), Fake::refusing(refused));
        let task = tokio::spawn(run(Source::ControlPlane(remote.into()), Arc::<Fake>::clone(&apply), progress.clone()));
        Self { freshness, progress, apply, task }
    }

    async fn in_force(&self, revision: u64) {
        let mut state = self.progress.subscribe();
        while self.progress.revision_in_force() != Some(revision) {
            state.changed().await.unwrap();
        }
    }

    async fn stop(self) -> Vec<u64> {
        self.task.abort();
        let _ = self.task.await;
        self.apply.applied()
    }
}

fn lines(dir: &Path) -> usize {
    std::fs::read_to_string(dir.join("config.jsonl")).unwrap_or_default().lines().count()
}

/// Streams `connections` into a gateway that refuses `refused`, until `last` is in force and one more connection
/// was made; gives what came into force, and the lines kept.
async fn check(connections: Vec<Vec<SignedEvent>>, refused: &[u64], last: u64) -> (Vec<u64>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let count = connections.len();
    let fake = streams(connections).await;
    let running = Running::start(&fake.url(), StateDir::open(dir.path()).unwrap(), refused);
    running.in_force(last).await;
    fake.until(|seen| seen.len() > count).await;
    (running.stop().await, lines(dir.path()))
}

#[tokio::test]
async fn a_snapshot_and_its_change_sets_come_into_force_and_are_kept() {
    assert_eq!(check(vec![vec![whole(3), change(3, 4), change(4, 6)]], &[], 6).await, (vec![3, 4, 6], 3));
}

#[tokio::test]
async fn a_refused_revision_is_not_kept_and_the_next_snapshot_heals() {
    let first = vec![whole(1), change(1, 2), change(2, 3)];
    assert_eq!(check(vec![first, vec![whole(3)]], &[2], 3).await, (vec![1, 3], 1));
}

#[tokio::test]
async fn a_gap_is_healed_by_a_whole_snapshot() {
    assert_eq!(check(vec![vec![whole(1), change(5, 6)], vec![whole(6)]], &[], 6).await, (vec![1, 6], 1));
}

#[tokio::test]
async fn whoever_comes_back_says_what_it_has_on_disk_and_goes_on_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let state = || StateDir::open(dir.path()).unwrap();
    // The second connection has nothing new, and breaks off as well.
    let fake = streams(vec![vec![whole(3), change(3, 4)], vec![change(4, 4)], vec![change(4, 6)]]).await;
    let running = Running::start(&fake.url(), state(), &[]);
    running.in_force(6).await;
    let seen = fake.until(|seen| seen.len() > 3).await;
    assert_eq!(seen.iter().map(|seen| seen.last_event.as_str()).collect::<Vec<_>>(), ["", "4", "4", "6"]);
    assert_eq!((running.stop().await, lines(dir.path())), (vec![3, 4, 6], 3));

    // What cannot be kept is asked for as a whole.
    std::fs::remove_file(dir.path().join("config.jsonl")).unwrap();
    std::fs::create_dir(dir.path().join("config.jsonl")).unwrap();
    let fake = streams(vec![vec![whole(7)]]).await;
    let running = Running::start(&fake.url(), state(), &[]);
    running.in_force(7).await;
    let seen = fake.until(|seen| seen.len() > 1).await;
    assert!(seen.iter().all(|seen| seen.last_event.is_empty()));
    running.stop().await;
}

#[tokio::test]
async fn a_forged_event_is_refused_and_the_stream_asked_anew() {
    let mut forged = whole(9);
    forged.payload = forged.payload.replace("\"revision\":9", "\"revision\":10");
    assert_eq!(check(vec![vec![forged], vec![whole(2)]], &[], 2).await, (vec![2], 1));
}

#[tokio::test]
async fn p_02_what_was_signed_for_another_gateway_is_refused() {
    for other in ["other", "loca", "locall"] {
        let event = signed(whole(9).payload, &other.parse().unwrap());
        assert_eq!(check(vec![vec![event], vec![whole(2)]], &[], 2).await, (vec![2], 1), "{other}");
    }
    let event = signed(change(1, 9).payload, &"other".parse().unwrap());
    assert_eq!(check(vec![vec![whole(1), event], vec![whole(2)]], &[], 2).await, (vec![1, 2], 1));
}

#[tokio::test]
async fn an_older_revision_is_refused_and_a_newer_one_still_taken() {
    assert_eq!(check(vec![vec![whole(5), whole(4)], vec![whole(6)]], &[], 6).await, (vec![5, 6], 1));
}

#[tokio::test]
async fn the_same_revision_again_compacts_the_file_and_changes_nothing() {
    assert_eq!(check(vec![vec![whole(1), change(1, 2)], vec![whole(2)]], &[], 2).await, (vec![1, 2], 1));
}

#[tokio::test]
async fn what_the_gateway_cannot_read_is_refused_by_its_revision() {
    let alien = sign(&ConfigEvent::Snapshot(Snapshot { revision: 7, ..Snapshot::empty() }));
    let payload = alien.payload.replace("\"objects\":[]", "\"objects\":[{\"kind\":\"quantum\"}]");
    let alien = signed(payload, &local());
    assert_eq!(check(vec![vec![whole(6), alien], vec![whole(8)]], &[], 8).await, (vec![6, 8], 1));
}

#[tokio::test]
async fn without_mcpd_the_last_known_good_is_served_and_a_lower_revision_refused_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let state = || StateDir::open(dir.path()).unwrap();
    let fake = streams(vec![vec![whole(3), change(3, 4)]]).await;
    let running = Running::start(&fake.url(), state(), &[]);
    running.in_force(4).await;
    fake.until(|seen| seen.len() > 1).await;
    running.stop().await;

    let nobody: Url = "http://127.0.0.1:1".parse().unwrap();
    let running = Running::start(&nobody, state(), &[]);
    running.progress.ready().await;
    assert_eq!(running.stop().await, [4]);

    let fake = streams(vec![vec![whole(2)]]).await;
    let running = Running::start(&fake.url(), state(), &[]);
    fake.until(|seen| seen.len() > 1).await;
    assert_eq!(running.progress.revision_in_force(), Some(4));
    assert_eq!(running.stop().await, [4]);
    assert_eq!(lines(dir.path()), 2);
}

#[tokio::test]
async fn replicas_that_are_gone_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let gone = FakeControlPlane::start(|_| Answer::HangUp).await;
    let ill = FakeControlPlane::start(|_| Answer::json(503, &serde_json::json!({}))).await;
    let well = streams(vec![vec![whole(3), change(3, 4)]]).await;
    let urls = [gone.url(), ill.url(), gone.url(), ill.url(), well.url()];
    let running = Running::start_at(&urls, StateDir::open(dir.path()).unwrap(), &[]);
    running.in_force(4).await;
    assert_eq!(running.stop().await, [3, 4]);
}

#[tokio::test]
async fn with_neither_mcpd_nor_last_known_good_nothing_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("config.jsonl");
    std::fs::write(path, "{\"payload\":\"{}\",\"signature\":\"\"}\n").unwrap();
    let fake = FakeControlPlane::start(|_| Answer::HangUp).await;
    let running = Running::start(&fake.url(), StateDir::open(dir.path()).unwrap(), &[]);
    fake.until(|seen| seen.len() > 1).await;
    assert_eq!(running.progress.state(), None);
    assert!(running.stop().await.is_empty());
}

/// Waits until `age` is as it is wanted.
async fn aged(freshness: &Freshness, wanted: impl Fn(Duration) -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(5));
    while !wanted(freshness.age()) {
        look.tick().await;
    }
}

/// A state directory in which revision 4 was confirmed two hours ago.
async fn two_hours_old(dir: &Path) {
    let mut good = LastKnownGood::new(dir.join("config.jsonl"));
    good.snapshot(&whole(3)).await.unwrap();
    good.change(&change(3, 4)).await.unwrap();
    let stamp = r#"{"revision": 4, "age_ms": 7200000, "boot": "", "boot_ms": 0, "at": "AT"}"#;
    let stamp = stamp.replace("AT", &control_plane_api::timestamp::Timestamp::now().to_string());
    std::fs::write(dir.join(CONFIRMED), stamp).unwrap();
}

#[tokio::test]
async fn p05_an_event_or_a_heartbeat_confirms_what_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    two_hours_old(dir.path()).await;
    let (sender, receiver) = mpsc::channel(64);
    let receiver = Mutex::new(Some(receiver));
    let fake = FakeControlPlane::start(move |_| match receiver.lock().unwrap().take() {
        Some(receiver) => Answer::Stream(receiver),
        None => Answer::HangUp,
    })
    .await;
    let running = Running::start(&fake.url(), StateDir::open(dir.path()).unwrap(), &[5]);
    fake.until(|seen| !seen.is_empty()).await;
    running.in_force(4).await;
    assert!(running.freshness.age() > Duration::from_secs(7_000), "a stream that says nothing confirms nothing");
    sender.send(text(&whole(4))).await.unwrap();
    aged(&running.freshness, |age| age < Duration::from_secs(60)).await;
    running.stop().await;
}

#[tokio::test]
async fn p05_a_control_plane_whose_configuration_was_refused_confirms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    two_hours_old(dir.path()).await;
    let fake = raw_streams(vec![vec![text(&whole(5)), String::new(), "{}".to_owned()]]).await;
    let running = Running::start(&fake.url(), StateDir::open(dir.path()).unwrap(), &[5]);
    fake.until(|seen| seen.len() > 1).await;
    assert!(matches!(running.progress.state(), Some(ConfigState::Rejected { revision: 5, in_force: 4, .. })));
    assert!(running.freshness.age() > Duration::from_secs(7_000));
    running.stop().await;
}

#[tokio::test]
async fn p05_who_is_cut_off_over_a_restart_knows_for_how_long() {
    let dir = tempfile::tempdir().unwrap();
    two_hours_old(dir.path()).await;
    let nobody: Url = "http://127.0.0.1:1".parse().unwrap();
    let running = Running::start(&nobody, StateDir::open(dir.path()).unwrap(), &[]);
    running.in_force(4).await;
    assert_eq!(running.freshness.age().as_secs() / 60, 120);
    running.stop().await;
}

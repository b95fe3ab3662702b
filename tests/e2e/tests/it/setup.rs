//! Setting a server up and giving it another credential, with one that can be refused: nothing half-made stays, and no
//! call fails.

use crate::{http::Endpoint, patience::until, world::World};
use serde_json::json;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

const OLD: &str = "xoxb-4711-first-old";
const NEW: &str = "xoxb-4711-second-new";
const WRONG: &str = "xoxb-4711-nobodys";

async fn set_up(world: &World, token: &str) -> crate::said::Said {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keyed_server.py");
    let (script, accepted) = (format!("--arg={}", script.display()), format!("--arg={}", world.text_path("accepted")));
    let line = ["setup", "slack", "--non-interactive", "--token", "-", "--command", "python3", &script, &accepted];
    world.mcpctl_with(&line, token).await
}

async fn rotate(world: &World, token: &str) -> crate::said::Said {
    world.mcpctl_with(&["setup", "slack", "--rotate", "--non-interactive", "--token", "-"], token).await
}

async fn names(world: &World, what: &str) -> String {
    world.mcpctl(&[what, "list", "--format", "name"]).await.done().stdout
}

/// Calls without a pause until it is told to stop: how many were answered as they should be, and what else was heard.
struct Caller {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Caller {
    fn start(endpoint: Endpoint) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stops, counts) = (stop.clone(), answered.clone());
        let task = tokio::spawn(async move {
            let mut failed = Vec::new();
            while !stops.load(Ordering::SeqCst) {
                let answer = endpoint.call("slack_get_users", json!({})).await;
                match answer.text.contains("holder") {
                    true => drop(counts.fetch_add(1, Ordering::SeqCst)),
                    false => failed.push(answer.text),
                }
            }
            failed
        });
        Self { stop, answered, task }
    }

    async fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        let failed = self.task.await.unwrap();
        (self.answered.load(Ordering::SeqCst), failed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_proven_before_it_is_used_and_no_call_fails() {
    let world = World::new(None);
    fs::write(world.path("accepted"), format!("{OLD}\n{NEW}\n")).unwrap();
    world.start().await;

    set_up(&world, WRONG).await.failed(6, &["does not accept the credential", "invalid_auth", "was taken back"]);
    assert_eq!((names(&world, "server").await, names(&world, "secrets").await), (String::new(), String::new()));
    let said = set_up(&world, OLD).await.done();
    assert!(said.stderr.contains("its credential is good: `slack_list_channels`"), "{}", said.stderr);
    let again = set_up(&world, OLD).await.done().stdout;
    assert!(again.contains("server/slack unchanged") && again.contains("token unchanged"), "{again}");

    world.mcpctl(&["project", "create", "rotating", "--profiles", "slack-read-only"]).await.done();
    let token = world.admin_token();
    let endpoint = world.endpoint("rotating", &token).await;
    let shows = async |holder: &str| {
        let text = endpoint.call("slack_get_users", json!({})).await.text;
        text.contains(&format!(r#"\"holder\":\"{holder}\""#)).then_some(())
    };
    until("the project is served", async || shows("old").await).await;

    let caller = Caller::start(world.endpoint("rotating", &token).await);
    rotate(&world, WRONG).await.failed(6, &["does not accept the credential", "nothing was changed"]);
    shows("old").await.expect("the old credential is in use");
    let slow = world.endpoint("rotating", &token).await;
    let in_flight = tokio::spawn(async move { slow.call("slack_get_thread", json!({"seconds": 8})).await.text });
    let said = rotate(&world, NEW).await.done();
    assert!(said.stdout.contains("secret/slack-slack-mcp-xoxb-token rotated"), "{}", said.stdout);
    shows("new").await.expect("the new credential is in use");
    let slow = in_flight.await.unwrap();
    assert!(slow.contains("holder"), "the call in flight came to its end: {slow}");
    let (answered, failed) = caller.end().await;
    assert!(failed.is_empty() && answered > 100, "{answered} answered, failed: {failed:#?}");

    assert_eq!(names(&world, "server").await, "slack\n");
    assert_eq!(names(&world, "secrets").await, "slack-slack-mcp-xoxb-token\n");
}

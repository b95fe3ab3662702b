//! What `docs/operations/disaster.md` tells an operator to do once the master key is lost, done: what is not encrypted comes
//! back from the database as it is, what is encrypted is set again, and gateways enrol again.

use crate::{
    patience::until,
    world::{JIRA_TOKEN, SLACK_TOKEN, World},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs;

/// The objects in a backup, as documents for `apply -f`, and the names of the secrets: what the document's `jq` does.
fn in_the_clear(backup: &str) -> (String, Vec<String>) {
    let (mut table, mut documents, mut secrets) = (String::new(), String::new(), Vec::new());
    for line in backup.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if let Some(name) = line["table"].as_str() {
            name.clone_into(&mut table);
        }
        let Some(row) = line.as_array() else { continue };
        let text = |at: usize| row[at].as_str().unwrap();
        if table == "objects" && ["server", "profile", "project", "issuer"].contains(&text(0)) {
            let spec: Value = serde_json::from_str(text(3)).unwrap();
            let document = json!({"kind": text(0), "name": text(1), "spec": spec});
            documents.extend(["---\n", &document.to_string(), "\n"]);
        }
        if table == "secrets" {
            secrets.push(text(0).to_owned());
        }
    }
    (documents, secrets)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_loss_of_the_master_key_only_what_was_encrypted_is_lost() {
    let world = World::new(None);
    world.start().await;
    world.set_up_slack_and_jira().await;
    world.mcpctl(&["project", "create", "steady", "--profiles", "slack-read-only"]).await.done();
    let old = world.admin_token();
    world.mcpctl(&["daemon", "stop"]).await.done();

    fs::remove_file(world.path("home/master-key")).unwrap();
    let start = ["daemon", "start", "--api-port", "0", "--gateway-port", "0"];
    world.mcpctl(&start).await.failed(1, &["master key", "hint:"]);
    // The key is not needed for that.
    world.mcpctl(&["db", "backup", &world.text_path("lost.backup")]).await.done();
    let (documents, secrets) = in_the_clear(&fs::read_to_string(world.path("lost.backup")).unwrap());
    fs::rename(world.path("home/mcpd.db"), world.path("lost.db")).unwrap();
    for left in ["mcpd.db-wal", "mcpd.db-shm"] {
        fs::remove_file(world.path("home").join(left)).ok();
    }

    let said = world.start().await;
    assert!(said.stderr.contains("enrols again"), "{}", said.stderr);
    for secret in &secrets {
        let value = if secret.contains("slack") { SLACK_TOKEN } else { JIRA_TOKEN };
        world.mcpctl_with(&["secrets", "set", secret, "-"], value).await.done();
    }
    let file = world.path("configuration.yaml");
    fs::write(&file, documents).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();

    let endpoint = world.endpoint("steady", &world.admin_token()).await;
    let answer = until("the gateway serves as before", async || {
        let answer = endpoint.call("slack_list_channels", json!({})).await;
        answer.text.contains("security").then_some(answer)
    })
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    let refused = endpoint.call("slack_post_message", json!({"channel": "general", "text": "x"})).await.error();
    assert!(refused.contains("permission denied"), "{refused}");
    assert_eq!(endpoint.with_token(&old).list().await.status, StatusCode::UNAUTHORIZED, "old tokens are lost, too");
}

//! Many clients with the same ids and the same progress tokens through shared servers that answer in any order: nobody gets
//! what is another's.

use crate::{
    aggregation::crowd,
    client::Client,
    world::{World, objects},
};
use futures::future::join_all;
use serde_json::{Value, json};

const CLIENTS: usize = 64;
const CALLS: usize = 10_000;

/// What of `messages` carries another marker than `mine`, and whether the answer came.
fn foreign(messages: &[Value], mine: &str) -> (usize, bool) {
    let progress = messages.iter().filter_map(|message| message["params"]["message"].as_str());
    let answers = messages.iter().filter_map(|message| message["result"]["content"][0]["text"].as_str());
    let foreign = progress.chain(answers.clone()).filter(|marker| *marker != mine).count();
    (foreign, answers.count() == 1)
}

#[tokio::test]
async fn ten_thousand_interleaved_calls_reach_nobody_else() {
    let world = World::start(&objects(&[crowd("new", "modern"), crowd("old", "")]), &[]).await;
    let rounds = u32::try_from(CALLS.div_ceil(CLIENTS)).unwrap();
    let clients = join_all((0..CLIENTS).map(async |number| {
        let legacy = number % 2 == 0;
        let session = if legacy { Some(Client::open(&world, "ada", "2025-11-25", json!({})).await) } else { None };
        let (mut foreign_messages, mut answers) = (0, 0);
        for id in 0..rounds {
            let marker = format!("{number}-{id}");
            let tool = if (number / 2) % 2 == 0 { "new_mark" } else { "old_mark" };
            // Every client uses the same ids and tokens.
            let messages = match &session {
                Some(client) => {
                    let params =
                        json!({"name": tool, "arguments": {"marker": marker}, "_meta": {"progressToken": "same"}});
                    client.ask(id + 1, "tools/call", params).await.messages
                }
                None => {
                    let params = json!({"name": tool, "arguments": {"marker": marker}});
                    world.modern("weekly", "ada", "tools/call", params).await.messages
                }
            };
            let (other, answered) = foreign(&messages, &marker);
            foreign_messages += other;
            answers += usize::from(answered);
        }
        (foreign_messages, answers)
    }))
    .await;
    let others: usize = clients.iter().map(|(other, _)| other).sum();
    let answers: usize = clients.iter().map(|(_, answers)| answers).sum();
    assert_eq!((others, answers), (0, CLIENTS * usize::try_from(rounds).unwrap()));
    assert!(answers >= CALLS);
}

//! Many clients of many users with the same ids and the same progress tokens, through shared servers of every kind that
//! answer in any order: everybody gets their own, all of it, and nothing of anybody else's.

use crate::{
    aggregation::{crowd, shared},
    client::Client,
    crowd::Crowd,
    world::{World, read, user},
};
use futures::future::join_all;
use serde_json::{Value, json};

const USERS: [&str; 8] = ["ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal"];
const CLIENTS: usize = 64;
const CALLS: usize = 10_000;
/// A legacy and a modern server over stdio, and one of each over Streamable HTTP.
const SERVERS: [&str; 4] = ["old", "new", "oldweb", "newweb"];
/// Calls that a server has in its hands before it says anything.
const TOGETHER: usize = CLIENTS / SERVERS.len();
/// The progress token of every call.
const TOKEN: &str = "same";

/// What became of some calls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Answers to the client that asked.
    answered: usize,
    /// Messages that are another's, or nobody's.
    foreign: usize,
    /// Calls without an answer of their own.
    lost: usize,
    /// Calls without progress of their own before the answer.
    silent: usize,
}

impl Tally {
    /// Judges what came for the call `id` with `marker`.
    fn of(messages: &[Value], id: u32, marker: &str) -> Self {
        let is_progress = |message: &Value| {
            let params = &message["params"];
            message["method"] == "notifications/progress"
                && params["progressToken"] == TOKEN
                && params["message"] == marker
        };
        let is_answer = |message: &Value| message["id"] == id && message["result"]["content"][0]["text"] == marker;
        let is_failure = |message: &Value| message["id"] == id && message.get("error").is_some();
        let answers = messages.iter().filter(|message| is_answer(message)).count();
        let is_mine = |message: &Value| is_answer(message) || is_progress(message) || is_failure(message);
        let others = messages.iter().filter(|message| !is_mine(message)).count();
        Self {
            answered: answers.min(1),
            foreign: others + answers.saturating_sub(1),
            lost: usize::from(answers == 0),
            silent: usize::from(!messages.iter().take_while(|message| !is_answer(message)).any(is_progress)),
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            foreign: self.foreign + other.foreign,
            lost: self.lost + other.lost,
            silent: self.silent + other.silent,
        }
    }
}

enum Caller<'a> {
    Legacy(Client<'a>),
    Modern(&'a World, &'static str),
}

impl<'a> Caller<'a> {
    /// Client `number`: every user has clients of both eras.
    async fn open(world: &'a World, number: usize) -> Self {
        let who = USERS[number % USERS.len()];
        match (number / USERS.len()).is_multiple_of(2) {
            true => Self::Legacy(Client::open(world, who, "2025-11-25", json!({})).await),
            false => Self::Modern(world, who),
        }
    }

    async fn call(&self, id: u32, server: &str, marker: &str) -> Tally {
        let params = json!({"name": format!("{server}_mark"), "arguments": {"marker": marker, "with": TOGETHER},
            "_meta": {"progressToken": TOKEN}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        let answer = match self {
            Self::Legacy(client) => client.send(message).await,
            Self::Modern(world, who) => read(world.modern_message("weekly", who, &message).send().await.unwrap()).await,
        };
        Tally::of(&answer.messages, id, marker)
    }
}

async fn world() -> World {
    let (old, new) = (Crowd::start(true).await, Crowd::start(false).await);
    let web = |name: &str, url: &str| {
        json!({"kind": "server", "name": name, "spec": {
            "transport": {"type": "http", "url": url}, "tools": [{"tool": "*", "class": "read"}]}})
    };
    let servers = [crowd("old", ""), crowd("new", "modern"), web("oldweb", &old.url), web("newweb", &new.url)];
    let mut objects = shared(&servers);
    objects.extend(USERS.iter().skip(2).map(|name| user(name, &["developer"], None)));
    for project in objects.iter_mut().filter(|object| object["kind"] == "project") {
        project["spec"]["members"] = json!(USERS);
    }
    World::start(&objects, &[]).await
}

#[tokio::test]
async fn ten_thousand_interleaved_calls_reach_nobody_else() {
    let world = world().await;
    let clients = join_all((0..CLIENTS).map(|number| Caller::open(&world, number))).await;
    let mut all = Tally::default();
    for round in 0..CALLS.div_ceil(CLIENTS) {
        // All clients at once, each server with clients of every user and either era; everybody's ids are those of the round.
        let calls = clients.iter().enumerate().map(async |(number, client)| {
            let server = SERVERS[(number / (2 * USERS.len()) + round) % SERVERS.len()];
            client.call(u32::try_from(round + 1).unwrap(), server, &format!("{number}-{round}")).await
        });
        let round = join_all(calls).await.iter().fold(Tally::default(), Tally::and);
        assert_eq!(round, Tally { answered: CLIENTS, ..Tally::default() });
        all = all.and(&round);
    }
    assert!(all.answered >= CALLS, "{all:?}");
}

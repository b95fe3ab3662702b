//! A client whose long result is judged by a model behind an OpenAI-compatible server, as the operator set it up.

use crate::upstream::next_request;
use crate::world::{World, objects, server, with_relevance};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A chat server that finds every record about trains relevant, or fails.
struct ChatServer {
    url: String,
    status: Arc<Mutex<u16>>,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl ChatServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (status, seen) = (Arc::new(Mutex::new(200)), Arc::<Mutex<Vec<Value>>>::default());
        let (answer, log) = (status.clone(), seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { url, status, seen }
    }
}

async fn serve(stream: TcpStream, status: Arc<Mutex<u16>>, seen: Arc<Mutex<Vec<Value>>>) {
    let mut stream = BufReader::new(stream);
    while let Some((_, body)) = next_request(&mut stream).await {
        let request: Value = serde_json::from_slice(&body).unwrap();
        let question = request["messages"][1]["content"].as_str().unwrap();
        let judge = |line: &str| {
            let (number, text) = line.split_once(": ")?;
            Some((number.to_owned(), json!(u8::from(text.contains("train")))))
        };
        let verdicts: serde_json::Map<String, Value> =
            question.lines().skip(3).take_while(|line| !line.is_empty()).filter_map(judge).collect();
        let message = json!({"role": "assistant", "content": Value::from(verdicts).to_string()});
        let reply = json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).to_string();
        let status = *status.lock();
        seen.lock().push(request);
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n");
        let length = format!("content-length: {}\r\n\r\n", reply.len());
        if stream.get_mut().write_all(format!("{head}{length}{reply}").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A result of 60 records: 20 with a word of the intent, one of which is about trains, and 40 without.
fn messages() -> Vec<Value> {
    let text = |i: usize| match i {
        7 => format!("delays of the train to Bonn, number {i}"),
        i if i.is_multiple_of(3) => format!("delays in the build pipeline, number {i}"),
        i => format!("lunch is served in room {i}, come down and bring a friend or two with you, says the cook"),
    };
    (0..60).map(|i| json!({"text": text(i), "from": "somebody with a long name and a title", "id": i})).collect()
}

async fn filtered(world: &World) -> (Vec<u64>, String, Value) {
    let arguments = json!({"messages": messages(), "_context": "delays"});
    let answer = world.call("ada", "new_echo", arguments).await;
    let kept = answer.told()["arguments"]["messages"].as_array().unwrap().clone();
    let ids = kept.iter().map(|message| message["id"].as_u64().unwrap()).collect();
    let result = &answer.last()["result"];
    let note = result["content"][1]["text"].as_str().unwrap().to_owned();
    let report = result["_meta"].as_object().unwrap().values().find(|value| value.get("tier").is_some());
    (ids, note, report.unwrap().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_judges_the_doubtful_records_until_it_fails() {
    let chat = ChatServer::start().await;
    let flags = [
        "--relevance-tier=openai",
        &format!("--relevance-tier-url={}", chat.url),
        "--relevance-tier-model=qwen2.5",
        "--relevance-tier-deadline-ms=20000",
        "--relevance-tier-records-max=60",
    ];
    let objects = with_relevance(objects(&[server("new", "modern")]), &json!({"enabled": true, "deadline_ms": 20000}));
    let world = World::start(&objects, &flags).await;
    let (kept, note, report) = filtered(&world).await;
    assert!(kept.contains(&7), "{kept:?}");
    let builds = |kept: &[u64]| kept.iter().filter(|id| *id % 3 == 0).count();
    let left = builds(&kept);
    assert!(!note.contains("doubtful"), "{note}");
    assert!(report["tier"].as_str().unwrap().ends_with("+openai"), "{report}");
    assert!(chat.seen.lock().iter().all(|request| request["model"] == "qwen2.5"));
    let audit = world.audit();
    let outcome = audit.iter().find_map(|event| event.relevance.as_ref()).expect("an outcome is written down");
    assert_eq!(outcome.tier, report["tier"].as_str().unwrap());

    *chat.status.lock() = 500;
    let (kept, note, report) = filtered(&world).await;
    assert!(left < builds(&kept), "the server drops what shares the word and is about something else: {kept:?}");
    assert!(note.contains("0 were judged by openai: its server failed (500)."), "{note}");
    assert!(!report["tier"].as_str().unwrap().contains("openai"), "{report}");
}

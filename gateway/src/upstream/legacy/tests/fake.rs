//! A session whose server is the test: it sees what is sent and told, and says what comes back.

use crate::upstream::{
    Caller, Reply, UpstreamError,
    legacy::{
        Memory, Rim, Session, Welcome,
        session::{Heard, Hearing},
    },
    testing,
};
use async_trait::async_trait;
use control_plane_api::limits::Limits;
use futures::{StreamExt as _, stream};
use protocol::{Id, Members, Message, Notification, Request, Response, RpcError};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, broadcast, mpsc},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Fake {
    welcome: Welcome,
    memory: Memory,
    sent: mpsc::Sender<Call>,
    calls: Mutex<mpsc::Receiver<Call>>,
    told: mpsc::Sender<Value>,
    tellings: Mutex<mpsc::Receiver<Value>>,
    pub(super) notices: broadcast::Sender<Notification>,
    pub(super) end: CancellationToken,
}

/// A request as the server got it, and the way back.
pub(super) struct Call {
    pub(super) request: Request,
    back: mpsc::Sender<Result<Heard, UpstreamError>>,
}

impl Fake {
    /// A server of 2025-11-25 with these `capabilities`.
    pub(super) fn new(capabilities: &Value) -> Arc<Self> {
        let result = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities});
        let welcome = Welcome::read(&Response::ok(Id::Number(0), raw(&result))).unwrap();
        let ((sent, calls), (told, tellings)) = (mpsc::channel(64), mpsc::channel(64));
        Arc::new(Self {
            welcome,
            memory: Memory::default(),
            sent,
            calls: Mutex::new(calls),
            told,
            tellings: Mutex::new(tellings),
            notices: broadcast::Sender::new(4),
            end: CancellationToken::new(),
        })
    }

    /// The next request the server gets.
    pub(super) async fn call(&self) -> Call {
        timeout(PATIENCE, self.calls.lock().await.recv()).await.unwrap().unwrap()
    }

    /// The next answer or notification the server gets.
    pub(super) async fn told(&self) -> Value {
        timeout(PATIENCE, self.tellings.lock().await.recv()).await.unwrap().unwrap()
    }

    /// Whether the server got nothing it was not asked about.
    pub(super) async fn is_quiet(&self) -> bool {
        self.calls.lock().await.is_empty() && self.tellings.lock().await.is_empty()
    }

    /// Answers the next request, which must be one of `method`, with an empty result; its parameters.
    pub(super) async fn grant(&self, method: &str) -> Value {
        let call = self.call().await;
        assert_eq!(call.request.method, method);
        call.answer(&json!({})).await;
        call.params()
    }

    pub(super) fn notice(&self, method: &str, params: &Value) {
        self.notices.send(Notification { method: method.to_owned(), params: members(params) }).unwrap();
    }
}

#[async_trait]
impl Session for Fake {
    fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn send(&self, request: Request) -> Result<Hearing, UpstreamError> {
        let (back, said) = mpsc::channel(256);
        self.sent.send(Call { request, back }).await.unwrap();
        Ok(Box::pin(stream::unfold(said, |mut said| async { said.recv().await.map(|item| (item, said)) })))
    }

    async fn tell(&self, message: Message) {
        self.told.send(testing::value(&message)).await.unwrap();
    }

    fn notices(&self) -> broadcast::Receiver<Notification> {
        self.notices.subscribe()
    }

    async fn ended(&self) {
        self.end.cancelled().await;
    }
}

impl Call {
    pub(super) fn params(&self) -> Value {
        serde_json::from_str(self.request.params.to_raw().get()).unwrap()
    }

    pub(super) async fn ask(&self, id: i64, method: &str, params: &Value) {
        let question = Request { id: Id::Number(id), method: method.to_owned(), params: members(params) };
        self.say(Heard::Question(question)).await;
    }

    /// Asks for a form to be filled in.
    pub(super) async fn ask_form(&self, id: i64, message: &str) {
        self.ask(id, "elicitation/create", &json!({"message": message, "requestedSchema": {"required": ["a"]}})).await;
    }

    pub(super) async fn note(&self, method: &str, params: &Value) {
        self.say(Heard::Note(Notification { method: method.to_owned(), params: members(params) })).await;
    }

    pub(super) async fn answer(&self, result: &Value) {
        self.say(Heard::Response(Response::ok(self.request.id.clone(), raw(result)))).await;
    }

    pub(super) async fn refuse(&self, code: i64) {
        self.fail(code, &json!(null)).await;
    }

    pub(super) async fn fail(&self, code: i64, data: &Value) {
        let error = RpcError::new(code, "no").with_data(data);
        self.say(Heard::Response(Response::error(Some(self.request.id.clone()), error))).await;
    }

    /// Waits until the request is taken back.
    pub(super) async fn taken_back(&self) {
        timeout(PATIENCE, self.back.closed()).await.unwrap();
    }

    async fn say(&self, heard: Heard) {
        self.back.send(Ok(heard)).await.unwrap();
    }
}

pub(super) fn rim(change: impl FnOnce(&mut Limits)) -> Arc<Rim> {
    let mut limits = Limits::default();
    change(&mut limits);
    Rim::new("x".parse().unwrap(), &limits)
}

pub(super) fn caller(name: &str) -> Caller {
    Caller { principal: Some(name.parse().unwrap()), affinity: None }
}

/// A modern request of a client that can be asked everything.
pub(super) fn request(id: &str, method: &str, params: Value) -> Request {
    let mut params = params;
    let all = json!({"roots": {}, "sampling": {}, "elicitation": {"form": {}, "url": {}}});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = all;
    testing::request(id, method, &params)
}

/// The call of a tool, or its retry with `more`.
pub(super) fn tool(id: &str, more: Value) -> Request {
    let mut params = more;
    params["name"] = json!("t");
    params["arguments"] = json!({"n": 1, "m": {"b": 1, "a": 2}});
    request(id, "tools/call", params)
}

/// The next message of `reply`.
pub(super) async fn next(reply: &mut Reply) -> Value {
    testing::said(&timeout(PATIENCE, reply.next()).await.unwrap().unwrap().unwrap())
}

/// The one message left in `reply`.
pub(super) async fn only(mut reply: Reply) -> Value {
    let message = next(&mut reply).await;
    assert!(timeout(PATIENCE, reply.next()).await.unwrap().is_none());
    message
}

fn members(value: &Value) -> Members {
    serde_json::from_str(&value.to_string()).unwrap()
}

fn raw(value: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

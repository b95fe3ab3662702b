//! The engine's HTTP API, as far as mcpd uses it.

use super::containers::{Container, Seen, State};
use crate::{
    instances::{DIGEST, mcp::McpServer},
    world::World,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State as Shared},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    net::UnixListener,
    sync::{broadcast, watch},
    task::JoinHandle,
};

/// What the engine does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Whatever is asked: 500.
    Broken,
    /// Nothing is ever answered.
    Silent,
    /// Making a container takes as long as it takes others to ask for it too.
    SlowCreate,
    /// The registry has no such image.
    NoImage,
    /// The registry cannot be reached; told in the middle of the progress.
    PullFails,
    /// An image does not arrive while this lasts.
    PullHangs,
    /// What arrives has another digest.
    WrongDigest,
    /// What is started ends at once, with last words.
    Crashes,
    /// The same, for want of memory.
    OutOfMemory,
    /// The answer to the making of a container is lost.
    AnswerLost,
}

pub(crate) struct Engine {
    inner: Arc<Inner>,
    socket: PathBuf,
    serving: JoinHandle<()>,
}

struct Inner {
    state: Mutex<State>,
    fault: watch::Sender<Fault>,
    events: broadcast::Sender<String>,
}

impl Engine {
    pub(crate) async fn start(world: &World) -> Self {
        let socket = world.path_beside("docker.sock");
        let inner = Arc::new(Inner {
            state: Mutex::default(),
            fault: watch::Sender::new(Fault::None),
            events: broadcast::channel(64).0,
        });
        let serving = serve(&socket, inner.clone());
        Self { inner, socket, serving }
    }

    /// Ends the engine as `systemctl stop docker` does; containers go on.
    pub(crate) fn down(&mut self) {
        self.serving.abort();
        std::fs::remove_file(&self.socket).unwrap();
    }

    pub(crate) fn up(&mut self) {
        self.serving = serve(&self.socket, self.inner.clone());
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.inner.fault.send_replace(fault);
    }

    pub(crate) fn heal(&self) {
        self.fault(Fault::None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap()
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.state().containers.values().map(Container::seen).collect()
    }

    pub(crate) fn only(&self) -> Seen {
        let mut all = self.all();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Seen> {
        self.state().containers.get(name).map(Container::seen)
    }

    pub(crate) fn network(&self, name: &str) -> Option<Value> {
        self.state().networks.get(name).cloned()
    }

    pub(crate) fn networks(&self) -> Vec<String> {
        self.state().networks.keys().cloned().collect()
    }

    pub(crate) fn created(&self) -> usize {
        self.state().created
    }

    pub(crate) fn peak(&self) -> usize {
        self.state().peak
    }

    pub(crate) fn pulling(&self) -> bool {
        self.state().pulling
    }

    /// No image is there any more.
    pub(crate) fn forget_images(&self) {
        self.state().images.clear();
    }

    /// A container that somebody else made.
    pub(crate) fn put(&self, name: &str, labels: &Value) {
        let mut state = self.state();
        let id = 1_000 + state.containers.len();
        state.containers.insert(name.to_owned(), Container::new(id, json!({"Labels": labels})));
    }

    /// The one container ends, and the engine tells of it.
    pub(crate) fn end(&self, exit: i64, words: &[&str]) {
        let mut state = self.state();
        let (_, container) = state.containers.iter_mut().next().unwrap();
        container.server = None;
        container.exit = Some(exit);
        container.log.extend(words.iter().map(|word| (*word).to_owned()));
        let attributes = container.body["Labels"].clone();
        let event =
            json!({"Type": "container", "Action": "die", "Actor": {"ID": container.id, "Attributes": attributes}});
        self.inner.events.send(format!("{event}\n")).ok();
    }

    /// The one container says something.
    pub(crate) fn says(&self, line: &str) {
        self.state().containers.values_mut().next().unwrap().log.push(line.to_owned());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn serve(socket: &PathBuf, inner: Arc<Inner>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    let router = Router::new().fallback(answer).with_state(inner);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

async fn answer(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let fault = *inner.fault.borrow();
    match fault {
        Fault::Broken => return said(StatusCode::INTERNAL_SERVER_ERROR, "no space left on device"),
        Fault::Silent => return std::future::pending().await,
        _ => {}
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let mut path: Vec<&str> = uri.path().split('/').skip(1).collect();
    path.retain(|part| !part.starts_with("v1."));
    match (&method, path.as_slice()) {
        (&Method::GET, ["events"]) => events(&inner),
        (&Method::POST, ["images", "create"]) => pull(&inner, &query["fromImage"]).await,
        (&Method::GET, ["images", image @ .., "json"]) => image_json(&inner, &image.join("/")),
        (_, ["networks", rest @ ..]) => networks(&inner, &method, rest, &body),
        (&Method::POST, ["containers", "create"]) => create(&inner, &query["name"], &body).await,
        (&Method::POST, ["containers", name, "start"]) => start(&inner, name).await,
        (_, ["containers", rest @ ..]) => containers(&inner, &method, rest, &query),
        _ => said(StatusCode::NOT_FOUND, "page not found"),
    }
}

fn said(status: StatusCode, message: &str) -> Response {
    (status, json!({"message": message}).to_string()).into_response()
}

fn json_body(value: &Value) -> Response {
    ([("content-type", "application/json")], value.to_string()).into_response()
}

fn no_container(name: &str) -> Response {
    said(StatusCode::NOT_FOUND, &format!("No such container: {name}"))
}

fn events(inner: &Inner) -> Response {
    let heard = futures::stream::unfold(inner.events.subscribe(), |mut events| async move {
        let event = events.recv().await.ok()?;
        Some((Ok::<_, std::convert::Infallible>(event), events))
    });
    Body::from_stream(heard).into_response()
}

async fn pull(inner: &Inner, image: &str) -> Response {
    let mut fault = inner.fault.subscribe();
    match *fault.borrow() {
        Fault::NoImage => return said(StatusCode::NOT_FOUND, "manifest unknown"),
        Fault::PullFails => {
            let error = json!({"errorDetail": {"message": "lookup ghcr.io: no such host"}, "error": "x"});
            return format!("{}\n{error}\n", json!({"status": "Pulling"})).into_response();
        }
        _ => {}
    }
    inner.state.lock().unwrap().pulling = true;
    let arrived = fault.wait_for(|fault| *fault != Fault::PullHangs).await.is_ok();
    let mut state = inner.state.lock().unwrap();
    state.pulling = false;
    if arrived {
        state.images.insert(image.to_owned());
    }
    format!("{}\n", json!({"status": "Pull complete"})).into_response()
}

fn image_json(inner: &Inner, image: &str) -> Response {
    let image = image.replace("%40", "@").replace("%3A", ":");
    if !inner.state.lock().unwrap().images.contains(&image) {
        return said(StatusCode::NOT_FOUND, &format!("No such image: {image}"));
    }
    let other = DIGEST.replace("ab", "cd");
    let wrong = *inner.fault.borrow() == Fault::WrongDigest;
    let name = image.split('@').next().unwrap_or_default();
    let digest = if wrong { other.as_str() } else { DIGEST };
    json_body(&json!({"Id": "sha256:00", "RepoDigests": [format!("{name}@{digest}")]}))
}

fn networks(inner: &Inner, method: &Method, rest: &[&str], body: &Bytes) -> Response {
    let mut state = inner.state.lock().unwrap();
    match (method, rest) {
        (&Method::POST, ["create"]) => {
            let body: Value = serde_json::from_slice(body).unwrap();
            let name = body["Name"].as_str().unwrap().to_owned();
            if state.networks.contains_key(&name) {
                return said(StatusCode::CONFLICT, &format!("network with name {name} already exists"));
            }
            state.networks.insert(name, body);
            (StatusCode::CREATED, json!({"Id": "n1", "Warning": ""}).to_string()).into_response()
        }
        (&Method::GET, []) => json_body(&state.networks.values().cloned().collect()),
        (&Method::GET, [name]) => match state.networks.get(*name) {
            Some(network) => json_body(network),
            None => said(StatusCode::NOT_FOUND, "network not found"),
        },
        (&Method::DELETE, [name]) => match state.networks.remove(*name) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => said(StatusCode::NOT_FOUND, "network not found"),
        },
        _ => said(StatusCode::NOT_FOUND, "page not found"),
    }
}

async fn create(inner: &Inner, name: &str, body: &Bytes) -> Response {
    let fault = *inner.fault.borrow();
    if fault == Fault::SlowCreate {
        // Whoever else is at it has time to come here.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }
    let body: Value = serde_json::from_slice(body).unwrap();
    let mut state = inner.state.lock().unwrap();
    if !state.images.contains(body["Image"].as_str().unwrap()) {
        return said(StatusCode::NOT_FOUND, "No such image");
    }
    if state.containers.contains_key(name) {
        return said(StatusCode::CONFLICT, &format!("The container name \"/{name}\" is already in use"));
    }
    state.created += 1;
    let container = Container::new(state.created, body);
    let id = container.id.clone();
    state.containers.insert(name.to_owned(), container);
    if fault == Fault::AnswerLost {
        drop(state);
        inner.fault.send_replace(Fault::None);
        return said(StatusCode::INTERNAL_SERVER_ERROR, "context deadline exceeded");
    }
    (StatusCode::CREATED, json!({"Id": id, "Warnings": []}).to_string()).into_response()
}

async fn start(inner: &Inner, name: &str) -> Response {
    let fault = *inner.fault.borrow();
    let server = McpServer::start().await;
    let mut state = inner.state.lock().unwrap();
    let Some(container) = state.containers.get_mut(name) else { return no_container(name) };
    if container.server.is_some() {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    if matches!(fault, Fault::Crashes | Fault::OutOfMemory) {
        container.exit = Some(3);
        container.oom = fault == Fault::OutOfMemory;
        container.log = (0..9).map(|n| format!("last word {n}")).collect();
        return StatusCode::NO_CONTENT.into_response();
    }
    container.server = Some(server);
    let running = state.containers.values().filter(|container| container.server.is_some()).count();
    state.peak = state.peak.max(running);
    StatusCode::NO_CONTENT.into_response()
}

fn containers(inner: &Inner, method: &Method, rest: &[&str], query: &HashMap<String, String>) -> Response {
    let mut state = inner.state.lock().unwrap();
    match (method, rest) {
        (&Method::GET, ["json"]) => {
            let all = state.containers.iter();
            let row =
                |(name, c): (&String, &Container)| json!({"Id": c.id, "Names": [name], "Labels": c.body["Labels"]});
            json_body(&all.map(row).collect())
        }
        (&Method::GET, [name, "json"]) => match state.containers.get(*name) {
            Some(container) => json_body(&container.inspection(name)),
            None => no_container(name),
        },
        (&Method::GET, [name, "logs"]) => match state.containers.get(*name) {
            Some(container) => {
                let log = container.framed_log(query["tail"].parse().unwrap());
                ([("content-type", "application/vnd.docker.raw-stream")], log).into_response()
            }
            None => no_container(name),
        },
        (&Method::POST, [name, "stop"]) => match state.containers.get_mut(*name) {
            Some(container) => match container.server.take() {
                Some(_) => {
                    container.exit = Some(0);
                    StatusCode::NO_CONTENT.into_response()
                }
                None => StatusCode::NOT_MODIFIED.into_response(),
            },
            None => no_container(name),
        },
        (&Method::DELETE, [name]) => match state.containers.remove(*name) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => no_container(name),
        },
        _ => said(StatusCode::NOT_FOUND, "page not found"),
    }
}

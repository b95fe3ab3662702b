//! A cluster's HTTP API, as far as mcpd uses it, with a controller that makes a pod of every deployment.

use crate::world::World;
use axum::{
    Router,
    body::Body,
    extract::{Request, State as Shared},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{net::TcpListener, sync::broadcast, task::JoinHandle};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Whatever is asked: 500.
    Broken,
    /// There is no such namespace.
    NoNamespace,
    /// The namespace has no room for a pod.
    Quota,
    /// The registry has no such image.
    NoImage,
    /// What is started ends at once, again and again.
    Crashes,
    /// The pod is evicted.
    Evicted,
    /// Every watch is told that it comes too late.
    Gone,
}

#[derive(Default)]
struct State {
    /// By path.
    objects: BTreeMap<String, Value>,
    pods: BTreeMap<String, Value>,
    made: usize,
    watches: usize,
    managers: Vec<String>,
}

struct Inner {
    state: Mutex<State>,
    fault: Mutex<Fault>,
    events: broadcast::Sender<Value>,
}

pub(crate) struct Cluster {
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

impl Cluster {
    /// A cluster, and the file that names it.
    pub(crate) async fn start(world: &World) -> Self {
        let inner = Arc::new(Inner {
            state: Mutex::default(),
            fault: Mutex::new(Fault::None),
            events: broadcast::channel(64).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "cluster-token"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(world.path_beside("kubeconfig"), kubeconfig.to_string()).unwrap();
        let router = Router::new().fallback(answer).with_state(inner.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inner, serving }
    }

    pub(crate) fn fault(&self, fault: Fault) {
        *self.inner.fault.lock().unwrap() = fault;
        let mut state = self.state();
        let names: Vec<String> = state.pods.keys().cloned().collect();
        for name in names {
            let pod = state.pods.get_mut(&name).unwrap();
            pod["status"] = status(fault);
            self.inner.events.send(json!({"type": "MODIFIED", "object": pod.clone()})).ok();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap()
    }

    /// The one object of that kind, such as `deployments`.
    pub(crate) fn only(&self, kind: &str) -> Value {
        let all = self.all(kind);
        assert_eq!(all.len(), 1, "{kind}: {all:?}");
        all[0].1.clone()
    }

    pub(crate) fn all(&self, kind: &str) -> Vec<(String, Value)> {
        let part = format!("/{kind}/");
        let state = self.state();
        state.objects.iter().filter(|(path, _)| path.contains(&part)).map(|(p, o)| (p.clone(), o.clone())).collect()
    }

    pub(crate) fn put(&self, path: &str, object: Value) {
        self.state().objects.insert(path.to_owned(), object);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().objects.is_empty()
    }

    /// Pods made so far.
    pub(crate) fn made(&self) -> usize {
        self.state().made
    }

    pub(crate) fn watches(&self) -> usize {
        self.state().watches
    }

    /// Who applied what there is.
    pub(crate) fn managers(&self) -> Vec<String> {
        let mut managers = self.state().managers.clone();
        managers.dedup();
        managers
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn failed(status: StatusCode, message: &str) -> Response {
    let reason = if status == StatusCode::NOT_FOUND { "NotFound" } else { "InternalError" };
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": status.as_u16()});
    (status, body.to_string()).into_response()
}

fn found(value: &Value) -> Response {
    ([("content-type", "application/json")], value.to_string()).into_response()
}

/// The labels a selector asks for.
fn selects(query: &HashMap<String, String>, object: &Value) -> bool {
    let selector = query.get("labelSelector").map(String::as_str).unwrap_or_default();
    let labels = &object["metadata"]["labels"];
    selector.split(',').filter_map(|part| part.split_once('=')).all(|(name, value)| labels[name] == value)
}

async fn answer(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let fault = *inner.fault.lock().unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer cluster-token");
    if fault == Fault::Broken {
        return failed(StatusCode::INTERNAL_SERVER_ERROR, "etcdserver: request timed out");
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let media = request.headers().get("content-type").and_then(|media| media.to_str().ok()).unwrap_or("").to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let path = uri.path().to_owned();
    if path.ends_with("/pods") {
        return pods(&inner, &path, &query);
    }
    if let Some(pod) = path.strip_suffix("/log") {
        let name = pod.rsplit('/').next().unwrap_or_default();
        let known = inner.state.lock().unwrap().pods.contains_key(name);
        let previous = query.get("previous").is_some_and(|previous| previous == "true");
        let text = if previous { "2026-07-28T09:00:00Z last words\n" } else { "2026-07-28T09:00:00Z hello\n" };
        return if known { text.into_response() } else { failed(StatusCode::NOT_FOUND, "no such pod") };
    }
    if path == "/apis/apps/v1/deployments" {
        let state = inner.state.lock().unwrap();
        let items: Vec<&Value> =
            state.objects.values().filter(|o| o["kind"] == "Deployment" && selects(&query, o)).collect();
        return found(&json!({"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {}, "items": items}));
    }
    if method == Method::PATCH {
        assert_eq!(media, "application/apply-patch+yaml");
        assert_eq!(query["force"], "true");
        return apply(&inner, fault, (path, &query["fieldManager"]), serde_json::from_slice(&body).unwrap());
    }
    let mut state = inner.state.lock().unwrap();
    let Some(object) = state.objects.get(&path).cloned() else { return failed(StatusCode::NOT_FOUND, "not found") };
    if method == Method::DELETE {
        state.objects.remove(&path);
        if object["kind"] == "Deployment" {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            state.pods.retain(|pod, _| !pod.starts_with(&name));
        }
        return found(&json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 200}));
    }
    found(&object)
}

fn apply(inner: &Inner, fault: Fault, (path, manager): (String, &str), mut object: Value) -> Response {
    if fault == Fault::NoNamespace {
        return failed(StatusCode::NOT_FOUND, "namespaces \"mcpctl\" not found");
    }
    let mut state = inner.state.lock().unwrap();
    state.managers.push(manager.to_owned());
    match object["kind"].as_str() {
        Some("Service") => object["spec"]["clusterIP"] = json!("127.0.0.1"),
        Some("Deployment") if fault == Fault::Quota => {
            let condition = json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": "exceeded quota: pods=0"});
            object["status"] = json!({"conditions": [condition]});
        }
        Some("Deployment") => pod(inner, &mut state, fault, &object),
        _ => {}
    }
    state.objects.insert(path, object.clone());
    found(&object)
}

/// What the controller does: another template is another pod, and the old one goes first.
fn pod(inner: &Inner, state: &mut State, fault: Fault, deployment: &Value) {
    let template = &deployment["spec"]["template"];
    let name = deployment["metadata"]["name"].as_str().unwrap();
    let labels = &template["metadata"]["labels"];
    let same = |pod: &Value| pod["metadata"]["labels"] == *labels;
    if state.pods.iter().any(|(pod, object)| pod.starts_with(name) && same(object)) {
        return;
    }
    state.pods.retain(|pod, _| !pod.starts_with(name));
    state.made += 1;
    let pod = format!("{name}-{}", state.made);
    let metadata = json!({"name": pod, "namespace": deployment["metadata"]["namespace"], "labels": labels,
        "creationTimestamp": "2026-07-28T09:00:00Z"});
    let object = json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": template["spec"],
        "status": status(fault)});
    inner.events.send(json!({"type": "ADDED", "object": object.clone()})).ok();
    state.pods.insert(pod, object);
}

fn status(fault: Fault) -> Value {
    let container = |state: Value, restarts: u64| {
        json!({"phase": "Running", "containerStatuses": [{"name": "server", "image": "", "imageID": "", "ready": false,
            "restartCount": restarts, "state": state, "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}]})
    };
    match fault {
        Fault::NoImage => {
            container(json!({"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}), 0)
        }
        Fault::Crashes => container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), 4),
        Fault::Evicted => json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"}),
        _ => container(json!({"running": {"startedAt": "2026-07-28T09:00:00Z"}}), 0),
    }
}

fn pods(inner: &Inner, path: &str, query: &HashMap<String, String>) -> Response {
    if query.get("watch").is_some_and(|watch| watch == "true" || watch == "1") {
        return watch(inner);
    }
    let state = inner.state.lock().unwrap();
    let namespace = path.split("/namespaces/").nth(1).and_then(|rest| rest.split('/').next());
    let here = |pod: &&Value| namespace.is_none_or(|namespace| pod["metadata"]["namespace"] == namespace);
    let items: Vec<&Value> = state.pods.values().filter(here).filter(|pod| selects(query, pod)).collect();
    found(&json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}))
}

fn watch(inner: &Inner) -> Response {
    inner.state.lock().unwrap().watches += 1;
    if *inner.fault.lock().unwrap() == Fault::Gone {
        let gone = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
            "reason": "Expired", "message": "too old resource version"});
        return format!("{}\n", json!({"type": "ERROR", "object": gone})).into_response();
    }
    let heard = futures::stream::unfold(inner.events.subscribe(), |mut events| async move {
        let event = events.recv().await.ok()?;
        Some((Ok::<_, std::convert::Infallible>(format!("{event}\n")), events))
    });
    Body::from_stream(heard).into_response()
}

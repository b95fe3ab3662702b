//! The API of a Kubernetes cluster with one namespace: pods as objects and as a table, their logs, events, and a pod that
//! is deleted.

use super::texts;
use crate::servers::site::{Asked, Reply};
use http::Method;
use serde_json::{Value, json};

/// The namespace.
pub(crate) const NAMESPACE: &str = "shop";
/// Pods in it; as many events, and as many lines in each pod's log.
const PODS: usize = 400;
/// The pod that the needle is about.
pub(crate) const BROKEN_POD: &str = "thermostat-porto-warehouse-0";

/// Whether the request changes nothing. A review of what one may do is a POST.
pub(crate) fn is_read(asked: &Asked) -> bool {
    asked.method == Method::GET || asked.path.ends_with("accessreviews")
}

/// Answers as the cluster.
pub(crate) fn answer() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let texts = texts(PODS, 211);
    move |asked| reply(asked, &texts)
}

fn reply(asked: &Asked, texts: &[String]) -> Reply {
    let path = asked.path.replacen(&format!("/api/v1/namespaces/{NAMESPACE}/"), "/api/v1/", 1);
    match path.as_str() {
        "/api" => Reply::json(&json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => Reply::json(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
        "/version" => Reply::json(&json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})),
        "/api/v1" => Reply::json(&resources()),
        "/api/v1/pods" => listed(asked),
        "/api/v1/events" => {
            let items: Vec<Value> = texts.iter().enumerate().map(|(index, text)| event(index, text)).collect();
            Reply::json(&json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": items}))
        }
        _ => match path.strip_prefix("/api/v1/pods/") {
            Some(pod) if pod.ends_with("/log") => log(asked, texts),
            Some(pod) => one(asked, pod),
            None => Reply::not_found(),
        },
    }
}

fn resources() -> Value {
    let resource = |name: &str, kind: &str, verbs: &[&str]| json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": true, "kind": kind, "verbs": verbs});
    let resources = [
        resource("pods", "Pod", &["delete", "get", "list"]),
        resource("pods/log", "Pod", &["get"]),
        resource("events", "Event", &["get", "list"]),
    ];
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": resources})
}

fn name(index: usize) -> String {
    let parts = ["web", "billing", "search", "mail", "courier", "stock"];
    if index == 211 { BROKEN_POD.to_owned() } else { format!("{}-{index}", parts[index % parts.len()]) }
}

fn pod(name: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": name, "creationTimestamp": "2026-11-20T00:00:00Z", "labels": {"app": name}},
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "registry.test/main:1"}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    })
}

/// All pods: as a table where one is asked for.
fn listed(asked: &Asked) -> Reply {
    let names: Vec<String> = (0..PODS).map(name).collect();
    if !asked.header("accept").contains("as=Table") {
        let items: Vec<Value> = names.iter().map(|name| pod(name)).collect();
        return Reply::json(&json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}));
    }
    let column = |name: &str| json!({"name": name, "type": "string", "format": "", "description": "", "priority": 0});
    let columns = ["Name", "Ready", "Status", "Restarts", "Age"].map(column);
    let row = |name: &String| json!({"cells": [name, "1/1", "Running", "0", "8d"], "object": pod(name)});
    let rows: Vec<Value> = names.iter().map(row).collect();
    Reply::json(&json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows,
    }))
}

/// The end of a pod's log.
fn log(asked: &Asked, texts: &[String]) -> Reply {
    let line = |(index, text): (usize, &String)| {
        let (minute, second) = (index / 60 % 60, index % 60);
        format!("2026-11-20T09:{minute:02}:{second:02}Z INFO {}\n", text.replace('\n', " "))
    };
    let lines: Vec<String> = texts.iter().enumerate().map(line).collect();
    let tail = asked.number("tailLines", lines.len()).min(lines.len());
    Reply::text(lines[lines.len() - tail..].concat())
}

/// A pod that is looked at or deleted.
fn one(asked: &Asked, name: &str) -> Reply {
    match asked.method {
        Method::GET => Reply::json(&pod(name)),
        Method::DELETE => Reply::json(&json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
        _ => Reply::not_found(),
    }
}

fn event(index: usize, text: &str) -> Value {
    let name = name(index);
    json!({
        "kind": "Event", "apiVersion": "v1", "metadata": {"name": format!("{name}.1"), "namespace": NAMESPACE},
        "involvedObject": {"kind": "Pod", "name": name, "namespace": NAMESPACE}, "reason": "Reported", "message": text,
        "type": "Warning", "firstTimestamp": "2026-11-20T09:00:00Z", "lastTimestamp": "2026-11-20T09:00:00Z", "count": 1,
    })
}

//! A Kubernetes cluster that speaks the real HTTP API. What its pods run is a small MCP server of this process.

mod cluster;

use super::{DIGEST, mcp::McpServer, until};
use crate::{on_both_stores, world::World};
use cluster::{Cluster, Fault};
use serde_json::{Value, json};

/// A server whose pod answers at this machine's own address.
async fn put(world: &World, name: &str, more: &Value) -> McpServer {
    let server = McpServer::start().await;
    world.done("PUT", "/api/v1/secrets/token", Some(json!({"value": "xoxb-plain"}))).await;
    world.put_server(name, &spec(&server, more)).await;
    server
}

fn spec(server: &McpServer, more: &Value) -> Value {
    let image = format!("ghcr.io/x/y@{DIGEST}");
    let mut runtime = json!({"type": "kubernetes", "image": image, "env": {"TOKEN": {"secret": "token"}}});
    runtime.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"transport": {"type": "http", "url": format!("http://pod:{}/mcp", server.port)}, "runtime": runtime})
}

fn reason(status: &Value) -> &str {
    status["reason"].as_str().unwrap_or_default()
}

async fn a_server_runs_in_a_pod_that_may_do_next_to_nothing(world: World) {
    let cluster = Cluster::start(&world).await;
    let server = put(&world, "slack_eu", &json!({"volumes": [{"name": "memory", "path": "/data"}]})).await;
    let status = world.healthy("slack_eu").await;
    assert_eq!((&status["state"], &status["tools"]), (&json!("running"), &json!(1)), "{status}");
    assert_eq!(status["endpoint"], format!("http://127.0.0.1:{}/mcp", server.port));
    let deployment = cluster.only("deployments");
    let spec = &deployment["spec"];
    assert_eq!((&spec["replicas"], &spec["strategy"]["type"]), (&json!(1), &json!("Recreate")));
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    let security = json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"}});
    assert_eq!(pod["securityContext"], security);
    let container = &pod["containers"][0];
    let security = json!({"allowPrivilegeEscalation": false, "privileged": false, "readOnlyRootFilesystem": true,
        "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}});
    assert_eq!(container["securityContext"], security);
    assert_eq!(container["resources"]["limits"], json!({"cpu": "1000m", "memory": "536870912"}));
    assert_eq!(container["image"], format!("ghcr.io/x/y@{DIGEST}"));
    let claim = json!({"claimName": "memory", "readOnly": true});
    assert_eq!(pod["volumes"][1]["persistentVolumeClaim"], claim);
    for forbidden in ["hostPath", "hostPort", "serviceAccountName"] {
        assert!(!deployment.to_string().contains(forbidden), "{forbidden}: {deployment}");
    }

    let name = deployment["metadata"]["name"].as_str().unwrap();
    assert_eq!(container["envFrom"], json!([{"secretRef": {"name": name, "optional": false}}]));
    assert!(!deployment.to_string().contains("xoxb"), "a secret is in the Secret and nowhere else");
    assert_eq!(cluster.only("secrets")["data"], json!({"TOKEN": "eG94Yi1wbGFpbg=="}));
    let policy = cluster.only("networkpolicies")["spec"].clone();
    assert_eq!((&policy["egress"], &policy["policyTypes"]), (&json!([]), &json!(["Ingress", "Egress"])));
    let from = &policy["ingress"][0]["from"][0];
    assert_eq!(from["podSelector"]["matchLabels"], json!({"io.mcpctl.client": "true"}));
    assert_eq!(cluster.managers(), ["mcpd"]);
    assert_eq!(world.done("GET", "/api/v1/instances/slack_eu/logs", None).await[0]["lines"][0]["text"], "hello");
}

async fn with_a_way_out_the_addresses_of_links_stay_out_of_reach(world: World) {
    let cluster = Cluster::start(&world).await;
    let _server = put(&world, "slack", &json!({"egress": "any", "namespace": "tools"})).await;
    world.healthy("slack").await;
    let policy = cluster.only("networkpolicies");
    let block = json!({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}});
    assert_eq!(policy["spec"]["egress"][0]["to"][0], block);
    assert_eq!(policy["metadata"]["namespace"], "tools");
}

async fn what_is_wrong_with_a_pod_is_told(world: World) {
    let cluster = Cluster::start(&world).await;
    for (fault, expected) in [
        (Fault::Broken, "500: etcdserver: request timed out"),
        (Fault::NoNamespace, "namespaces \"mcpctl\" not found"),
        (Fault::Quota, "exceeded quota"),
        (Fault::NoImage, "ImagePullBackOff: manifest unknown"),
        (Fault::Crashes, "it exited with status 3"),
        (Fault::Evicted, "Evicted: The node was low on memory"),
    ] {
        cluster.fault(fault);
        let name = format!("s{}", fault as u8);
        let _server = put(&world, &name, &json!({})).await;
        let told = world.instance_once(&name, |status| reason(status).contains(expected)).await;
        if fault == Fault::Crashes {
            assert_eq!((&told["restarts"], &told["stderr"]), (&json!(4), &json!(["last words"])), "{told}");
        }
        assert_ne!(told["health"], "healthy", "{told}");
        if fault == Fault::Quota {
            // The controller tries again by itself; here another configuration makes it.
            cluster.fault(Fault::None);
            world.order(&name, "restart").await;
        }
        cluster.fault(Fault::None);
        world.healthy(&name).await;
        world.done("DELETE", &format!("/api/v1/servers/{name}"), None).await;
        until("nothing is left", async || cluster.is_empty().then_some(())).await;
    }
}

async fn a_watch_that_comes_too_late_begins_anew(world: World) {
    let cluster = Cluster::start(&world).await;
    cluster.fault(Fault::Gone);
    let _server = put(&world, "slack", &json!({})).await;
    world.healthy("slack").await;
    until("watches are begun again", async || (cluster.watches() >= 3).then_some(())).await;
    cluster.fault(Fault::None);
    let begun = cluster.watches();
    until("one that lasts", async || (cluster.watches() > begun).then_some(())).await;
    // Told of at once, not at the next look ten seconds later.
    let before = std::time::Instant::now();
    cluster.fault(Fault::Crashes);
    world.instance_once("slack", |status| status["state"] == "backing_off").await;
    assert!(before.elapsed() < std::time::Duration::from_secs(8), "{:?}", before.elapsed());
}

async fn a_change_takes_the_old_pods_place_and_an_end_leaves_nothing(world: World) {
    let cluster = Cluster::start(&world).await;
    let server = put(&world, "slack", &json!({})).await;
    world.healthy("slack").await;
    world.order("slack", "restart").await;
    until("another pod", async || (cluster.made() == 2).then_some(())).await;
    world.healthy("slack").await;
    assert_eq!(cluster.all("deployments").len(), 1);
    // Elsewhere: what was in the old place is an orphan there.
    world.put_server("slack", &spec(&server, &json!({"namespace": "tools"}))).await;
    until("it is there", async || (cluster.made() == 3).then_some(())).await;
    let _replica = world.replica().await;
    until("it is not in the old place", async || {
        let all = cluster.all("deployments");
        (all.len() == 1 && all[0].0.contains("/namespaces/tools/")).then_some(())
    })
    .await;
    let foreign = json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "x", "namespace": "tools",
        "labels": {"io.mcpctl.installation": "other", "io.mcpctl.server": "x"}}});
    cluster.put("/apis/apps/v1/namespaces/tools/deployments/x", foreign);
    world.order("slack", "stop").await;
    world.instance_once("slack", |status| status["state"] == "stopped").await;
    until("all of it is gone", async || (cluster.all("deployments").len() == 1).then_some(())).await;
    for kind in ["services", "secrets", "networkpolicies"] {
        assert!(cluster.all(kind).is_empty(), "{kind}");
    }
}

async fn two_replicas_make_one_deployment(world: World) {
    let cluster = Cluster::start(&world).await;
    let replica = world.replica().await;
    let _servers = [put(&world, "a", &json!({})).await, put(&world, "b", &json!({})).await];
    for server in ["a", "b"] {
        world.healthy(server).await;
        replica.healthy(server).await;
    }
    assert_eq!((cluster.all("deployments").len(), cluster.made()), (2, 2));
}

on_both_stores!(
    a_server_runs_in_a_pod_that_may_do_next_to_nothing,
    with_a_way_out_the_addresses_of_links_stay_out_of_reach,
    what_is_wrong_with_a_pod_is_told,
    a_watch_that_comes_too_late_begins_anew,
    a_change_takes_the_old_pods_place_and_an_end_leaves_nothing,
    two_replicas_make_one_deployment,
);

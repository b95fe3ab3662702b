//! `kubernetes-mcp-server`: a table in columns, YAML under a comment, and lines of a log.

use super::{
    fakes::kubernetes::{BROKEN_POD, NAMESPACE, answer, is_read},
    installed::Installed,
    records::{of_blocks, of_lines},
    rig::{Driven, Setup, first, folder},
    site::Site,
};
use serde_json::json;
use std::fs;

const TOKEN: &str = "eyJ-Vd2Fs8Hq6Oi4Zt0Kg";

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_mcp_server() {
    let Some(installed) = Installed::npm("kubernetes-mcp-server", "bin/index.js") else { return };
    // Over TLS: a token is not sent in the clear.
    let folder = folder("kubernetes-site").await;
    let site = Site::open_tls(&folder, answer()).await;
    let config = folder.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": site.url(), "certificate-authority": site.authority()}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
    });
    fs::write(&config, text.to_string()).unwrap();
    let setup = Setup::of("kubernetes", &installed, &["--kubeconfig", config.to_str().unwrap()]).words(&[
        "--read-tool",
        "events_list",
        "pods_get",
        "pods_list",
        "pods_log",
    ]);
    let kubernetes = Driven::start("kubernetes", installed, setup).await.with_secret(TOKEN);

    let pod = json!({"name": BROKEN_POD, "namespace": NAMESPACE});
    kubernetes.read("pods_get", pod.clone(), BROKEN_POD).await;
    kubernetes.refused("pods_delete", pod.clone()).await;
    kubernetes.refused("configuration_view", json!({})).await;

    let lines = |text: &str| of_lines(text, 1);
    let pods = kubernetes.filtered_for("pods_list", json!({}), ("table", BROKEN_POD), lines).await;
    assert_eq!(pods.text().lines().next(), first(&pods.all).lines().next(), "the header stays");
    let events = |text: &str| of_blocks(text, "- ");
    let found = kubernetes.filtered("events_list", json!({}), "YAML", events).await;
    assert!(found.text().starts_with("# "), "{}", found.text());
    let log = json!({"name": BROKEN_POD, "namespace": NAMESPACE, "tail": 300});
    kubernetes.filtered("pods_log", log, "log", |text| of_lines(text, 0)).await;

    assert_eq!(site.writes(is_read), Vec::<String>::new());
    kubernetes.allowed("pods_delete", pod).await;
    assert_eq!(site.writes(is_read), [format!("DELETE /api/v1/namespaces/{NAMESPACE}/pods/{BROKEN_POD}")]);
    site.check_credential(&format!("Bearer {TOKEN}"), TOKEN);
    kubernetes.finish(&[&config]).await;
}

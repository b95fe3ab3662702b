//! `mcp-grafana`: compact JSON, and pages by number.

use super::{
    fakes::grafana::{answer, is_read},
    installed::Installed,
    records::{json_member, of_json},
    rig::{Driven, Setup, first},
    site::Site,
};
use serde_json::json;

const TOKEN: &str = "glsa_Xj5Wc9Ub3Ny7Rp1Lk_4f7a0c2e";

#[tokio::test(flavor = "multi_thread")]
async fn mcp_grafana() {
    let Some(installed) = Installed::pypi("mcp-grafana", "python") else { return };
    let site = Site::open(answer()).await;
    let setup = Setup::of("grafana", &installed, &[])
        .secret(&["--token-stdin"], TOKEN)
        .words(&["--set", &format!("GRAFANA_URL={}", site.url())])
        .env("GRAFANA_USAGE_STATS", "disabled")
        .words(&["--read-tool", "search_dashboards", "list_datasources"]);
    let grafana = Driven::start("grafana", installed, setup).await;

    grafana.read("list_datasources", json!({}), "Warehouse metrics").await;
    let folder = json!({"title": "hello"});
    grafana.refused("create_folder", folder.clone()).await;
    let page = |page: usize| json!({"query": "", "limit": 100, "page": page});
    let dashboards = |text: &str| of_json(text, "dashboards");
    let found = grafana.filtered("search_dashboards", page(1), "JSON", dashboards).await;
    assert_eq!(json_member(found.text(), "hasMore").as_deref(), Some("true"));
    let next = dashboards(&grafana.next_page("search_dashboards", page(2), "`page`, as `hasMore` says").await);
    let all = dashboards(first(&found.all));
    assert!(next.len() == 100 && next.iter().all(|one| !all.contains(one)), "{}", next.len());

    assert_eq!(site.writes(is_read), Vec::<String>::new());
    grafana.allowed("create_folder", folder).await;
    assert_eq!(site.writes(is_read), ["POST /api/folders"]);
    site.check_credential(&format!("Bearer {TOKEN}"), TOKEN);
    grafana.finish(&[]).await;
}

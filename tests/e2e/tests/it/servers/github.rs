//! `@modelcontextprotocol/server-github`, archived: GitHub's JSON, and pages by number.

use super::{
    fakes::github::{HOST, ISSUES, answer, is_read},
    installed::Installed,
    records::{json_member, of_json},
    rig::{Driven, Setup, first, folder},
    site::Site,
};
use serde_json::{Value, json};

const TOKEN: &str = "ghp_Hc4Ny7Tj2Bw8Ls5Dv1Ka6Me9";

fn shop(extra: &Value) -> Value {
    let mut arguments = json!({"owner": "acme", "repo": "shop"});
    arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    arguments
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_server_of_github() {
    let Some(installed) = Installed::npm("@modelcontextprotocol/server-github", "dist/index.js") else { return };
    let site = Site::instead_of(&[HOST], &folder("github-site").await, answer()).await;
    let setup = Setup::of("github", &installed, &[]).secret(&["--token-stdin"], TOKEN).through(&site);
    let github = Driven::start("github-reference", installed, setup).await;

    github.read("get_issue", shop(&json!({"issue_number": 7})), "issues/7").await;
    let issue = shop(&json!({"title": "hello"}));
    github.refused("create_issue", issue.clone()).await;
    github.refused("merge_pull_request", shop(&json!({"pull_number": 1}))).await;

    let page = |page: usize| shop(&json!({"per_page": 100, "page": page}));
    let listed = github.filtered("list_issues", page(1), "JSON", |text| of_json(text, "")).await;
    let next = of_json(&github.next_page("list_issues", page(2), "`page`").await, "");
    let all = of_json(first(&listed.all), "");
    assert!(next.len() == 100 && next.iter().all(|issue| !all.contains(issue)), "{}", next.len());
    let search = json!({"q": "repo:acme/shop is:issue", "per_page": 100});
    let found = github.filtered("search_issues", search, "JSON", |text| of_json(text, "items")).await;
    assert_eq!(json_member(found.text(), "total_count"), Some(ISSUES.to_string()));

    assert_eq!(site.writes(is_read), Vec::<String>::new());
    github.allowed("create_issue", issue).await;
    assert_eq!(site.writes(is_read), ["POST /repos/acme/shop/issues"]);
    site.check_credential(&format!("Bearer {TOKEN}"), TOKEN);
    github.finish(&[]).await;
}

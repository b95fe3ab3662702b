//! The official servers of GitHub and of HashiCorp, both in Go.

use super::{
    fakes::{github, terraform},
    installed::Installed,
    records::{of_blocks, of_json},
    rig::{Driven, Setup, first, folder},
    site::Site,
};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn github_mcp_server() {
    let Some(installed) = Installed::go("github-mcp-server") else { return };
    let token = "github_pat_8QvX2mJt6YcLr4Wn9SbE";
    let site = Site::open(github::answer()).await;
    let setup = Setup::of("github", &installed, &["stdio"])
        .secret(&["--token-stdin"], token)
        .words(&["--set", &format!("GITHUB_HOST={}", site.url())]);
    let driven = Driven::start("github", installed, setup).await;

    let one = json!({"method": "get", "owner": "acme", "repo": "shop", "issue_number": 7});
    driven.read("issue_read", one, "\"number\":7").await;
    let issue = json!({"method": "create", "owner": "acme", "repo": "shop", "title": "hello"});
    driven.refused("issue_write", issue.clone()).await;
    driven.refused("delete_file", json!({})).await;

    let list = |after: Option<&str>| {
        let mut arguments = json!({"owner": "acme", "repo": "shop", "perPage": 100});
        if let Some(after) = after {
            arguments["after"] = json!(after);
        }
        arguments
    };
    let issues = |text: &str| of_json(text, "issues");
    let found = driven.filtered("list_issues", list(None), "JSON", issues).await;
    let envelope: Value = serde_json::from_str(found.text()).unwrap();
    let cursor = envelope["pageInfo"]["endCursor"].as_str().unwrap();
    let next = issues(&driven.next_page("list_issues", list(Some(cursor)), "`endCursor`").await);
    let all = issues(first(&found.all));
    assert!(next.len() == 100 && next.iter().all(|issue| !all.contains(issue)), "{}", next.len());

    assert_eq!(site.writes(github::is_read), Vec::<String>::new());
    driven.allowed("issue_write", issue).await;
    assert_eq!(site.writes(github::is_read), ["POST /api/v3/repos/acme/shop/issues"]);
    site.check_credential(&format!("Bearer {token}"), token);
    driven.finish(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_mcp_server() {
    let Some(installed) = Installed::go("terraform-mcp-server") else { return };
    let token = "t9Rk3PzU7hVw5A.atlasv1.Qe8Lx2Mn";
    let site = Site::instead_of(&terraform::HOSTS, &folder("terraform-site").await, terraform::answer()).await;
    let setup =
        Setup::of("terraform", &installed, &["stdio"]).secret(&["--secret", "TFE_TOKEN=-"], token).through(&site);
    let driven = Driven::start("terraform", installed, setup).await;

    let search = |offset: usize| json!({"module_query": "warehouse", "current_offset": offset});
    driven.read("search_modules", search(0), "acme/m0/aws/1.0.0").await;
    let workspace = json!({"terraform_org_name": "acme", "workspace_name": "made"});
    driven.refused("create_workspace", workspace.clone()).await;
    driven.refused("create_run", json!({})).await;
    let modules = |text: &str| of_blocks(text, "- module_id: acme");
    let found = driven.filtered("search_modules", search(0), "blocks", modules).await;
    assert!(found.text().starts_with("Available Terraform Modules"), "{}", found.text());
    let next = modules(&driven.next_page("search_modules", search(terraform::PAGE), "`current_offset`").await);
    let all = modules(first(&found.all));
    assert!(next.len() == terraform::PAGE && next.iter().all(|module| !all.contains(module)), "{}", next.len());

    assert_eq!(site.writes(terraform::is_read), Vec::<String>::new());
    driven.allowed("create_workspace", workspace).await;
    assert_eq!(site.writes(terraform::is_read), ["POST /api/v2/organizations/acme/workspaces"]);
    // The registry is public: who asks there is none of its business.
    site.check_credential_at(|host| host != terraform::REGISTRY, &format!("Bearer {token}"), token);
    driven.finish(&[]).await;
}

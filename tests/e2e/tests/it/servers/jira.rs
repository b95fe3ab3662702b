//! `mcp-atlassian` before Jira Data Center and before Jira Cloud: JSON in a text, and the same text once more in
//! `structuredContent`.

use super::{
    fakes::jira::{CLOUD, Form, TICKETS, answer, is_read},
    installed::Installed,
    records::of_json,
    rig::{Driven, Filtered, Setup, first, folder},
    site::Site,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

const SEARCH: &str = "jira_search";
const LIMIT: usize = 50;

fn search(extra: &Value) -> Value {
    let mut arguments = json!({"jql": "project = WEB ORDER BY created", "limit": LIMIT});
    arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    arguments
}

fn issues(text: &str) -> Vec<String> {
    of_json(text, "issues")
}

/// What both have in common; the filtered search.
async fn check(jira: &Driven, site: &Site, flavour: &str) -> Filtered {
    jira.read("jira_get_issue", json!({"issue_key": "WEB-7"}), "WEB-7").await;
    let comment = json!({"issue_key": "WEB-7", "body": "hello"});
    jira.refused("jira_add_comment", comment.clone()).await;
    jira.refused("jira_delete_issue", json!({"issue_key": "WEB-7"})).await;
    let filtered = jira.filtered(SEARCH, search(&json!({})), "JSON, twice", issues).await;
    for answer in [&filtered.all, &filtered.kept] {
        assert_eq!(answer.result["structuredContent"]["result"], first(answer), "both say the same");
    }
    assert_eq!(site.writes(is_read), Vec::<String>::new(), "{flavour}");
    filtered
}

/// The project that may everything writes.
async fn check_write(jira: &Driven, site: &Site, path: &str) {
    jira.allowed("jira_add_comment", json!({"issue_key": "WEB-7", "body": "hello"})).await;
    assert_eq!(site.writes(is_read), [format!("POST {path}/issue/WEB-7/comment")]);
}

fn check_next(filtered: &Filtered, next: &str) {
    let (all, next) = (issues(first(&filtered.all)), issues(next));
    assert!(next.len() == LIMIT && next.iter().all(|issue| !all.contains(issue)), "{}", next.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_atlassian_before_jira_data_center() {
    let Some(installed) = Installed::pypi("mcp-atlassian", "atlassian") else { return };
    let token = "MzQ1Nzg5NDIxMDg3O8aTq0LxVnRw";
    let site = Site::open(answer(Form::DataCenter)).await;
    let setup = Setup::of("jira", &installed, &[])
        .secret(&["--secret", "JIRA_PERSONAL_TOKEN=-"], token)
        .words(&["--set", &format!("JIRA_URL={}", site.url())]);
    let jira = Driven::start("jira-server", installed, setup).await;
    let filtered = check(&jira, &site, "Data Center").await;
    let envelope: Value = serde_json::from_str(filtered.text()).unwrap();
    assert_eq!((&envelope["total"], &envelope["start_at"]), (&json!(TICKETS), &json!(0)));
    let next = jira.next_page(SEARCH, search(&json!({"start_at": LIMIT})), "`start_at`").await;
    check_next(&filtered, &next);
    check_write(&jira, &site, "/rest/api/2").await;
    site.check_credential(&format!("Bearer {token}"), token);
    jira.finish(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_atlassian_before_jira_cloud() {
    let Some(installed) = Installed::pypi("mcp-atlassian", "atlassian") else { return };
    let token = "ATATT3xF0eR7uKp5QzWm9";
    let site = Site::instead_of(&[CLOUD], &folder("jira-cloud-site").await, answer(Form::Cloud)).await;
    let setup = Setup::of("jira", &installed, &[])
        .secret(&["--secret", "JIRA_API_TOKEN=-"], token)
        .words(&["--set", &format!("JIRA_URL=https://{CLOUD}"), "--set", "JIRA_USERNAME=ada@acme.test"])
        .through(&site);
    let jira = Driven::start("jira-cloud", installed, setup).await;
    let filtered = check(&jira, &site, "Cloud").await;
    let envelope: Value = serde_json::from_str(filtered.text()).unwrap();
    let page = envelope["next_page_token"].as_str().unwrap();
    let next = jira.next_page(SEARCH, search(&json!({"page_token": page})), "`next_page_token`").await;
    check_next(&filtered, &next);
    check_write(&jira, &site, "/rest/api/3").await;
    let basic = BASE64_STANDARD.encode(format!("ada@acme.test:{token}"));
    site.check_credential(&format!("Basic {basic}"), token);
    jira.finish(&[]).await;
}

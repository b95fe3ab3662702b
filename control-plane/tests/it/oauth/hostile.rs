//! What must be refused: answers that are not to our question, metadata that does not fit, and URLs that lead inside.

use super::{Browser, Fake, Scene};
use crate::{on_both_stores, world::World};
use serde_json::{Value, json};
use url::Url;

async fn an_answer_counts_once_and_in_the_browser_that_asked(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let (mut browser, page) = scene.asked(&scene.ann).await;
    let back = browser.consent("jira", &page).await;
    let mut stranger = Browser::new(&scene.world);
    stranger.get(&back).await.says(403, "not logged in");
    browser.get(&back).await.says(200, "is connected");
    browser.get(&back).await.says(409, "no question of ours");

    let (mut browser, page) = scene.asked(&scene.ann).await;
    let back = browser.consent("jira", &page).await;
    let (mut second, _) = scene.asked(&scene.ann).await;
    second.get(&back).await.says(409, "no question of ours");
    // It was taken, whoever brought it.
    browser.get(&back).await.says(409, "no question of ours");
    let missing = format!("http://{}/oauth/callback?code=code-0", scene.world.address);
    browser.get(&missing).await.says(409, "no question of ours");
    assert_eq!(scene.fake.ways(|ways| ways.exchanges.len()), 1);
}

async fn an_answer_of_somebody_else_is_refused(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let wrong = ["https://evil.example".to_owned(), format!("{}/", scene.fake.base), String::new()];
    for iss in wrong.map(Some).into_iter().chain([None]) {
        scene.fake.ways(|ways| ways.iss = iss);
        scene.connect(&scene.ann).await.says(409, "did not come from");
    }
    // Not promised and absent: nothing to compare.
    scene.fake.ways(|ways| ways.metadata["authorization_response_iss_parameter_supported"] = json!(false));
    scene.connect(&scene.ann).await.says(200, "is connected");
    scene.fake.ways(|ways| ways.iss = Some("https://evil.example".to_owned()));
    scene.connect(&scene.ann).await.says(409, "did not come from");
    let (mut browser, page) = scene.asked(&scene.ann).await;
    let onward = browser.agree("jira", &page).await;
    let state = onward.link().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut back = Url::parse(&format!("http://{}/oauth/callback", scene.world.address)).unwrap();
    back.query_pairs_mut()
        .append_pair("state", &state)
        .append_pair("error", "<script>alert(1)</script>")
        .append_pair("error_description", "secret of another")
        .append_pair("iss", &scene.fake.base);
    let page = browser.get(back.as_str()).await;
    page.says(409, "Consent was not given");
    assert!(!page.text.contains("alert(1)") && !page.text.contains("secret of another"));
}

async fn metadata_that_does_not_fit_is_refused_before_anybody_is_asked(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let base = scene.fake.base.clone();
    let trap = Fake::start().await;
    let metadata: [(&str, Value, &str); 7] = [
        ("issuer", json!(format!("{base}/")), "another one&#39;s"),
        ("issuer", json!(trap.base), "another one&#39;s"),
        ("code_challenge_methods_supported", json!(["plain"]), "PKCE"),
        ("code_challenge_methods_supported", Value::Null, "PKCE"),
        ("authorization_endpoint", json!("javascript:alert(1)"), "not an https URL"),
        ("token_endpoint", json!("http://10.0.0.1/token"), "not an https URL"),
        ("token_endpoint", json!("file:///etc/passwd"), "not an https URL"),
    ];
    for (field, value, says) in metadata {
        let good = scene.fake.ways(|ways| {
            let good = ways.metadata.clone();
            match value {
                Value::Null => drop(ways.metadata.as_object_mut().unwrap().remove(field)),
                value => ways.metadata[field] = value,
            }
            good
        });
        scene.asked(&scene.ann).await.1.says(409, says);
        scene.fake.ways(|ways| ways.metadata = good);
    }
    let resource: [(&str, Value, u16, &str); 7] = [
        ("resource", json!("https://evil.example/mcp"), 409, "another resource"),
        ("resource", json!(format!("{base}/mcp/other")), 409, "another resource"),
        ("authorization_servers", json!([]), 409, "no authorization server"),
        ("authorization_servers", json!(["http://169.254.169.254/latest"]), 409, "could not be reached"),
        ("authorization_servers", json!(["https://10.0.0.1"]), 409, "could not be reached"),
        ("authorization_servers", json!(["https://[::ffff:169.254.169.254]"]), 409, "could not be reached"),
        ("authorization_servers", json!(["file:///etc"]), 409, "could not be reached"),
    ];
    for (field, value, status, says) in resource {
        let good = scene.fake.ways(|ways| std::mem::replace(&mut ways.resource[field], value));
        scene.asked(&scene.ann).await.1.says(status, says);
        scene.fake.ways(|ways| ways.resource[field] = good);
    }
    for place in ["http://169.254.169.254/latest/meta-data", "gopher://127.0.0.1:6379/x", "https://10.0.0.1/x"] {
        scene.fake.ways(|ways| ways.challenge = format!("Bearer resource_metadata=\"{place}\""));
        scene.asked(&scene.ann).await.1.says(409, "could not be reached");
    }
    assert_eq!(scene.fake.ways(|ways| (ways.registrations.len(), ways.exchanges.len())), (0, 0));
    assert!(trap.ways(|ways| ways.seen.is_empty()));
}

async fn a_form_of_another_site_or_session_is_refused(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let (mut browser, page) = scene.asked(&scene.ann).await;
    let form_token = page.field("form_token");
    let fields = [("form_token", form_token.as_str()), ("issuer", scene.fake.base.as_str())];
    let login = [("token", scene.bob.as_str()), ("server", "jira")];
    let forms: [(&str, &[(&str, &str)]); 3] = [("/connect/jira", &fields), ("/login", &login), ("/logout", &[])];
    let foreign = ["https://evil.example", "null", &format!("http://{}.evil.example", scene.world.address)];
    for (path, fields) in forms {
        for origin in foreign {
            browser.post_from(Some(origin), path, fields).await.says(403, "origin");
        }
        browser.post_from(None, path, fields).await.says(403, "not sent from a page");
    }
    let wrong = [("form_token", "x"), ("issuer", scene.fake.base.as_str())];
    browser.post("/connect/jira", &wrong).await.says(403, "not valid any more");
    let other = [("form_token", form_token.as_str()), ("issuer", "https://other.example")];
    browser.post("/connect/jira", &other).await.says(409, "another authorization server");
    Browser::new(&scene.world).post("/connect/jira", &fields).await.says(403, "not valid any more");
    assert_eq!(scene.fake.ways(|ways| ways.registrations.len()), 0);
    browser.agree("jira", &page).await.says(200, "Continue");
}

async fn a_server_that_changed_meanwhile_gets_no_token(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let (mut browser, page) = scene.asked(&scene.ann).await;
    let back = browser.consent("jira", &page).await;
    let other = Fake::start().await;
    scene.server(&other.url(), json!({})).await;
    browser.get(&back).await.says(409, "was changed");
    assert_eq!(scene.fake.ways(|ways| ways.exchanges.len()), 0);
}

#[tokio::test]
async fn this_machine_is_not_asked_where_it_is_not_trusted() {
    let scene = Scene::new(World::with(&["--allow-loopback-fetch", "false"]).await, json!({})).await;
    scene.asked(&scene.ann).await.1.says(409, "`127.0.0.1` could not be reached");
    assert!(scene.fake.ways(|ways| ways.seen.is_empty()));
}

on_both_stores!(
    an_answer_counts_once_and_in_the_browser_that_asked,
    an_answer_of_somebody_else_is_refused,
    metadata_that_does_not_fit_is_refused_before_anybody_is_asked,
    a_form_of_another_site_or_session_is_refused,
    a_server_that_changed_meanwhile_gets_no_token,
);

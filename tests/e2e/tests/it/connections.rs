//! A server that wants a token of every user: found by its tool for connecting, connected in a browser, used; and what
//! becomes of tokens that its authorization server revokes.

use crate::{patience::until, protected::Protected, world::World};
use e2e::client::{Client, Era};
use reqwest::{Response, Url, redirect::Policy};
use std::fs;

const CONNECT: &str = "vault_connect";
const OPEN: &str = "vault_open";

#[tokio::test(flavor = "multi_thread")]
async fn a_user_connects_from_the_client_and_again_when_the_token_is_revoked() {
    let (world, vault) = (World::shared().await, Protected::start().await);
    configure(world, &vault.url()).await;
    let config = world.connect("vaulted").await;
    for era in [Era::Modern, Era::Legacy] {
        let client = world.client(&config, era).await;
        until("it can be connected", async || tools(&client).await.contains(&CONNECT.to_owned()).then_some(())).await;
        let link = said(&client, CONNECT).await;
        follow(world, link.rsplit(' ').next().unwrap()).await;
        listed(&client, &[OPEN]).await;
        assert_eq!(said(&client, OPEN).await, "gold");

        let before = vault.refreshes();
        vault.revoke();
        assert_eq!(said(&client, OPEN).await, "gold", "it was renewed, and nobody saw anything of it");
        assert_eq!((vault.refreshes() - before, state(world).await), (1, "connected".to_owned()));

        vault.refuses_refresh(true);
        vault.revoke();
        assert!(said(&client, OPEN).await.contains("/connect/vault?ticket="));
        assert_eq!((vault.refreshes() - before, state(world).await), (2, "needs_consent".to_owned()));
        vault.refuses_refresh(false);
        client.close().await;
        // A client may keep the list it has for as long as that says.
        let client = world.client(&config, era).await;
        listed(&client, &[OPEN, CONNECT]).await;
        client.close().await;
    }
    world.audit(2, &["--tool", CONNECT]).await;
}

async fn configure(world: &World, url: &str) {
    let file = world.path("vault.yaml");
    let objects = format!(
        "kind: server\nname: vault\nspec:\n  era: modern\n  transport: {{type: http, url: \"{url}\"}}\n  oauth: {{}}\n  \
         tools: [{{tool: \"*\", class: read}}]\n---\n\
         kind: profile\nname: vault-read\nspec: {{server: vault}}\n---\n\
         kind: project\nname: vaulted\nspec: {{profiles: [vault-read], members: [admin]}}\n"
    );
    fs::write(&file, objects).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
}

/// The tools, without the one for the rest of long results, which is always there.
async fn tools(client: &Client) -> Vec<String> {
    let tools = client.tools().await.unwrap().into_iter().map(|tool| tool.name.into_owned());
    tools.filter(|name| name != "mcpctl_more").collect()
}

async fn listed(client: &Client, wanted: &[&str]) {
    until(&format!("{wanted:?} are listed"), async || (tools(client).await == wanted).then_some(())).await;
}

/// The text a tool answers.
async fn said(client: &Client, tool: &str) -> String {
    client.call(tool, serde_json::Map::new()).await.unwrap().texts().next().unwrap().to_owned()
}

/// How the only connection to the server is.
async fn state(world: &World) -> String {
    let list = world.mcpctl(&["connection", "list", "--format", "json"]).await.done().json();
    let own = list.as_array().unwrap().iter().find(|row| row["server"] == "vault").unwrap();
    own["state"].as_str().unwrap().to_owned()
}

/// Follows the link as its user does in a browser: logs in, agrees here and there, and comes back.
async fn follow(world: &World, link: &str) {
    let link = Url::parse(link).unwrap();
    let origin = link.origin().ascii_serialization();
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    let browser = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let (ticket, token) = (link.query_pairs().next().unwrap().1.into_owned(), world.admin_token());
    let post = async |path: &str, cookie: &str, fields: &[(&str, &str)]| {
        let form = Url::parse_with_params(&origin, fields).unwrap().query().unwrap().to_owned();
        let request = browser.post(format!("{origin}{path}")).header("origin", &origin).header("cookie", cookie);
        request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap()
    };
    let login = [("token", token.as_str()), ("server", "vault"), ("ticket", &ticket), ("scope", "")];
    let logged_in = post("/login", "", &login).await;
    let cookie = header(&logged_in, "set-cookie").split(';').next().unwrap().to_owned();
    let get = async |url: &str| browser.get(url).header("cookie", &cookie).send().await.unwrap();
    let page = get(&header(&logged_in, "location")).await.text().await.unwrap();
    let fields = ["form_token", "issuer", "ticket", "scope"];
    let fields = fields.map(|name| (name, between(&page, &format!("name=\"{name}\" value=\""))));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let onward = post("/connect/vault", &cookie, &fields).await.text().await.unwrap();
    // The authorization server is another origin, and gets no cookie of ours.
    let back = browser.get(between(&onward, "<a href=\"")).send().await.unwrap();
    let connected = get(&header(&back, "location")).await.text().await.unwrap();
    assert!(connected.contains("is connected"), "{connected}");
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name).unwrap_or_else(|| panic!("no {name}: {response:?}"));
    value.to_str().unwrap().to_owned()
}

/// What of `page` stands between `before` and the next quotation mark.
fn between(page: &str, before: &str) -> String {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("`{before}` is not in {page}"));
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

//! Two replicas of mcpd on one PostgreSQL, each with a home folder and an address of its own that stays the same; and
//! gateways that ask them.

use crate::{patience::until, postgres::Cluster, programs::program, world::World};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};
use tokio::process::{Child, Command};

/// An installation with two replicas. What it started ends with it.
pub(crate) struct Fleet {
    pub(crate) world: World,
    /// How each replica calls the database.
    pub(crate) database_urls: [String; 2],
    pub(crate) addresses: [String; 2],
    replicas: [Option<Child>; 2],
    admin: Client,
}

/// A control plane that has not answered the administrator by then is asked no more.
const ADMIN_PATIENCE: Duration = Duration::from_secs(3);

impl Fleet {
    /// Both replicas serve. There is a project `steady` that may read in the demo Slack, and a gateway `local` is enrolled.
    pub(crate) async fn set_up(cluster: &Cluster) -> Self {
        let database_url = cluster.database();
        let mut fleet = Self::founded(&database_url, [database_url.clone(), database_url.clone()]).await;
        fleet.start(0).await;
        fleet.start(1).await;
        fleet
    }

    /// The same where no replica runs yet, and each is to call the database by a URL of its own.
    pub(crate) async fn founded(database_url: &str, database_urls: [String; 2]) -> Self {
        let world = World::new(Some(database_url.to_owned()));
        world.start().await;
        world.set_up_slack_and_jira().await;
        world.mcpctl(&["project", "create", "steady", "--profiles", "slack-read-only"]).await.done();
        world.mcpctl(&["daemon", "stop"]).await.done();
        let second = world.path("second");
        fs::create_dir(&second).unwrap();
        fs::copy(world.path("home/master-key"), second.join("master-key")).unwrap();
        fs::set_permissions(second.join("master-key"), fs::Permissions::from_mode(0o600)).unwrap();
        let addresses = ["127.0.0.1:0", "127.0.0.1:0"].map(str::to_owned);
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let admin = Client::builder().timeout(ADMIN_PATIENCE).build().unwrap();
        Self { world, database_urls, addresses, replicas: [None, None], admin }
    }

    /// The first replica's home folder is that of the installation; the second has the same master key.
    fn home(&self, at: usize) -> PathBuf {
        self.world.path(["home", "second"][at])
    }

    pub(crate) async fn start(&mut self, at: usize) {
        self.start_with(at, &[]).await;
    }

    /// Starts replica `at` with more in its environment. It serves when this returns.
    pub(crate) async fn start_with(&mut self, at: usize, environment: &[(&str, &str)]) {
        let home = self.home(at);
        fs::remove_file(home.join("mcpd.addr")).ok();
        let mut command = self.world.command(&program("mcpd"));
        command.args(["--listen", &self.addresses[at], "--home"]).arg(&home);
        command.env("DATABASE_URL", &self.database_urls[at]).envs(environment.iter().copied());
        let log = fs::File::options().create(true).append(true).open(home.join("replica.log")).unwrap();
        self.replicas[at] = Some(command.stderr(log).spawn().unwrap());
        self.addresses[at] = until("a replica of mcpd serves", async || {
            let address = fs::read_to_string(home.join("mcpd.addr")).ok()?.trim().to_owned();
            self.world.mcpctl(&["--server", &format!("http://{address}"), "status"]).await.is_done().then_some(address)
        })
        .await;
    }

    pub(crate) async fn kill(&mut self, at: usize) {
        self.replicas[at].take().unwrap().kill().await.unwrap();
    }

    /// Writes a join token for gateway `name` into a file.
    pub(crate) async fn join_token(&self, name: &str) -> PathBuf {
        let (_, token) =
            self.ask(0, (Method::POST, "join-tokens"), None, Some(json!({"gateway": name}))).await.unwrap();
        let file = self.world.path(&format!("join-{name}"));
        fs::write(&file, token["token"].as_str().unwrap()).unwrap();
        file
    }

    /// What replica `at` answers the administrator; none where it does not.
    pub(crate) async fn ask(
        &self,
        at: usize,
        (method, path): (Method, &str),
        if_match: Option<u64>,
        body: Option<Value>,
    ) -> Option<(StatusCode, Value)> {
        let url = format!("http://{}/api/v1/{path}", self.addresses[at]);
        let mut request = self.admin.request(method, url).bearer_auth(self.world.admin_token());
        if let Some(revision) = if_match {
            request = request.header("if-match", format!("\"{revision}\""));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        Some((status, serde_json::from_str(&response.text().await.ok()?).unwrap_or_default()))
    }

    /// A gateway of this name, which knows the control plane by `urls`, and the URL at which it serves.
    pub(crate) async fn gateway(
        &self,
        name: &str,
        urls: &[String],
        more: impl FnOnce(&mut Command),
    ) -> (Child, String) {
        let mut command = self.world.command(&program("mcp-gateway"));
        let home = self.world.path("home");
        let address = home.join(format!("gateway/{name}/addr"));
        fs::remove_file(&address).ok();
        command.args(["--name", name, "--listen", "127.0.0.1:0", "--mcpd-url", &urls.join(","), "--home"]).arg(&home);
        let log = fs::File::create(self.world.path(&format!("gateway-{name}.log"))).unwrap();
        command.stderr(log);
        more(&mut command);
        let child = command.spawn().unwrap();
        let url = until("the gateway listens", async || {
            Some(format!("http://{}", fs::read_to_string(&address).ok()?.trim()))
        })
        .await;
        (child, url)
    }
}

//! A running control plane with a folder and a database of its own, and a client to talk to it.

use crate::postgres;
use clap::Parser as _;
use control_plane::{
    StartError, serve, server,
    settings::{CommandLine, Settings},
};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use tracing_subscriber::EnvFilter;

/// How often something is killed: a few times, or as often as `MCPCTL_TEST_KILLS` says (`make torture`).
pub(crate) fn kills() -> usize {
    std::env::var("MCPCTL_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(6)
}

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) address: String,
    pub(crate) admin: String,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<Result<(), StartError>>>,
    /// Holds the folder in which the home folder is.
    folder: Arc<TempDir>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) media: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

/// Settings for a folder and a database, on a free port.
pub(crate) fn settings(home: &Path, database_url: &str) -> Settings {
    settings_with(home, database_url, &[])
}

pub(crate) fn settings_with(home: &Path, database_url: &str, args: &[&str]) -> Settings {
    // Engines of tests only: whatever runs on this machine is left alone.
    let docker = format!("unix://{}", home.with_file_name("docker.sock").display());
    let cluster = home.with_file_name("kubeconfig").display().to_string();
    let home = home.to_str().expect("a path in UTF-8");
    let line = ["mcpd", "--listen", "127.0.0.1:0", "--home", home, "--database-url", database_url];
    let given = args.contains(&"--docker-host");
    let engines: Vec<&str> = if given { Vec::new() } else { vec!["--docker-host", &docker, "--kubeconfig", &cluster] };
    CommandLine::try_parse_from(line.iter().chain(&engines).chain(args)).expect("settings").settings
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        Self::with(&[]).await
    }

    /// On SQLite, with more on the command line.
    pub(crate) async fn with(args: &[&str]) -> Self {
        Self::start(Arc::new(tempfile::tempdir().unwrap()), "", args).await
    }

    pub(crate) async fn on_postgres() -> Self {
        Self::start(Arc::new(tempfile::tempdir().unwrap()), &postgres::database(), &[]).await
    }

    /// On the database at `url`, with more on the command line.
    pub(crate) async fn on(url: &str, args: &[&str]) -> Self {
        Self::start(Arc::new(tempfile::tempdir().unwrap()), url, args).await
    }

    /// A second control plane on the same folder and database.
    pub(crate) async fn replica(&self) -> Self {
        Self::start(Arc::clone(&self.folder), self.settings.database_url.as_deref().unwrap_or_default(), &[]).await
    }

    /// On the database at `url`, with the home folder of another.
    pub(crate) async fn beside(other: &Self, url: &str) -> Self {
        Self::beside_with(other, url, &[]).await
    }

    /// The same with more on the command line.
    pub(crate) async fn beside_with(other: &Self, url: &str, args: &[&str]) -> Self {
        Self::start(Arc::clone(&other.folder), url, args).await
    }

    /// The same on a home folder that is there already.
    pub(crate) async fn on_home(folder: TempDir, url: &str) -> Self {
        let home = folder.path().to_owned();
        Self::serving(Arc::new(folder), settings(&home, url)).await
    }

    /// A control plane that runs elsewhere, at `address`.
    pub(crate) fn at(address: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self {
            settings: settings(folder.path(), ""),
            address: address.to_owned(),
            admin: String::new(),
            client: client(),
            stop: None,
            served: None,
            folder,
        }
    }

    /// As its administrator.
    pub(crate) fn with_admin(mut self, token: &str) -> Self {
        token.clone_into(&mut self.admin);
        self
    }

    /// Whether it is ready now.
    pub(crate) async fn try_ready(&self) -> bool {
        let answer = self.client.get(format!("http://{}/readyz", self.address)).send().await;
        answer.is_ok_and(|answer| answer.status() == 204)
    }

    /// As the first administrator; none if no answer comes.
    pub(crate) async fn try_admin(&self, method: &str, path: &str, body: Option<Value>) -> Option<Answer> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("http://{}{path}", self.address)).bearer_auth(&self.admin);
        let request = body.iter().fold(request, |request, body| request.body(body.to_string()));
        try_answer(request.send().await.ok()?).await
    }

    /// A stream that may not be opened.
    pub(crate) async fn try_stream(&self, path: &str, token: &str) -> Option<Response> {
        let response =
            self.client.get(format!("http://{}{path}", self.address)).bearer_auth(token).send().await.ok()?;
        (response.status() == 200).then_some(response)
    }

    /// A second control plane on the same folder that calls the database by another URL.
    pub(crate) async fn replica_at(&self, database_url: &str) -> Self {
        Self::start(Arc::clone(&self.folder), database_url, &[]).await
    }

    /// Starts it anew on the same folder and database, with more on the command line.
    pub(crate) async fn again(&mut self, args: &[&str]) {
        if self.stop.is_some() {
            self.stop().await;
        }
        let database_url = self.settings.database_url.clone().unwrap_or_default();
        *self = Self::start(Arc::clone(&self.folder), &database_url, args).await;
    }

    async fn start(folder: Arc<TempDir>, database_url: &str, args: &[&str]) -> Self {
        let settings = settings_with(&folder.path().join("home"), database_url, args);
        Self::serving(folder, settings).await
    }

    async fn serving(folder: Arc<TempDir>, settings: Settings) -> Self {
        log();
        let listener = server::bind(&settings).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let own = settings.clone();
        let served = tokio::spawn(async move {
            serve(&own, listener, async move {
                stopped.await.ok();
            })
            .await
        });
        let mut world = Self {
            settings,
            address,
            admin: String::new(),
            client: client(),
            stop: Some(stop),
            served: Some(served),
            folder,
        };
        let ready = world.call("GET", "/readyz", None, None).await;
        assert_eq!(ready.status, 204, "{}", ready.text);
        let file = std::fs::read_to_string(world.home("admin-token")).unwrap();
        world.admin = file.trim().to_owned();
        world
    }

    /// Beside the home folder: where engines of tests are.
    pub(crate) fn path_beside(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn home(&self, file: &str) -> PathBuf {
        self.settings.home.join(file)
    }

    /// Ends the control plane in the middle of whatever it does, as a kill would.
    pub(crate) async fn kill(&mut self) {
        let served = self.served.take().unwrap();
        served.abort();
        assert!(served.await.is_err_and(|error| error.is_cancelled()));
    }

    /// Asks the control plane to stop and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).ok();
        self.served.take().unwrap().await.unwrap().unwrap();
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        request.send().await.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    pub(crate) async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        answer(self.send(method, path, &headers, body).await).await
    }

    /// As the first administrator.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.call(method, path, Some(&self.admin), body).await
    }

    /// As the first administrator, and it has to work.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.admin(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    /// As the first administrator, with `If-Match`.
    pub(crate) async fn put_if(&self, path: &str, if_match: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.admin);
        let headers = [("authorization", bearer.as_str()), ("if-match", if_match)];
        answer(self.send("PUT", path, &headers, Some(body)).await).await
    }

    pub(crate) async fn revision(&self) -> u64 {
        self.done("GET", "/api/v1/status", None).await["revision"].as_u64().unwrap()
    }

    /// Makes a user with one role, or none, and a token that lasts `seconds`.
    pub(crate) async fn user(&self, name: &str, roles: &[&str], seconds: Option<i64>) -> String {
        let body = json!({"name": name, "spec": {"roles": roles}});
        self.done("PUT", &format!("/api/v1/users/{name}"), Some(body)).await;
        let body = json!({"label": "test", "expires_in_s": seconds});
        let issued = self.done("POST", &format!("/api/v1/users/{name}/tokens"), Some(body)).await;
        issued["token"].as_str().unwrap().to_owned()
    }

    /// A server that answers nowhere, with a reference to a secret if one is named.
    pub(crate) async fn server(&self, name: &str, secret: Option<&str>) {
        let env = secret.map_or(json!({}), |secret| json!({"TOKEN": {"secret": secret}}));
        let transport = json!({"type": "stdio", "command": "true", "env": env});
        let body = json!({"name": name, "spec": {"transport": transport}});
        self.done("PUT", &format!("/api/v1/servers/{name}"), Some(body)).await;
    }
}

async fn answer(response: Response) -> Answer {
    try_answer(response).await.expect("the whole answer arrives")
}

async fn try_answer(response: Response) -> Option<Answer> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Some(Answer {
        status: response.status().as_u16(),
        etag: header("etag"),
        challenge: header("www-authenticate"),
        retry_after: header("retry-after"),
        media: header("content-type").unwrap_or_default(),
        text: response.text().await.ok()?,
    })
}

fn client() -> Client {
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .build()
        .expect("an HTTP client")
}

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let filter = EnvFilter::new("control_plane=trace,tower_http=trace,axum=trace,sqlx=trace,warn");
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Log).init();
    });
}

/// Everything that this process has logged so far, on the finest level.
pub(crate) fn logged() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

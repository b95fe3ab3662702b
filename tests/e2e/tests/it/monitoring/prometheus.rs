//! Prometheus itself: its programs, and one that scrapes a system under test.

use crate::{
    patience::until,
    programs::{repository, tool},
    said::aloud,
    world::{PATH, World},
};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::process::Child;

/// No answer takes longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A program of Prometheus; says so where there is none.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let folders = tool("E2E_PROMETHEUS", "prometheus/usr/bin").into_iter().chain(PATH.split(':').map(PathBuf::from));
    let path = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if path.is_none() {
        aloud(&format!("SKIPPED: there is no `{name}`: `scripts/setup test` installs it"));
    }
    path
}

/// The folder of configuration and rules.
pub(crate) fn folder() -> PathBuf {
    repository().join("deploy/prometheus")
}

/// A Prometheus that scrapes every second; it ends with this value.
pub(crate) struct Prometheus {
    url: Url,
    client: Client,
    _process: Child,
}

impl Prometheus {
    /// Scrapes the targets of each job, and evaluates the rules.
    pub(crate) async fn start(world: &World, program: &Path, jobs: &[(&str, Vec<String>)]) -> Self {
        let home = world.path("prometheus");
        fs::create_dir(&home).unwrap();
        let scraped: Vec<Value> = jobs
            .iter()
            .map(|(job, targets)| json!({"job_name": job, "static_configs": [{"targets": targets}]}))
            .collect();
        let every_second = json!({"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"});
        let rules = json!([folder().join("rules/*.yml")]);
        let config = json!({"global": every_second, "rule_files": rules, "scrape_configs": scraped});
        fs::write(home.join("prometheus.yml"), config.to_string()).unwrap();

        let mut command = world.command(program);
        command.arg("--config.file").arg(home.join("prometheus.yml"));
        command.arg("--storage.tsdb.path").arg(home.join("data")).args(["--web.listen-address", "127.0.0.1:0"]);
        let process = command.stderr(fs::File::create(home.join("log")).unwrap()).spawn().unwrap();
        let url = until("Prometheus listens", async || {
            let log = fs::read_to_string(home.join("log")).unwrap();
            let (_, after) = log.split_once("\"Listening on\" address=")?;
            let (address, _) = after.split_once('\n')?;
            Url::parse(&format!("http://{address}/")).ok()
        })
        .await;
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().read_timeout(ANSWER_TIMEOUT).build().unwrap();
        until("Prometheus answers", async || {
            let ready = client.get(url.join("-/ready").unwrap()).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
        Self { url, client, _process: process }
    }

    /// The series that `expression` has now; or what is wrong with it.
    pub(crate) async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let mut url = self.url.join("api/v1/query").unwrap();
        url.query_pairs_mut().append_pair("query", expression);
        let told: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        match told["status"].as_str() {
            Some("success") => Ok(told["data"]["result"].as_array().unwrap().clone()),
            _ => Err(told["error"].to_string()),
        }
    }

    /// The only value of `expression`.
    pub(crate) async fn value(&self, expression: &str) -> Option<f64> {
        value(self.query(expression).await.unwrap().first()?)
    }

    /// Every rule as it was evaluated.
    pub(crate) async fn rules(&self) -> Vec<Value> {
        let url = self.url.join("api/v1/rules").unwrap();
        let told: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let groups = told["data"]["groups"].as_array().unwrap();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    /// Waits until everything was scraped and evaluated that was there when it was called.
    pub(crate) async fn catches_up(&self) {
        let now = self.value("vector(time())").await.unwrap();
        until("everything was scraped again, twice", async || {
            (self.value("min(timestamp(up))").await? > now + 2.0 && self.value("min(up)").await? >= 1.0).then_some(())
        })
        .await;
    }
}

/// A sample's value, if it is a number.
pub(crate) fn value(series: &Value) -> Option<f64> {
    series["value"][1].as_str()?.parse().ok().filter(|value: &f64| value.is_finite())
}

//! A Docker engine, through its HTTP API: one container and one network per instance.
//!
//! What a container may do is said in `docker/body`. The engine never starts anything again by itself: when to do so is
//! the reconciler's to decide.

mod body;
mod failure;
mod seen;

pub(super) use seen::url;

use super::{
    Workload,
    runtime::{
        CONFIG_LABEL, INSTALLATION_LABEL, InstanceId, Observed, Reach, Runtime, RuntimeError, SERVER_LABEL, log_lines,
    },
};
use async_trait::async_trait;
use bollard::{
    API_DEFAULT_VERSION, Docker,
    query_parameters::{
        CreateContainerOptionsBuilder, CreateImageOptionsBuilder, EventsOptionsBuilder, ListContainersOptionsBuilder,
        ListNetworksOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
    },
};
use control_plane_api::{instance::LogLine, name::Name, timestamp::Timestamp};
use failure::{engine, gone, is_said, status, told};
use futures::{StreamExt as _, TryStreamExt as _};
use seen::{endpoint, phase};
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    path::Path,
    time::Duration,
};

/// Time for one answer of the engine, in seconds.
const ANSWER_TIMEOUT_S: u64 = 15;
/// Time for an image to arrive.
const PULL_TIMEOUT: Duration = Duration::from_secs(900);
/// Time a container has to end by itself, in seconds.
const STOP_TIMEOUT_S: i32 = 5;
/// Bytes of a log that are read at once.
const LOG_BYTES_MAX: usize = 4 << 20;

/// A Docker engine.
pub(crate) struct DockerEngine {
    docker: Docker,
    installation: String,
    /// Address of this machine on which containers with a way out are reached.
    publish: IpAddr,
}

impl DockerEngine {
    /// The engine at `host`: `unix:///…`, or `tcp://…` with TLS where `certificates` holds `ca.pem`, `cert.pem` and
    /// `key.pem`. Nothing is connected yet.
    pub(crate) fn new(
        host: &str,
        certificates: Option<&Path>,
        installation: &str,
        publish: IpAddr,
    ) -> Result<Self, RuntimeError> {
        let docker = match (host.split_once("://").map(|(scheme, _)| scheme), certificates) {
            (Some("unix"), _) => Docker::connect_with_unix(host, ANSWER_TIMEOUT_S, API_DEFAULT_VERSION),
            (Some("tcp" | "https"), Some(folder)) => {
                let [key, cert, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|file| folder.join(file));
                Docker::connect_with_ssl(host, &key, &cert, &ca, ANSWER_TIMEOUT_S, API_DEFAULT_VERSION)
            }
            (Some("tcp" | "http"), None) => Docker::connect_with_http(host, ANSWER_TIMEOUT_S, API_DEFAULT_VERSION),
            _ => {
                let hint = "use `unix:///var/run/docker.sock` or `tcp://host:port`";
                return Err(RuntimeError::Engine(format!("DOCKER_HOST is `{host}`, which is no address: {hint}")));
            }
        };
        let docker = docker.map_err(|error| engine(&error))?;
        Ok(Self { docker, installation: installation.to_owned(), publish })
    }

    /// Makes sure that the image is there, and that it is the one that was asked for.
    async fn image(&self, image: &str) -> Result<(), RuntimeError> {
        let digest = image.split_once('@').map_or("", |(_, digest)| digest);
        let found = match self.docker.inspect_image(image).await {
            Err(error) if status(&error) == Some(404) => {
                tracing::info!(image, "Fetching an image");
                self.pull(image).await?;
                self.docker.inspect_image(image).await
            }
            found => found,
        };
        let found = found.map_err(|error| match status(&error) {
            Some(404) => RuntimeError::Workload(format!("image `{image}` cannot be found after it was fetched")),
            _ => engine(&error),
        })?;
        let digests = found.repo_digests.unwrap_or_default();
        if digests.iter().any(|have| have.split_once('@').is_some_and(|(_, have)| have == digest)) {
            return Ok(());
        }
        Err(RuntimeError::Workload(format!(
            "the engine has something else than `{image}` under that name ({}): remove it there, and it is fetched again",
            if digests.is_empty() { "without a digest".to_owned() } else { digests.join(", ") }
        )))
    }

    async fn pull(&self, image: &str) -> Result<(), RuntimeError> {
        let failed = |reason: String| RuntimeError::Workload(format!("image `{image}` cannot be fetched: {reason}"));
        let options = CreateImageOptionsBuilder::new().from_image(image).build();
        let patient = self.docker.clone().with_timeout(PULL_TIMEOUT);
        let mut progress = patient.create_image(Some(options), None, None);
        let done = async {
            while let Some(step) = progress.next().await {
                let step = step.map_err(|error| match status(&error) {
                    Some(500..) | None if !is_said(&error) => engine(&error),
                    _ => failed(told(&error)),
                })?;
                if let Some(error) = step.error_detail.and_then(|detail| detail.message) {
                    return Err(failed(error));
                }
            }
            Ok(())
        };
        let late = || failed(format!("it did not arrive within {} s", PULL_TIMEOUT.as_secs()));
        tokio::time::timeout(PULL_TIMEOUT, done).await.unwrap_or_else(|_| Err(late()))
    }

    /// Makes sure that the instance's network is there.
    async fn network(&self, workload: &Workload) -> Result<(), RuntimeError> {
        let name = workload.id.object_name();
        match self.docker.inspect_network(&name, None).await {
            Ok(_) => return Ok(()),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(engine(&error)),
        }
        match self.docker.create_network(body::network(workload)).await {
            // Another replica was quicker.
            Err(error) if status(&error) != Some(409) => Err(engine(&error)),
            _ => Ok(()),
        }
    }

    fn is_ours(&self, labels: &HashMap<String, String>, id: &InstanceId) -> bool {
        labels.get(INSTALLATION_LABEL) == Some(&self.installation)
            && labels.get(SERVER_LABEL).map(String::as_str) == Some(id.server.as_str())
    }

    fn filter(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![format!("{INSTALLATION_LABEL}={}", self.installation)])])
    }
}

#[async_trait]
impl Runtime for DockerEngine {
    fn restarts_itself(&self) -> bool {
        false
    }

    async fn start(&self, workload: &Workload) -> Result<(), RuntimeError> {
        self.image(&workload.container.image).await?;
        self.network(workload).await?;
        let name = workload.id.object_name();
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        match self.docker.create_container(Some(options), body::container(workload, self.publish)).await {
            // Another replica was quicker, or the answer to an earlier attempt was lost: there is one by this name.
            Err(error) if status(&error) == Some(409) => {}
            Err(error) if status(&error).is_some_and(|status| (400..500).contains(&status)) => {
                return Err(RuntimeError::Workload(format!("the container cannot be made: {}", told(&error))));
            }
            Err(error) => return Err(engine(&error)),
            Ok(_) => {}
        }
        match self.docker.start_container(&name, None).await {
            Err(error) if status(&error).is_some_and(|status| (400..500).contains(&status)) => {
                Err(RuntimeError::Workload(format!("the container cannot be started: {}", told(&error))))
            }
            // 304: it runs already.
            Err(error) if status(&error) != Some(304) => Err(engine(&error)),
            _ => Ok(()),
        }
    }

    async fn stop(&self, id: &InstanceId) -> Result<(), RuntimeError> {
        let name = id.object_name();
        if self.inspect(id, &Reach { port: 0, path: String::new() }).await?.is_some() {
            let options = StopContainerOptionsBuilder::new().t(STOP_TIMEOUT_S).build();
            gone(self.docker.stop_container(&name, Some(options)).await, &[304, 404])?;
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            gone(self.docker.remove_container(&name, Some(options)).await, &[404, 409])?;
        }
        gone(self.docker.remove_network(&name).await, &[404])
    }

    async fn inspect(&self, id: &InstanceId, reach: &Reach) -> Result<Option<Observed>, RuntimeError> {
        let name = id.object_name();
        let found = match self.docker.inspect_container(&name, None).await {
            Err(error) if status(&error) == Some(404) => return Ok(None),
            found => found.map_err(|error| engine(&error))?,
        };
        let labels = found.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default();
        if !self.is_ours(&labels, id) {
            let hint = "it is left alone; remove or rename it";
            return Err(RuntimeError::Workload(format!("container `{name}` belongs to somebody else: {hint}")));
        }
        Ok(Some(Observed {
            runtime_id: found.id.clone().unwrap_or_default().chars().take(12).collect(),
            config: labels.get(CONFIG_LABEL).cloned().unwrap_or_default(),
            phase: phase(found.state.as_ref()),
            restarts: 0,
            endpoint: endpoint(&found, reach),
        }))
    }

    async fn logs(
        &self,
        id: &InstanceId,
        lines: usize,
        since: Option<Timestamp>,
    ) -> Result<Vec<LogLine>, RuntimeError> {
        let seconds = since.and_then(|since| i32::try_from(since.as_millis() / 1_000).ok()).unwrap_or_default();
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).since(seconds);
        let options = options.tail(&lines.to_string()).build();
        let mut text = Vec::new();
        let mut pieces = self.docker.logs(&id.object_name(), Some(options));
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) if text.len() < LOG_BYTES_MAX => text.extend_from_slice(&piece.into_bytes()),
                Ok(_) => break,
                Err(error) if status(&error) == Some(404) => return Ok(Vec::new()),
                Err(error) => return Err(engine(&error)),
            }
        }
        Ok(log_lines(&String::from_utf8_lossy(&text), lines, since))
    }

    async fn list(&self) -> Result<Vec<InstanceId>, RuntimeError> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&self.filter()).build();
        let containers = self.docker.list_containers(Some(options)).await.map_err(|error| engine(&error))?;
        let options = ListNetworksOptionsBuilder::new().filters(&self.filter()).build();
        let networks = self.docker.list_networks(Some(options)).await.map_err(|error| engine(&error))?;
        let labels = containers.into_iter().map(|container| container.labels);
        let labels = labels.chain(networks.into_iter().map(|network| network.labels)).flatten();
        // The engine's word is not enough: what it filters by is checked again.
        let ours = labels.filter(|labels| labels.get(INSTALLATION_LABEL) == Some(&self.installation));
        let servers: BTreeSet<Name> = ours.filter_map(|labels| labels.get(SERVER_LABEL)?.parse().ok()).collect();
        let id = |server| InstanceId { installation: self.installation.clone(), server, namespace: String::new() };
        Ok(servers.into_iter().map(id).collect())
    }

    async fn changed(&self) -> Result<Option<Name>, RuntimeError> {
        let mut filter = self.filter();
        filter.insert("type".to_owned(), vec!["container".to_owned()]);
        filter.insert("event".to_owned(), ["die", "oom", "start", "destroy"].map(str::to_owned).to_vec());
        let mut events = self.docker.events(Some(EventsOptionsBuilder::new().filters(&filter).build()));
        let event = events.try_next().await.map_err(|error| engine(&error))?;
        let server = event.and_then(|event| event.actor?.attributes?.remove(SERVER_LABEL));
        Ok(server.and_then(|server| server.parse().ok()))
    }
}

//! A Kubernetes cluster: per instance a Deployment with one pod, a Service, a NetworkPolicy and a Secret with its
//! environment, all applied by the server (server-side apply) and all under one name.
//!
//! What a pod may do is said in `kubernetes/manifests`. The kubelet starts what ended again, with a back-off of its own; a
//! change of the configuration replaces the pod.

mod manifests;
mod pods;

use super::{
    Workload,
    runtime::{
        CONFIG_LABEL, INSTALLATION_LABEL, InstanceId, Observed, Phase, Reach, Runtime, RuntimeError, SERVER_LABEL,
        log_lines,
    },
};
use async_trait::async_trait;
use control_plane_api::{instance::LogLine, name::Name, timestamp::Timestamp};
use futures::TryStreamExt as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{Pod, Secret, Service},
        networking::v1::NetworkPolicy,
    },
};
use kube::{
    Api, Client, Config, Error, Resource,
    api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    net::IpAddr,
    path::Path,
    time::Duration,
};

/// Who applies: fields of other managers stay theirs, those that are ours are taken back.
const FIELD_MANAGER: &str = "mcpd";
/// Time for one answer of the API server. Longer than one watch.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Time to connect to it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one watch lasts, in seconds.
const WATCH_S: u32 = 30;
/// Bytes of a log that are read at once.
const LOG_BYTES_MAX: i64 = 4 << 20;

/// A cluster.
pub(crate) struct Cluster {
    client: Client,
    installation: String,
}

impl Cluster {
    /// The cluster that the file names, else the one that mcpd runs in. Nothing is connected yet.
    pub(crate) async fn connect(kubeconfig: Option<&Path>, installation: &str) -> Result<Self, RuntimeError> {
        let unusable = |reason: String| {
            let hint = "name a kubeconfig in KUBECONFIG, or run mcpd in the cluster";
            RuntimeError::Engine(format!("the Kubernetes cluster is not known: {reason}; {hint}"))
        };
        let config = match kubeconfig {
            Some(file) => {
                let read = Kubeconfig::read_from(file).map_err(|error| unusable(error.to_string()))?;
                let options = KubeConfigOptions::default();
                Config::from_custom_kubeconfig(read, &options).await.map_err(|error| unusable(error.to_string()))
            }
            None => Config::incluster().map_err(|error| unusable(error.to_string())),
        };
        let mut config = config?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(ANSWER_TIMEOUT);
        let client = Client::try_from(config).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { client, installation: installation.to_owned() })
    }

    fn api<K>(&self, id: &InstanceId) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &id.namespace)
    }

    async fn apply<K>(&self, id: &InstanceId, object: &K) -> Result<(), RuntimeError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
        K::DynamicType: Default,
    {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        match self.api::<K>(id).patch(&id.object_name(), &params, &Patch::Apply(object)).await {
            Ok(_) => Ok(()),
            // It says what is wrong with what it was given, or that it may not be had there.
            Err(Error::Api(status)) if matches!(status.code, 400 | 403 | 404 | 422) => {
                Err(RuntimeError::Workload(format!("the cluster refuses it: {}", status.message)))
            }
            Err(error) => Err(engine(&error)),
        }
    }

    async fn delete<K>(&self, id: &InstanceId) -> Result<(), RuntimeError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        match self.api::<K>(id).delete(&id.object_name(), &DeleteParams::background()).await {
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(engine(&error)),
            Ok(_) => Ok(()),
        }
    }

    /// The newest pod of an instance that is to stay.
    async fn pod(&self, id: &InstanceId) -> Result<Option<Pod>, RuntimeError> {
        let selector = format!("{INSTALLATION_LABEL}={},{SERVER_LABEL}={}", self.installation, id.server);
        let pods = self.api::<Pod>(id).list(&ListParams::default().labels(&selector)).await;
        Ok(pods::newest(pods.map_err(|error| engine(&error))?.items))
    }

    fn selector(&self) -> String {
        format!("{INSTALLATION_LABEL}={}", self.installation)
    }
}

#[async_trait]
impl Runtime for Cluster {
    fn restarts_itself(&self) -> bool {
        true
    }

    async fn start(&self, workload: &Workload) -> Result<(), RuntimeError> {
        let id = &workload.id;
        // The walls before what they surround.
        self.apply(id, &manifests::network_policy(workload)).await?;
        self.apply(id, &manifests::secret(workload)).await?;
        self.apply(id, &manifests::service(workload)).await?;
        self.apply(id, &manifests::deployment(workload)).await
    }

    async fn stop(&self, id: &InstanceId) -> Result<(), RuntimeError> {
        self.delete::<Deployment>(id).await?;
        self.delete::<Service>(id).await?;
        self.delete::<Secret>(id).await?;
        self.delete::<NetworkPolicy>(id).await
    }

    async fn inspect(&self, id: &InstanceId, reach: &Reach) -> Result<Option<Observed>, RuntimeError> {
        let name = id.object_name();
        let Some(deployment) = self.api::<Deployment>(id).get_opt(&name).await.map_err(|error| engine(&error))? else {
            return Ok(None);
        };
        let labels = deployment.metadata.labels.clone().unwrap_or_default();
        if !is_ours(&labels, id) {
            return Err(RuntimeError::Workload(format!(
                "deployment `{name}` belongs to somebody else: it is left alone"
            )));
        }
        let config = labels.get(CONFIG_LABEL).cloned().unwrap_or_default();
        let pod = self.pod(id).await?;
        let service = self.api::<Service>(id).get_opt(&name).await.map_err(|error| engine(&error))?;
        let address = service.and_then(|service| service.spec?.cluster_ip?.parse::<IpAddr>().ok());
        Ok(Some(Observed {
            runtime_id: pod.as_ref().and_then(|pod| pod.metadata.name.clone()).unwrap_or(name),
            // The pod of the configuration before may still be there: it is not what was asked for.
            phase: match &pod {
                Some(pod) if pods::config(pod) == config => pods::phase(pod),
                _ => Phase::Starting(pods::hindrance(&deployment)),
            },
            restarts: pod.as_ref().map_or(0, pods::restarts),
            config,
            endpoint: address.map(|address| super::docker::url(address, reach.port, &reach.path)),
        }))
    }

    async fn logs(
        &self,
        id: &InstanceId,
        lines: usize,
        since: Option<Timestamp>,
    ) -> Result<Vec<LogLine>, RuntimeError> {
        let Some(pod) = self.pod(id).await? else { return Ok(Vec::new()) };
        let params = LogParams {
            tail_lines: i64::try_from(lines).ok(),
            limit_bytes: Some(LOG_BYTES_MAX),
            timestamps: true,
            // What ended has said why; what runs now has not come to that.
            previous: matches!(pods::phase(&pod), Phase::Ended(_)) && pods::restarts(&pod) > 0,
            ..LogParams::default()
        };
        match self.api::<Pod>(id).logs(pod.metadata.name.as_deref().unwrap_or_default(), &params).await {
            // Not started yet, or gone meanwhile.
            Err(Error::Api(status)) if matches!(status.code, 400 | 404) => Ok(Vec::new()),
            Err(error) => Err(engine(&error)),
            Ok(text) => Ok(log_lines(&text, lines, since)),
        }
    }

    async fn list(&self) -> Result<Vec<InstanceId>, RuntimeError> {
        let params = ListParams::default().labels(&self.selector());
        let found = Api::<Deployment>::all(self.client.clone()).list(&params).await.map_err(|error| engine(&error))?;
        let id = |deployment: Deployment| {
            let server: Name = deployment.metadata.labels?.get(SERVER_LABEL)?.parse().ok()?;
            let (installation, namespace) = (self.installation.clone(), deployment.metadata.namespace?);
            Some(InstanceId { installation, server, namespace })
        };
        let ids: BTreeSet<InstanceId> = found.items.into_iter().filter_map(id).collect();
        Ok(ids.into_iter().collect())
    }

    async fn changed(&self) -> Result<Option<Name>, RuntimeError> {
        let pods = Api::<Pod>::all(self.client.clone());
        let list = pods.list(&ListParams::default().labels(&self.selector()).limit(1)).await;
        let version = list.map_err(|error| engine(&error))?.metadata.resource_version.unwrap_or_default();
        let params = WatchParams::default().labels(&self.selector()).timeout(WATCH_S);
        let events = pods.watch(&params, &version).await.map_err(|error| engine(&error))?;
        let event = std::pin::pin!(events).try_next().await.map_err(|error| engine(&error))?;
        let pod = match event {
            Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod) | WatchEvent::Deleted(pod)) => pod,
            // 410: the version is too old by now. The next call begins with a new one.
            Some(WatchEvent::Error(_) | WatchEvent::Bookmark(_)) | None => return Ok(None),
        };
        Ok(pod.metadata.labels.and_then(|mut labels| labels.remove(SERVER_LABEL)?.parse().ok()))
    }
}

fn is_ours(labels: &BTreeMap<String, String>, id: &InstanceId) -> bool {
    labels.get(INSTALLATION_LABEL) == Some(&id.installation)
        && labels.get(SERVER_LABEL).map(String::as_str) == Some(id.server.as_str())
}

fn engine(error: &Error) -> RuntimeError {
    let reason = match error {
        Error::Api(status) => format!("{}: {}", status.code, status.message),
        other => {
            let cause = std::iter::successors(std::error::Error::source(other), |cause| cause.source()).last();
            cause.map_or_else(|| other.to_string(), ToString::to_string)
        }
    };
    RuntimeError::Engine(format!("the Kubernetes cluster failed ({reason})"))
}

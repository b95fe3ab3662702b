//! The engines there are, connected when the first instance needs them: without containers nothing is ever connected.

use super::{docker::DockerEngine, kubernetes::Cluster, runtime::Runtime, runtime::RuntimeError};
use control_plane_api::runtime::RuntimeKind;
use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use tokio::sync::OnceCell;

/// Where the engines are.
#[derive(Clone)]
pub(crate) struct EngineSettings {
    /// `unix://…` or `tcp://…`.
    pub(crate) docker_host: String,
    /// Folder with certificates for `tcp://`.
    pub(crate) docker_certificates: Option<PathBuf>,
    /// Address on which containers are published.
    pub(crate) publish: IpAddr,
    /// Absent: the cluster in which mcpd runs, or the user's own file.
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// See the module.
pub(crate) struct Engines {
    settings: EngineSettings,
    installation: String,
    docker: OnceLock<Arc<dyn Runtime>>,
    kubernetes: OnceCell<Arc<dyn Runtime>>,
}

impl Engines {
    pub(crate) fn new(settings: EngineSettings, installation: &str) -> Self {
        let installation = installation.to_owned();
        Self { settings, installation, docker: OnceLock::new(), kubernetes: OnceCell::new() }
    }

    /// The engine of that kind.
    pub(super) async fn get(&self, kind: RuntimeKind) -> Result<Arc<dyn Runtime>, RuntimeError> {
        match kind {
            RuntimeKind::Process => Err(RuntimeError::Workload("its gateways run it".to_owned())),
            RuntimeKind::Docker => self.docker(),
            RuntimeKind::Kubernetes => {
                let connect = async || {
                    let cluster = Cluster::connect(self.settings.kubeconfig.as_deref(), &self.installation).await?;
                    Ok(Arc::new(cluster) as Arc<dyn Runtime>)
                };
                self.kubernetes.get_or_try_init(connect).await.cloned()
            }
        }
    }

    fn docker(&self) -> Result<Arc<dyn Runtime>, RuntimeError> {
        if let Some(engine) = self.docker.get() {
            return Ok(engine.clone());
        }
        let EngineSettings { docker_host, docker_certificates, publish, .. } = &self.settings;
        let engine = DockerEngine::new(docker_host, docker_certificates.as_deref(), &self.installation, *publish)?;
        let engine: Arc<dyn Runtime> = Arc::new(engine);
        Ok(self.docker.get_or_init(|| engine).clone())
    }
}

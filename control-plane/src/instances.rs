//! Instances that mcpd looks after: servers in containers, made to be what the configuration says.
//!
//! Reading order: [`runtime`] is what an engine can do, `docker` and `kubernetes` do it; `workload` is what is to run;
//! `care` decides what to do about one instance and does it; `reconcile` gives every instance its turn, one replica at a
//! time. `probe` asks an instance over MCP how it is. Child processes belong to the gateways: of them only orders and
//! reports pass here (`view`).

mod care;
mod docker;
mod engines;
mod kubernetes;
mod probe;
mod reconcile;
mod runtime;
mod view;
mod workload;

pub(crate) use engines::{EngineSettings, Engines};
pub(crate) use probe::{Probe, ProbeError};
pub(crate) use runtime::RuntimeError;
pub(crate) use view::{gateways_of, status_of};
use workload::{Wanted, Workload};

use crate::{
    publish::Published,
    secrets::Keys,
    store::{Store, StoreError, StoredSecret},
};
use control_plane_api::{
    instance::LogLine,
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    runtime::{NAMESPACE_DEFAULT, Runtime},
    server::ServerSpec,
    timestamp::Timestamp,
};
use parking_lot::Mutex;
use rand::{RngCore as _, rngs::OsRng};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::Notify;

/// The fact under which the id of the installation is kept.
const INSTALLATION: &str = "installation";

/// Looks after instances. Clones share everything.
#[derive(Clone)]
pub(crate) struct Instances {
    store: Store,
    keys: Arc<Keys>,
    published: Published,
    engines: Arc<Engines>,
    pub(crate) probe: Probe,
    installation: Arc<str>,
    /// Of which an engine told something.
    urgent: Arc<Mutex<BTreeSet<Name>>>,
    wake: Arc<Notify>,
}

impl Instances {
    pub(crate) async fn new(
        store: Store,
        keys: Arc<Keys>,
        published: Published,
        settings: EngineSettings,
    ) -> Result<Self, StoreError> {
        let installation: Arc<str> = installation(&store).await?.into();
        let engines = Arc::new(Engines::new(settings, &installation));
        let (urgent, wake) = (Arc::default(), Arc::new(Notify::new()));
        Ok(Self { store, keys, published, engines, probe: Probe::default(), installation, urgent, wake })
    }

    /// The last `lines` that the container of a server wrote, without the secrets in its environment; `secrets` are all
    /// there are.
    pub(crate) async fn logs(
        &self,
        (server, secrets): (&Named<ServerSpec>, &[StoredSecret]),
        lines: usize,
        since: Option<Timestamp>,
    ) -> Result<Vec<LogLine>, RuntimeError> {
        let Some(container) = server.spec.runtime.container() else { return Ok(Vec::new()) };
        let engine = self.engines.get(server.spec.runtime.kind()).await?;
        let wanted = Wanted { server, container, restarts: 0, id: self.id(server), secrets };
        let lines = engine.logs(&wanted.id, lines, since).await?;
        Ok(wanted.blotted(&self.keys, lines))
    }

    fn id(&self, server: &Named<ServerSpec>) -> runtime::InstanceId {
        let namespace = match &server.spec.runtime {
            Runtime::Kubernetes(container) => container.namespace.as_deref().unwrap_or(NAMESPACE_DEFAULT),
            Runtime::Process | Runtime::Docker(_) => "",
        };
        let (server, namespace) = (server.name.clone(), namespace.to_owned());
        runtime::InstanceId { installation: self.installation.to_string(), server, namespace }
    }

    /// A server as it is configured now, and the secrets there are. From the store: what was published may be older.
    async fn configured(&self, server: &Name) -> Result<Configured, StoreError> {
        let mut tx = self.store.read().await?;
        let object = tx.object(&ObjectRef { kind: Kind::Server, name: server.clone() }).await?;
        let server = match object {
            Some(Object::Server(server)) => Some(server),
            _ => None,
        };
        Ok(Configured { revision: tx.revision().await?, server, secrets: tx.secrets().await? })
    }
}

/// What the configuration says about one server.
struct Configured {
    revision: u64,
    server: Option<Named<ServerSpec>>,
    secrets: Vec<StoredSecret>,
}

/// The id of this installation, made at the first start: engines may serve several.
async fn installation(store: &Store) -> Result<String, StoreError> {
    // A change, because replicas that start together on an empty database must agree on one.
    let mut change = store.change().await?;
    if let Some(id) = change.tx().meta(INSTALLATION).await? {
        return Ok(id);
    }
    let mut bytes = [0_u8; 16];
    OsRng.fill_bytes(&mut bytes);
    let id = hex::encode(bytes);
    change.tx().put_meta(INSTALLATION, &id).await?;
    change.commit().await?;
    Ok(id)
}

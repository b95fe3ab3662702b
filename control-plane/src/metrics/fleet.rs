//! What the database tells of everything that mcpd looks after, read in one go.

use crate::store::{CredentialEnd, InstanceCount, SeenGateway, Store, StoreError};
use control_plane_api::{gateway::GatewayState, timestamp::Timestamp};

/// What there was when it was read.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(super) read_at: Timestamp,
    pub(super) revision: u64,
    pub(super) gateways: Vec<SeenGateway>,
    pub(super) instances: Vec<InstanceCount>,
    pub(super) credential_ends: Vec<CredentialEnd>,
    pub(super) sessions: u64,
}

impl Fleet {
    /// Reads it: one transaction, five statements, each with a bounded number of rows.
    pub(crate) async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut tx = store.read().await?;
        Ok(Self {
            read_at: Timestamp::now(),
            revision: tx.revision().await?,
            gateways: tx.seen_gateways().await?,
            instances: tx.instance_counts().await?,
            credential_ends: tx.credential_ends().await?,
            sessions: tx.session_count().await?,
        })
    }

    /// How many gateways are so.
    pub(super) fn gateways_in(&self, state: GatewayState) -> u64 {
        self.gateways.iter().filter(|gateway| self.state(gateway) == state).count() as u64
    }

    fn state(&self, gateway: &SeenGateway) -> GatewayState {
        let reported = gateway.reported.as_ref().map(|(config, draining)| (config, *draining));
        let heard_at = gateway.seen_at.unwrap_or(gateway.enrolled_at);
        GatewayState::of(reported, heard_at, self.revision, self.read_at)
    }

    /// How many instances of this runtime do this.
    pub(super) fn instances_in(&self, runtime: &str, state: &str) -> u64 {
        let same = |instance: &&InstanceCount| instance.runtime == runtime && instance.state == state;
        self.instances.iter().filter(same).map(|instance| instance.count).sum()
    }

    /// The gateways of administrators. Those of developers come and go as laptops do, and their names tell of people.
    pub(super) fn named_gateways(&self) -> impl Iterator<Item = &SeenGateway> {
        self.gateways.iter().filter(|gateway| !gateway.is_laptop)
    }
}

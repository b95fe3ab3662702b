//! One instance's turn: its lease, its next step, and what is written down of it.

use super::super::{
    Configured, Instances,
    care::{Care, ENGINE_RETRY_MS, unknown},
};
use crate::{
    identity::new_id,
    store::{StoreError, StoredInstance},
};
use control_plane_api::{instance::InstanceStatus, name::Name, runtime::RuntimeKind, timestamp::Timestamp};
use std::time::Duration;
use tokio::time::interval;

/// How long a lease holds, in milliseconds. Whoever works on renews it.
const LEASE_MS: i64 = 15_000;
/// Between two renewals.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(5);

impl Instances {
    /// One instance's turn, unless another replica has it. It ends early when something else is wanted meanwhile: fetching
    /// an image takes its time.
    pub(super) async fn turn(&self, row: StoredInstance) -> Result<(), StoreError> {
        let lease = new_id();
        let mut tx = self.store.write().await?;
        if !tx.lease_instance(&row, &lease, Timestamp::now().plus_millis(LEASE_MS)).await? {
            return Ok(());
        }
        tx.commit().await?;
        let server = row.server.clone();
        tokio::select! {
            done = self.tend(row.clone(), &lease) => done,
            lost = self.keep_lease(&server, &lease) => lost,
            () = self.superseded(&row) => {
                let before = row.endpoint.clone();
                self.write(StoredInstance { next_at: Some(Timestamp::now()), ..row }, before, &lease).await
            }
        }
    }

    /// Waits until something else is wanted of an instance than when its turn began.
    async fn superseded(&self, row: &StoredInstance) {
        let mut newest = self.published.subscribe();
        let begun = self.goal(row, newest.borrow_and_update().configuration());
        loop {
            if newest.changed().await.is_err() {
                return std::future::pending().await;
            }
            let configuration = newest.borrow_and_update().configuration().clone();
            // Orders are counted beside the objects.
            let orders = configuration.instances.iter().find(|have| have.server == row.server).map(|have| have.orders);
            let row = StoredInstance { orders: orders.unwrap_or(row.orders), ..row.clone() };
            if self.goal(&row, &configuration) != begun {
                return;
            }
        }
    }

    /// Renews a lease until it is lost.
    async fn keep_lease(&self, server: &Name, lease: &str) -> Result<(), StoreError> {
        let mut clock = interval(RENEWAL_INTERVAL);
        clock.tick().await;
        loop {
            clock.tick().await;
            let mut tx = self.store.write().await?;
            if !tx.renew_instance_lease(server, lease, Timestamp::now().plus_millis(LEASE_MS)).await? {
                tracing::warn!(%server, "Lost the lease of an instance");
                return Ok(());
            }
            tx.commit().await?;
        }
    }

    async fn tend(&self, mut row: StoredInstance, lease: &str) -> Result<(), StoreError> {
        let Configured { revision, server, secrets } = self.configured(&row.server).await?;
        let kind = server.as_ref().map(|server| server.spec.runtime.kind());
        let before = row.endpoint.clone();
        if row.runtime == RuntimeKind::Process {
            // It was a gateway's child until now.
            row.runtime = kind.unwrap_or(RuntimeKind::Process);
            row.next_at = kind.filter(|kind| *kind != RuntimeKind::Process).map(|_| Timestamp::now());
            return self.write(row, before, lease).await;
        }
        let engine = match self.engines.get(row.runtime).await {
            Ok(engine) => engine,
            Err(error) => {
                row.next_at = Some(Timestamp::now().plus_millis(ENGINE_RETRY_MS));
                let status = row.status.take().or_else(|| server.as_ref().map(|server| unknown(server, row.runtime)));
                row.status = status.map(|status| InstanceStatus { reason: Some(error.to_string()), ..status });
                return self.write(row, before, lease).await;
            }
        };
        let here = server.as_ref().filter(|_| kind == Some(row.runtime));
        let wanted = here.and_then(|server| self.wanted(server, &row, &secrets));
        let (name, orders) = (row.server.clone(), row.orders);
        match (Box::pin(Care { instances: self, row, engine, revision }.tend(wanted)).await, kind) {
            (Some(row), _) => self.write(row, before, lease).await,
            // It goes on elsewhere, with the orders that were given.
            (None, Some(kind)) => {
                let row = StoredInstance { orders, ..StoredInstance::new(name, kind) };
                self.write(row, before, lease).await
            }
            (None, None) => {
                let mut tx = self.store.write().await?;
                tx.delete_instance(&name, lease).await?;
                tx.commit().await
            }
        }
    }

    /// Writes what became of an instance. Where it is reached is configuration: gateways are told.
    async fn write(&self, row: StoredInstance, before: Option<String>, lease: &str) -> Result<(), StoreError> {
        if row.endpoint == before {
            let mut tx = self.store.write().await?;
            tx.put_instance(&row, lease).await?;
            return tx.commit().await;
        }
        let mut change = self.store.change().await?;
        if change.writing().put_instance(&row, lease).await? {
            change.commit().await?;
            self.published.announce();
        }
        Ok(())
    }
}

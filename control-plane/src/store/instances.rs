//! Instances: what was asked of them, what is known of those that mcpd looks after, and who looks after them now.

use super::{StoreError, Tx, on, read_count, read_json, read_name, write_count, write_json};
use control_plane_api::{
    instance::InstanceStatus,
    name::Name,
    runtime::{Orders, RuntimeKind},
    timestamp::Timestamp,
};

/// An instance as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredInstance {
    pub(crate) server: Name,
    pub(crate) runtime: RuntimeKind,
    pub(crate) orders: Orders,
    /// Grows with every write of whoever holds the lease.
    pub(crate) version: u64,
    /// Digest of the configuration that was carried out last; empty: none.
    pub(crate) handled: String,
    /// Failures in a row.
    pub(crate) failures: u64,
    /// Questions in a row that were not answered.
    pub(crate) silences: u64,
    /// Where gateways reach it.
    pub(crate) endpoint: Option<String>,
    pub(crate) status: Option<InstanceStatus>,
    /// When to look again; absent: a gateway looks after it.
    pub(crate) next_at: Option<Timestamp>,
}

impl StoredInstance {
    /// One of which nothing is known yet.
    pub(crate) fn new(server: Name, runtime: RuntimeKind) -> Self {
        Self {
            server,
            runtime,
            orders: Orders::default(),
            version: 0,
            handled: String::new(),
            failures: 0,
            silences: 0,
            endpoint: None,
            status: None,
            next_at: (runtime != RuntimeKind::Process).then(|| Timestamp::from_millis(0)),
        }
    }
}

/// What an instance is asked to do, and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Restart,
    Test,
}

type Row = (String, String, i64, i64, i64, String, i64, i64, Option<String>, Option<String>, Option<i64>);

impl Tx {
    /// Every instance of which something is known.
    pub(crate) async fn instances(&mut self) -> Result<Vec<StoredInstance>, StoreError> {
        let sql = "SELECT server, runtime, restarts, tests, version, handled, failures, silences, endpoint, status, \
                   next_at FROM instances ORDER BY server";
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// Makes sure that there is a row for an instance that is run by `runtime`.
    pub(crate) async fn found_instance(&mut self, server: &Name, runtime: RuntimeKind) -> Result<(), StoreError> {
        let sql = "INSERT INTO instances (server, runtime, restarts, tests, version, handled, failures, silences, \
                   next_at) VALUES ($1, $2, 0, 0, 0, '', 0, 0, $3) ON CONFLICT (server) DO NOTHING";
        let next_at = StoredInstance::new(server.clone(), runtime).next_at.map(Timestamp::as_millis);
        on!(self, c => sqlx::query(sql)
            .bind(server.as_str()).bind(runtime.as_str()).bind(next_at).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Counts an order to an instance that has a row; the orders there are now.
    pub(crate) async fn order_instance(&mut self, server: &Name, order: Order) -> Result<Orders, StoreError> {
        let sql = match order {
            Order::Restart => {
                "UPDATE instances SET restarts = restarts + 1 WHERE server = $1 RETURNING restarts, tests"
            }
            Order::Test => "UPDATE instances SET tests = tests + 1 WHERE server = $1 RETURNING restarts, tests",
        };
        let (restarts, tests): (i64, i64) =
            on!(self, c => sqlx::query_as(sql).bind(server.as_str()).fetch_one(c).await)?;
        Ok(Orders { restarts: read_count(restarts), tests: read_count(tests) })
    }

    /// Takes an instance to look after it, unless somebody else has it or wrote meanwhile. Whether it was taken.
    pub(crate) async fn lease_instance(
        &mut self,
        instance: &StoredInstance,
        lease: &str,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE instances SET lease = $3, lease_until = $4 \
                   WHERE server = $1 AND version = $2 AND (lease_until IS NULL OR lease_until <= $5)";
        let (until, now) = (until.as_millis(), Timestamp::now().as_millis());
        let taken = on!(self, c => sqlx::query(sql)
            .bind(instance.server.as_str()).bind(write_count(instance.version)).bind(lease).bind(until).bind(now)
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(taken == 1)
    }

    /// Holds an instance longer. Whether it is still held.
    pub(crate) async fn renew_instance_lease(
        &mut self,
        server: &Name,
        lease: &str,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE instances SET lease_until = $3 WHERE server = $1 AND lease = $2";
        let held = on!(self, c => sqlx::query(sql)
            .bind(server.as_str()).bind(lease).bind(until.as_millis())
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(held == 1)
    }

    /// Writes what became of an instance and lets go of it. Nothing happens where `lease` does not hold it any more; whether
    /// it did.
    pub(crate) async fn put_instance(&mut self, instance: &StoredInstance, lease: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE instances SET runtime = $3, version = version + 1, handled = $4, failures = $5, silences = $6, \
                   endpoint = $7, status = $8, next_at = $9, lease = NULL, lease_until = NULL \
                   WHERE server = $1 AND lease = $2";
        let status = instance.status.as_ref().map(|status| write_json("an instance's status", status)).transpose()?;
        let written = on!(self, c => sqlx::query(sql)
            .bind(instance.server.as_str())
            .bind(lease)
            .bind(instance.runtime.as_str())
            .bind(&instance.handled)
            .bind(write_count(instance.failures))
            .bind(write_count(instance.silences))
            .bind(&instance.endpoint)
            .bind(status)
            .bind(instance.next_at.map(Timestamp::as_millis))
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(written == 1)
    }

    /// Forgets an instance that `lease` holds.
    pub(crate) async fn delete_instance(&mut self, server: &Name, lease: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM instances WHERE server = $1 AND lease = $2";
        on!(self, c => sqlx::query(sql).bind(server.as_str()).bind(lease).execute(c).await.map(drop))?;
        Ok(())
    }
}

fn read(row: Row) -> Result<StoredInstance, StoreError> {
    let (server, runtime, restarts, tests, version, handled, failures, silences, endpoint, status, next_at) = row;
    let kinds = [RuntimeKind::Process, RuntimeKind::Docker, RuntimeKind::Kubernetes];
    let runtime = kinds.into_iter().find(|kind| kind.as_str() == runtime).ok_or_else(|| StoreError::Unreadable {
        what: format!("the runtime of instance/{server}"),
        reason: format!("`{runtime}` is none"),
    })?;
    let status = status.map(|status| read_json(|| format!("the status of instance/{server}"), &status)).transpose()?;
    Ok(StoredInstance {
        server: read_name("an instance's server", &server)?,
        runtime,
        orders: Orders { restarts: read_count(restarts), tests: read_count(tests) },
        version: read_count(version),
        handled,
        failures: read_count(failures),
        silences: read_count(silences),
        endpoint,
        status,
        next_at: next_at.map(Timestamp::from_millis),
    })
}

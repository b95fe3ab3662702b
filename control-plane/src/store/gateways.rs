//! Enrolled gateways, their last reports, and the join tokens that enrol more.

use super::{StoreError, Tx, on, read_json, read_name, write_json};
use control_plane_api::{
    gateway::{ConfigState, GatewayStatus, GatewaySummary},
    name::Name,
    timestamp::Timestamp,
};
use std::collections::BTreeMap;

/// A gateway as it is kept, without its reports.
pub(crate) struct EnrolledGateway {
    pub(crate) name: Name,
    /// Digest of the token it presents.
    pub(crate) digest: String,
    /// Hex X25519 public key.
    pub(crate) sealing_key: String,
    pub(crate) enrolled_at: Timestamp,
    /// Whose local gateway it is; absent: an administrator's.
    pub(crate) owner: Option<Name>,
}

/// What a join token allows.
pub(crate) struct JoinGrant {
    pub(crate) gateway: Name,
    /// Whose local gateway it will be.
    pub(crate) owner: Option<Name>,
    pub(crate) expires_at: Timestamp,
}

impl JoinGrant {
    /// Whether its time is up.
    pub(crate) fn is_over(&self) -> bool {
        Timestamp::now() >= self.expires_at
    }
}

/// The part of a report that every version has.
#[derive(serde::Deserialize)]
struct Reported {
    config: ConfigState,
}

type Row = (String, i64, Option<i64>, Option<i64>, Option<String>, Option<String>);

impl Tx {
    /// Every gateway, by name.
    pub(crate) async fn gateways(&mut self) -> Result<Vec<GatewaySummary>, StoreError> {
        let sql = "SELECT name, enrolled_at, seen_at, drained_at, status, owner FROM gateways ORDER BY name";
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// Those whose word about servers counts: not the local ones, which are in their developers' hands.
    pub(crate) async fn serving_gateways(&mut self) -> Result<Vec<GatewaySummary>, StoreError> {
        let mut all = self.gateways().await?;
        all.retain(|gateway| gateway.owner.is_none());
        Ok(all)
    }

    /// One gateway.
    pub(crate) async fn gateway(&mut self, name: &Name) -> Result<Option<GatewaySummary>, StoreError> {
        let sql = "SELECT name, enrolled_at, seen_at, drained_at, status, owner FROM gateways WHERE name = $1";
        let row: Option<Row> = on!(self, c => sqlx::query_as(sql).bind(name.as_str()).fetch_optional(c).await)?;
        row.map(read).transpose()
    }

    /// Which gateway presents the token with this digest.
    pub(crate) async fn gateway_holder(&mut self, digest: &str) -> Result<Option<EnrolledGateway>, StoreError> {
        let sql = "SELECT name, sealing_key, enrolled_at, owner FROM gateways WHERE digest = $1";
        let row: Option<(String, String, i64, Option<String>)> =
            on!(self, c => sqlx::query_as(sql).bind(digest).fetch_optional(c).await)?;
        row.map(|(name, sealing_key, enrolled_at, owner)| {
            Ok(EnrolledGateway {
                name: read_name("a gateway's name", &name)?,
                digest: digest.to_owned(),
                sealing_key,
                enrolled_at: Timestamp::from_millis(enrolled_at),
                owner: read_owner(owner)?,
            })
        })
        .transpose()
    }

    /// The digests of the tokens by which gateways are recognised, and whether each is to be drained.
    pub(crate) async fn gateway_digests(&mut self) -> Result<BTreeMap<String, bool>, StoreError> {
        let sql = "SELECT digest, drained_at FROM gateways";
        let rows: Vec<(String, Option<i64>)> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(digest, drained_at)| (digest, drained_at.is_some())).collect())
    }

    /// Has a gateway drained since `since`, or serve again.
    pub(crate) async fn put_drained(&mut self, name: &Name, since: Option<Timestamp>) -> Result<(), StoreError> {
        let sql = "UPDATE gateways SET drained_at = $2 WHERE name = $1";
        let since = since.map(Timestamp::as_millis);
        on!(self, c => sqlx::query(sql).bind(name.as_str()).bind(since).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Enrols a gateway; one of the same name is replaced, together with its token. Whether it is to be drained stays.
    pub(crate) async fn put_gateway(&mut self, gateway: &EnrolledGateway) -> Result<(), StoreError> {
        let sql = "INSERT INTO gateways (name, digest, sealing_key, enrolled_at, owner) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, sealing_key = excluded.sealing_key, \
                   enrolled_at = excluded.enrolled_at, owner = excluded.owner, upstream = NULL, \
                   upstream_session = NULL, seen_at = NULL, status = NULL";
        let (name, digest, key) = (gateway.name.as_str(), &gateway.digest, &gateway.sealing_key);
        let owner = gateway.owner.as_ref().map(Name::as_str);
        let enrolled_at = gateway.enrolled_at.as_millis();
        on!(self, c => sqlx::query(sql)
            .bind(name).bind(digest).bind(key).bind(enrolled_at).bind(owner).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes a gateway, and the sessions that belong to it. Whether there was one.
    pub(crate) async fn delete_gateway(&mut self, name: &Name) -> Result<bool, StoreError> {
        self.delete_sessions_for(name).await?;
        let sql = "DELETE FROM gateways WHERE name = $1";
        let gone = on!(self, c => sqlx::query(sql)
            .bind(name.as_str()).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }

    /// Keeps a gateway's report.
    pub(crate) async fn put_status(&mut self, name: &Name, status: &GatewayStatus) -> Result<(), StoreError> {
        let sql = "UPDATE gateways SET seen_at = $2, status = $3 WHERE name = $1";
        let (now, status) = (Timestamp::now().as_millis(), write_json("a gateway's status", status)?);
        on!(self, c => sqlx::query(sql).bind(name.as_str()).bind(now).bind(status).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The revisions that gateways have last reported to have in force; a report that cannot be read counts for nothing, and
    /// neither does that of a local gateway, which is in its developer's hands.
    pub(crate) async fn revisions_reported(&mut self) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT status FROM gateways WHERE status IS NOT NULL AND owner IS NULL";
        let rows: Vec<(String,)> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        let config = |status: &str| Some(serde_json::from_str::<Reported>(status).ok()?.config.in_force());
        Ok(rows.iter().filter_map(|(status,)| config(status)).collect())
    }

    /// Keeps a join token; those that have expired are swept out on the way.
    pub(crate) async fn add_join_token(&mut self, digest: &str, grant: &JoinGrant) -> Result<(), StoreError> {
        let now = Timestamp::now().as_millis();
        let sql = "DELETE FROM join_tokens WHERE expires_at <= $1";
        on!(&mut *self, c => sqlx::query(sql).bind(now).execute(c).await.map(drop))?;
        let sql = "INSERT INTO join_tokens (digest, gateway, expires_at, owner) VALUES ($1, $2, $3, $4)";
        let (gateway, expires_at) = (grant.gateway.as_str(), grant.expires_at.as_millis());
        let owner = grant.owner.as_ref().map(Name::as_str);
        on!(self, c => sqlx::query(sql)
            .bind(digest).bind(gateway).bind(expires_at).bind(owner).execute(c).await.map(drop))?;
        Ok(())
    }

    /// What the join token with this digest allows.
    pub(crate) async fn join_grant(&mut self, digest: &str) -> Result<Option<JoinGrant>, StoreError> {
        let sql = "SELECT gateway, owner, expires_at FROM join_tokens WHERE digest = $1";
        let row: Option<(String, Option<String>, i64)> =
            on!(self, c => sqlx::query_as(sql).bind(digest).fetch_optional(c).await)?;
        row.map(|(gateway, owner, expires_at)| {
            let gateway = read_name("a join token's gateway", &gateway)?;
            Ok(JoinGrant { gateway, owner: read_owner(owner)?, expires_at: Timestamp::from_millis(expires_at) })
        })
        .transpose()
    }

    /// Takes a join token away for good, as far as the transaction is committed. Whether it was still there.
    pub(crate) async fn take_join_token(&mut self, digest: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM join_tokens WHERE digest = $1";
        let gone = on!(self, c => sqlx::query(sql).bind(digest).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }
}

pub(super) fn read_owner(owner: Option<String>) -> Result<Option<Name>, StoreError> {
    owner.map(|owner| read_name("the owner of a gateway", &owner)).transpose()
}

fn read((name, enrolled_at, seen_at, drained_at, status, owner): Row) -> Result<GatewaySummary, StoreError> {
    let status = status.map(|status| read_json(|| format!("the status of gateway {name}"), &status)).transpose()?;
    Ok(GatewaySummary {
        name: read_name("a gateway's name", &name)?,
        owner: read_owner(owner)?,
        enrolled_at: Timestamp::from_millis(enrolled_at),
        seen_at: seen_at.map(Timestamp::from_millis),
        drained_at: drained_at.map(Timestamp::from_millis),
        status,
    })
}

//! Local gateways of developers: whose they are, what they show the central gateway, and the sessions that end with them.

use super::{StoreError, Tx, gateways::read_owner, on, read_name};
use control_plane_api::{access::TokenGrant, name::Name, timestamp::Timestamp};

/// A local gateway as its snapshot is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredLaptop {
    pub(crate) gateway: Name,
    /// Digest of the token it presents here.
    pub(crate) digest: String,
    pub(crate) owner: Name,
    /// What it presents to the central gateway, in a box that only its own key opens.
    pub(crate) upstream: String,
    /// The id of that session.
    pub(crate) upstream_session: String,
}

/// What a local gateway, or a client of it, presents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaptopSession {
    pub(crate) gateway: Name,
    pub(crate) grant: TokenGrant,
}

/// Whose the name of a gateway is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nobody's.
    Nobody,
    /// An administrator let it enrol.
    Administrator,
    /// The local gateway of a user.
    User(Name),
}

impl Tx {
    /// Every local gateway that has what it needs.
    pub(crate) async fn laptops(&mut self) -> Result<Vec<StoredLaptop>, StoreError> {
        let sql = "SELECT name, digest, owner, upstream, upstream_session FROM gateways \
                   WHERE owner IS NOT NULL AND upstream IS NOT NULL AND upstream_session IS NOT NULL ORDER BY name";
        let rows: Vec<(String, String, String, String, String)> =
            on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        let laptop =
            |(gateway, digest, owner, upstream, upstream_session): (String, String, String, String, String)| {
                let (gateway, owner) = (read_name("a gateway's name", &gateway)?, read_name("an owner", &owner)?);
                Ok(StoredLaptop { gateway, digest, owner, upstream, upstream_session })
            };
        rows.into_iter().map(laptop).collect()
    }

    /// The sessions that belong to local gateways.
    pub(crate) async fn laptop_sessions(&mut self) -> Result<Vec<LaptopSession>, StoreError> {
        let sql = "SELECT gateway, id, digest, expires_at FROM sessions WHERE gateway IS NOT NULL AND expires_at > $1 \
                   ORDER BY gateway, id";
        let now = Timestamp::now().as_millis();
        let rows: Vec<(String, String, String, i64)> =
            on!(self, c => sqlx::query_as(sql).bind(now).fetch_all(c).await)?;
        let session = |(gateway, id, digest, expires_at): (String, String, String, i64)| {
            let grant = TokenGrant { id, digest, expires_at: Some(Timestamp::from_millis(expires_at)) };
            Ok(LaptopSession { gateway: read_name("a session's gateway", &gateway)?, grant })
        };
        rows.into_iter().map(session).collect()
    }

    /// Whose `gateway` is.
    pub(crate) async fn holder_of(&mut self, gateway: &Name) -> Result<Holder, StoreError> {
        let sql = "SELECT owner FROM gateways WHERE name = $1";
        let row: Option<(Option<String>,)> =
            on!(self, c => sqlx::query_as(sql).bind(gateway.as_str()).fetch_optional(c).await)?;
        let Some((owner,)) = row else { return Ok(Holder::Nobody) };
        Ok(read_owner(owner)?.map_or(Holder::Administrator, Holder::User))
    }

    /// How many local gateways `user` has besides `gateway`; those that may enrol by now count as well.
    pub(crate) async fn count_laptops(&mut self, user: &Name, gateway: &Name) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) FROM (SELECT name FROM gateways WHERE owner = $1 AND name <> $2 \
                   UNION SELECT gateway FROM join_tokens WHERE owner = $1 AND gateway <> $2 AND expires_at > $3) AS held";
        let now = Timestamp::now().as_millis();
        let (count,): (i64,) = on!(self, c => sqlx::query_as(sql)
            .bind(user.as_str()).bind(gateway.as_str()).bind(now).fetch_one(c).await)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Keeps what the local gateway `gateway` shows the central one.
    pub(crate) async fn put_upstream(
        &mut self,
        gateway: &Name,
        (upstream, session): (&str, &str),
    ) -> Result<(), StoreError> {
        let sql = "UPDATE gateways SET upstream = $2, upstream_session = $3 WHERE name = $1";
        on!(self, c => sqlx::query(sql)
            .bind(gateway.as_str()).bind(upstream).bind(session).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Ends what was opened and allowed for `gateway`: its sessions, and the tokens it could enrol with.
    pub(crate) async fn delete_sessions_for(&mut self, gateway: &Name) -> Result<(), StoreError> {
        for sql in ["DELETE FROM sessions WHERE gateway = $1", "DELETE FROM join_tokens WHERE gateway = $1"] {
            on!(&mut *self, c => sqlx::query(sql).bind(gateway.as_str()).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Ends the sessions that were opened for local gateways of `user` that never enrolled and may not any more.
    pub(crate) async fn delete_abandoned(&mut self, user: &Name) -> Result<(), StoreError> {
        let sql = "DELETE FROM sessions WHERE username = $1 AND gateway IS NOT NULL \
                   AND NOT EXISTS (SELECT 1 FROM gateways g WHERE g.name = sessions.gateway) \
                   AND NOT EXISTS (SELECT 1 FROM join_tokens j WHERE j.gateway = sessions.gateway AND j.expires_at > $2)";
        let now = Timestamp::now().as_millis();
        on!(self, c => sqlx::query(sql).bind(user.as_str()).bind(now).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes every local gateway of `user`, and what belongs to it.
    pub(crate) async fn delete_laptops_of(&mut self, user: &Name) -> Result<(), StoreError> {
        let owned = ["DELETE FROM join_tokens WHERE owner = $1", "DELETE FROM gateways WHERE owner = $1"];
        for sql in owned {
            on!(&mut *self, c => sqlx::query(sql).bind(user.as_str()).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}

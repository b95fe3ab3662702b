//! What there is, in numbers, for who watches over it: a few small rows each, whatever the tables hold.

use super::{StoreError, Tx, on, read_count, sessions::SESSION_IDLE_MS};
use control_plane_api::{gateway::ConfigState, timestamp::Timestamp};

/// Most gateways that are looked at; those of administrators come first.
const GATEWAYS_MAX: i64 = 10_000;
/// Most ends of credentials.
const ENDS_MAX: i64 = 1_000;

/// How a gateway was last heard of.
#[derive(Debug, Clone)]
pub(crate) struct SeenGateway {
    pub(crate) name: String,
    /// Whether it is a developer's local one.
    pub(crate) is_laptop: bool,
    pub(crate) enrolled_at: Timestamp,
    /// When it last reported.
    pub(crate) seen_at: Option<Timestamp>,
    /// What it then had in force, and whether it took nothing new.
    pub(crate) reported: Option<(ConfigState, bool)>,
}

/// How many instances of one kind there are.
#[derive(Debug, Clone)]
pub(crate) struct InstanceCount {
    pub(crate) runtime: String,
    pub(crate) state: String,
    pub(crate) count: u64,
}

/// When the first of a server's credentials ends that nobody renews.
#[derive(Debug, Clone)]
pub(crate) struct CredentialEnd {
    pub(crate) server: String,
    /// `server`: its own; `user`: a user's.
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
}

type GatewayRow = (String, i64, Option<i64>, Option<String>, Option<String>, Option<i64>, Option<i64>, i64);

impl Tx {
    /// Every gateway, those of administrators first. Of its report only the little that is asked for: the whole may be long.
    pub(crate) async fn seen_gateways(&mut self) -> Result<Vec<SeenGateway>, StoreError> {
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT name, enrolled_at, seen_at, owner, json_extract(status, '$.config.state'), \
                 json_extract(status, '$.config.revision'), json_extract(status, '$.config.in_force'), \
                 CASE WHEN json_extract(status, '$.draining') THEN 1 ELSE 0 END \
                 FROM gateways ORDER BY CASE WHEN owner IS NULL THEN 0 ELSE 1 END, name LIMIT $1"
            }
            Self::Postgres(..) => {
                "SELECT name, enrolled_at, seen_at, owner, status::json -> 'config' ->> 'state', \
                 (status::json -> 'config' ->> 'revision')::bigint, (status::json -> 'config' ->> 'in_force')::bigint, \
                 CASE WHEN status::json ->> 'draining' = 'true' THEN 1::bigint ELSE 0::bigint END \
                 FROM gateways ORDER BY CASE WHEN owner IS NULL THEN 0 ELSE 1 END, name LIMIT $1"
            }
        };
        let rows: Vec<GatewayRow> = on!(self, c => sqlx::query_as(sql).bind(GATEWAYS_MAX).fetch_all(c).await)?;
        Ok(rows.into_iter().map(read).collect())
    }

    /// The instances that mcpd itself looks after, by what runs them and what they do.
    pub(crate) async fn instance_counts(&mut self) -> Result<Vec<InstanceCount>, StoreError> {
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT runtime, COALESCE(json_extract(status, '$.state'), 'pending') AS state, COUNT(*) FROM instances \
                 WHERE runtime <> 'process' GROUP BY runtime, state"
            }
            Self::Postgres(..) => {
                "SELECT runtime, COALESCE(status::json ->> 'state', 'pending') AS state, COUNT(*) FROM instances \
                 WHERE runtime <> 'process' GROUP BY runtime, state"
            }
        };
        let rows: Vec<(String, String, i64)> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        let count = |(runtime, state, count)| InstanceCount { runtime, state, count: read_count(count) };
        Ok(rows.into_iter().map(count).collect())
    }

    /// When credentials of servers end that mcpd does not renew by itself. Those of users only before they have: then their
    /// user is asked.
    pub(crate) async fn credential_ends(&mut self) -> Result<Vec<CredentialEnd>, StoreError> {
        let sql = "SELECT server, CASE WHEN username = '' THEN 'server' ELSE 'user' END AS kind, MIN(expires_at) \
                   FROM connections WHERE ciphertext <> '' AND renew_at IS NULL AND expires_at IS NOT NULL \
                   AND (username = '' OR expires_at > $1) GROUP BY server, kind ORDER BY server, kind LIMIT $2";
        let now = Timestamp::now().as_millis();
        let rows: Vec<(String, String, i64)> =
            on!(self, c => sqlx::query_as(sql).bind(now).bind(ENDS_MAX).fetch_all(c).await)?;
        let end = |(server, kind, at)| CredentialEnd { server, kind, at: Timestamp::from_millis(at) };
        Ok(rows.into_iter().map(end).collect())
    }

    /// How many sessions somebody could use now.
    pub(crate) async fn session_count(&mut self) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) FROM sessions WHERE expires_at > $1 AND (used_at > $2 OR audience = 'gateway')";
        let now = Timestamp::now().as_millis();
        let (count,): (i64,) =
            on!(self, c => sqlx::query_as(sql).bind(now).bind(now - SESSION_IDLE_MS).fetch_one(c).await)?;
        Ok(read_count(count))
    }
}

fn read((name, enrolled_at, seen_at, owner, state, revision, in_force, draining): GatewayRow) -> SeenGateway {
    let revision = revision.map(read_count);
    let config =
        match state.as_deref() {
            Some("applied") => revision.map(|revision| ConfigState::Applied { revision }),
            Some("rejected") => revision
                .zip(in_force.map(read_count))
                .map(|(revision, in_force)| ConfigState::Rejected { revision, in_force, violations: Vec::new() }),
            _ => None,
        };
    SeenGateway {
        name,
        is_laptop: owner.is_some(),
        enrolled_at: Timestamp::from_millis(enrolled_at),
        seen_at: seen_at.map(Timestamp::from_millis),
        reported: config.map(|config| (config, draining != 0)),
    }
}

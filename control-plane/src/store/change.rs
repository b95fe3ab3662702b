//! A change of the configuration: one at a time, one step of the global revision, all or nothing.

use super::{REVISION_CHANNEL, StoreError, Tx, on, read_count, read_name, write_count};
use crate::identity::{Actor, new_id};
use control_plane_api::{
    audit::{Action, AuditEvent, Decision, Outcome, Phase, chain::Chain},
    name::Name,
    timestamp::Timestamp,
};

/// The name under which changes made here stand in the audit log; no gateway may have it.
pub(crate) const OWN_NAME: &str = "mcpd";
/// The epoch of the chain of changes: it is the database's, not that of a process, because replicas share it.
pub(crate) const OWN_EPOCH: u64 = 1;

/// [`OWN_NAME`] as a name.
pub(crate) fn own_name() -> Result<Name, StoreError> {
    read_name("mcpd's own name", OWN_NAME)
}

/// A transaction that holds the revision row, so that changes happen one after the other also between replicas.
pub(crate) struct Change {
    tx: Tx,
    current: u64,
    written: bool,
}

impl Change {
    /// Goes on in `tx`.
    pub(crate) async fn begin(mut tx: Tx) -> Result<Self, StoreError> {
        let sql = "UPDATE revision SET value = value WHERE id = 1 RETURNING value";
        let (current,): (i64,) = on!(&mut tx, c => sqlx::query_as(sql).fetch_one(c).await)?;
        Ok(Self { tx, current: read_count(current), written: false })
    }

    /// The revision in force before this change.
    pub(crate) fn current(&self) -> u64 {
        self.current
    }

    /// The revision that this change makes, if it writes anything.
    pub(crate) fn next(&self) -> u64 {
        self.current.saturating_add(1)
    }

    /// Lets this change make a revision above `revision` too, which somebody has seen.
    pub(crate) fn continue_after(&mut self, revision: u64) {
        self.current = self.current.max(revision);
        self.written = true;
    }

    /// For reading.
    pub(crate) fn tx(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// For writing: committing will move the revision.
    pub(crate) fn writing(&mut self) -> &mut Tx {
        self.written = true;
        &mut self.tx
    }

    /// Makes the change last and tells other replicas. The revision now in force; nothing written, nothing moved.
    pub(crate) async fn commit(mut self) -> Result<u64, StoreError> {
        if !self.written {
            self.tx.commit().await?;
            return Ok(self.current);
        }
        let next = self.next();
        let sql = "UPDATE revision SET value = $1 WHERE id = 1";
        on!(&mut self.tx, c => sqlx::query(sql).bind(write_count(next)).execute(c).await.map(drop))?;
        if let Tx::Postgres(tx, patience) = &mut self.tx {
            let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(REVISION_CHANNEL).bind(next.to_string());
            patience.answer(notify.execute(&mut **tx)).await?;
        }
        self.tx.commit().await?;
        Ok(next)
    }
}

impl Tx {
    /// The revision in force.
    pub(crate) async fn revision(&mut self) -> Result<u64, StoreError> {
        let sql = "SELECT value FROM revision WHERE id = 1";
        let (value,): (i64,) = on!(self, c => sqlx::query_as(sql).fetch_one(c).await)?;
        Ok(read_count(value))
    }
}

impl Change {
    /// Writes the audit event of one change, in the same transaction as the change itself: into the chain, where nothing
    /// can be changed unseen, and where it is looked for.
    pub(crate) async fn record(&mut self, actor: &Actor, target: &str, effect: &str) -> Result<(), StoreError> {
        self.write_down(actor, target, effect, (Decision::Allow, Outcome::Ok)).await
    }

    /// Writes the audit event of what was refused, a login with a wrong password for one.
    pub(crate) async fn record_refusal(&mut self, actor: &Actor, target: &str, reason: &str) -> Result<(), StoreError> {
        self.write_down(actor, target, reason, (Decision::Deny, Outcome::Denied)).await
    }

    async fn write_down(
        &mut self,
        actor: &Actor,
        target: &str,
        reason: &str,
        (decision, outcome): (Decision, Outcome),
    ) -> Result<(), StoreError> {
        let mut event = AuditEvent {
            id: new_id(),
            seq: 0,
            gateway: own_name()?,
            time: Timestamp::now(),
            phase: Phase::Outcome,
            action: Action::Admin,
            method: actor.method.clone(),
            user: actor.user.clone(),
            token_id: actor.token_id.clone(),
            project: None,
            server: None,
            target: Some(target.to_owned()),
            decision,
            reason: reason.to_owned(),
            outcome,
            arguments_digest: None,
            arguments: None,
            client: None,
            peer: actor.peer.clone(),
            request_id: None,
            trace_id: None,
            revision: self.next(),
            stale_s: None,
            duration_ms: 0,
            request_bytes: 0,
            reply_bytes: 0,
            reply_digest: None,
            relevance: None,
            redacted: Vec::new(),
        };
        let end = self.tx.chain_end(&event.gateway).await?;
        let mut chain = Chain::new(event.gateway.clone(), OWN_EPOCH, end.head, end.checkpoint);
        let record = chain
            .event(&mut event)
            .map_err(|error| StoreError::Unreadable { what: "an audit event".to_owned(), reason: error.to_string() })?;
        self.tx.add_record(&event.gateway, &record, end.checkpoint).await?;
        self.tx.put_event(&event).await
    }
}

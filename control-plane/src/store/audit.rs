//! The audit log as it is looked through: one row per exchange, made from the records of the chains, which stay as they
//! are.

use super::{StoreError, Tx, on, read_json, write_count, write_json};
use control_plane_api::{
    audit::{Action, AuditEvent, Decision, Outcome, Phase},
    name::Name,
    timestamp::Timestamp,
};

/// Which events are asked for; an absent condition holds for every event.
pub(crate) struct AuditQuery {
    pub(crate) limit: u32,
    pub(crate) user: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) decision: Option<Decision>,
    /// Empty: every action.
    pub(crate) actions: Vec<Action>,
    pub(crate) server: Option<String>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) since: Option<Timestamp>,
    /// Before this.
    pub(crate) until: Option<Timestamp>,
}

impl Tx {
    /// Keeps an event. One that is there already stays as it is, except that an outcome replaces the intent.
    pub(crate) async fn put_event(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        // Looked for first, because the unique keys differ: those of PostgreSQL's partitions have the time in them.
        let sql = "SELECT phase FROM audit WHERE gateway = $1 AND id = $2";
        let known: Option<(String,)> = on!(&mut *self, c => sqlx::query_as(sql)
            .bind(event.gateway.as_str()).bind(&event.id).fetch_optional(c).await)?;
        let sql = match (known.as_ref().map(|(phase,)| phase.as_str()), event.phase) {
            (None, _) => {
                "INSERT INTO audit (gateway, id, seq, time, phase, action, decision, username, project, target, event, \
                 server, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING"
            }
            (Some("intent"), Phase::Outcome) => {
                "UPDATE audit SET seq = $3, time = $4, phase = $5, action = $6, decision = $7, username = $8, \
                 project = $9, target = $10, event = $11, server = $12, outcome = $13 WHERE gateway = $1 AND id = $2"
            }
            (Some(_), _) => return Ok(()),
        };
        let event = settled(event);
        let (gateway, user) = (event.gateway.as_str(), event.user.as_ref().map(Name::as_str));
        let (seq, time) = (write_count(event.seq), event.time.as_millis());
        let (phase, action, decision) = (phase(event.phase), event.action.as_str(), decision(event.decision));
        let json = write_json("an audit event", &event)?;
        on!(self, c => sqlx::query(sql)
            .bind(gateway).bind(&event.id).bind(seq).bind(time).bind(phase).bind(action).bind(decision)
            .bind(user).bind(event.project.as_deref()).bind(event.target.as_deref()).bind(json)
            .bind(event.server.as_ref().map(Name::as_str)).bind(event.outcome.as_str())
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// The newest events that `query` asks for, newest first.
    pub(crate) async fn events(&mut self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        let sql = "SELECT event FROM audit WHERE ($1 IS NULL OR username = $1) AND ($2 IS NULL OR target = $2) \
            AND ($3 IS NULL OR project = $3) AND ($4 IS NULL OR decision = $4) \
            AND ($5 IS NULL OR $5 LIKE '%,' || action || ',%') AND time >= $6 AND time < $7 \
            AND ($8 IS NULL OR server = $8) AND ($9 IS NULL OR outcome = $9) \
            ORDER BY time DESC, seq DESC LIMIT $10";
        let (user, target, project) = (query.user.as_deref(), query.target.as_deref(), query.project.as_deref());
        let since = query.since.map_or(i64::MIN, Timestamp::as_millis);
        let until = query.until.map_or(i64::MAX, Timestamp::as_millis);
        let rows: Vec<(String,)> = on!(self, c => sqlx::query_as(sql)
            .bind(user).bind(target).bind(project).bind(query.decision.map(decision))
            .bind(listed(&query.actions)).bind(since).bind(until)
            .bind(query.server.as_deref()).bind(query.outcome.map(Outcome::as_str)).bind(i64::from(query.limit))
            .fetch_all(c).await)?;
        rows.iter().map(|(json,)| read_json(|| "an audit event".to_owned(), json)).collect()
    }
}

/// An intent says nothing about what became of it, whatever was sent.
fn settled(event: &AuditEvent) -> AuditEvent {
    let outcome = match event.phase {
        Phase::Intent => Outcome::Unknown,
        Phase::Outcome => event.outcome,
    };
    AuditEvent { outcome, ..event.clone() }
}

/// `,mcp_call,mcp_read,`: one parameter for any number of actions, in SQL that both databases speak.
fn listed(actions: &[Action]) -> Option<String> {
    let words: Vec<&str> = actions.iter().map(|action| action.as_str()).collect();
    (!words.is_empty()).then(|| format!(",{},", words.join(",")))
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Intent => "intent",
        Phase::Outcome => "outcome",
    }
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    }
}

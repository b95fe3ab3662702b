//! The audit log: shipped by gateways, read by people, and handed out as it was written for whoever verifies it. There is no
//! way to change or delete anything of it.

use super::{ApiError, App, authenticate::CallingGateway, body::Body};
use crate::{
    audit::{self, IngestError},
    store::AuditQuery,
};
use axum::{
    Extension, Json,
    extract::{Query, State},
    http::StatusCode,
};
use control_plane_api::{
    audit::{Action, AuditBatch, AuditPage, RecordPage, receipt::SignedText},
    name::Name,
};
use serde::de::{DeserializeOwned, IntoDeserializer as _, value::Error};

/// Events in a page when nobody says how many.
const PAGE_EVENTS: u32 = 50;
/// Most events in a page.
const PAGE_EVENTS_MAX: u32 = 10_000;
/// Records in a page when nobody says how many, and at most.
const PAGE_RECORDS: u32 = 500;
const PAGE_RECORDS_MAX: u32 = 1_000;

pub(super) async fn ship(
    State(app): State<App>,
    Extension(CallingGateway(gateway)): Extension<CallingGateway>,
    Body(batch): Body<AuditBatch>,
) -> Result<Json<SignedText>, ApiError> {
    let ingested = audit::ingest(&app.store, &app.keys, (&gateway.name, gateway.owner.as_ref()), &batch).await;
    let ingested = ingested.inspect_err(|error| {
        if error.is_refusal() {
            app.metrics.refused_records();
        }
    })?;
    app.metrics.took_records(ingested.fresh);
    for (token_id, time) in &ingested.uses {
        app.uses.note(token_id, *time);
    }
    Ok(Json(ingested.receipt))
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Store(error) => error.into(),
            IngestError::Receipt(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            IngestError::Conflict(_) => Self::new(StatusCode::CONFLICT, error.to_string()).hint(
                "the gateway's audit log is another one than before (restored from a backup?): move its `audit` directory \
                 away, and it begins anew",
            ),
            IngestError::Foreign(_) => Self::forbidden(error.to_string())
                .hint("keep the gateway's `audit` directory for inspection, and run `mcpctl login` again"),
            IngestError::Broken(_) | IngestError::Key | IngestError::TooManyKeys(_) => {
                Self::unprocessable(error.to_string())
                    .hint("keep the gateway's `audit` directory for inspection: it was tampered with, or is damaged")
            }
        }
    }
}

pub(super) async fn heads(State(app): State<App>) -> Result<Json<SignedText>, ApiError> {
    Ok(Json(audit::heads(&app.store, &app.keys).await?))
}

pub(super) async fn records(
    State(app): State<App>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<RecordPage>, ApiError> {
    let (mut gateway, mut after, mut limit) = (None, (0, 0), PAGE_RECORDS);
    let number = |name: &str, value: &str| value.parse().map_err(|_| refused(name, "is not a number"));
    for (name, value) in pairs {
        match name.as_str() {
            "gateway" => gateway = Some(word::<Name>(&name, &value)?),
            "epoch" => after.0 = number(&name, &value)?,
            "seq" => after.1 = number(&name, &value)?,
            "limit" => limit = bounded(&value, PAGE_RECORDS_MAX)?,
            _ => return Err(refused(&name, "is not a parameter of this route")),
        }
    }
    let gateway = gateway.ok_or_else(|| refused("gateway", "is missing"))?;
    Ok(Json(RecordPage { records: app.store.read().await?.records(&gateway, after, limit).await? }))
}

pub(super) async fn list(
    State(app): State<App>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<AuditPage>, ApiError> {
    let query = read(pairs)?;
    Ok(Json(AuditPage { events: app.store.read().await?.events(&query).await? }))
}

fn read(pairs: Vec<(String, String)>) -> Result<AuditQuery, ApiError> {
    let mut query = AuditQuery {
        limit: PAGE_EVENTS,
        user: None,
        target: None,
        project: None,
        decision: None,
        actions: Vec::new(),
        server: None,
        outcome: None,
        since: None,
        until: None,
    };
    let mut all = false;
    for (name, value) in pairs {
        match name.as_str() {
            "limit" => query.limit = bounded(&value, PAGE_EVENTS_MAX)?,
            "user" => query.user = Some(value),
            "tool" => query.target = Some(value),
            "project" => query.project = Some(value),
            "decision" => query.decision = Some(word(&name, &value)?),
            "action" if value == "all" => all = true,
            "action" => query.actions.push(word::<Action>(&name, &value)?),
            "server" => query.server = Some(value),
            "outcome" => query.outcome = Some(word(&name, &value)?),
            "until" => query.until = Some(word(&name, &value)?),
            "since" => query.since = Some(word(&name, &value)?),
            _ => return Err(refused(&name, "is not a parameter of this route")),
        }
    }
    if all {
        query.actions.clear();
    }
    Ok(query)
}

fn bounded(value: &str, max: u32) -> Result<u32, ApiError> {
    let limit = value.parse().ok().filter(|limit| (1..=max).contains(limit));
    limit.ok_or_else(|| refused("limit", &format!("is a number from 1 to {max}")))
}

/// Reads a value as the contract reads it.
fn word<T: DeserializeOwned>(name: &str, value: &str) -> Result<T, ApiError> {
    T::deserialize(value.to_owned().into_deserializer())
        .map_err(|error: Error| refused(name, &format!("is wrong: {error}")))
}

fn refused(name: &str, why: &str) -> ApiError {
    ApiError::malformed(format!("query parameter `{name}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &[(&str, &str)]) -> Option<AuditQuery> {
        read(query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()).ok()
    }

    #[test]
    fn a_page_has_50_events_unless_told_and_10000_at_most() {
        assert_eq!(check(&[]).unwrap().limit, 50);
        assert_eq!(check(&[("limit", "10000")]).unwrap().limit, 10_000);
        for bad in ["0", "10001", "-1", "x", ""] {
            assert!(check(&[("limit", bad)]).is_none(), "{bad}");
        }
    }

    #[test]
    fn actions_add_up_and_all_is_all() {
        let two = check(&[("action", "mcp_call"), ("action", "admin")]).unwrap();
        assert_eq!(two.actions, [Action::McpCall, Action::Admin]);
        assert!(check(&[("action", "mcp_call"), ("action", "all")]).unwrap().actions.is_empty());
        assert!(check(&[("action", "mcp")]).is_none());
    }

    #[test]
    fn what_cannot_be_read_is_refused_not_ignored() {
        assert!(check(&[("since", "2026-07-28T09:00:00Z")]).unwrap().since.is_some());
        for bad in [("since", "yesterday"), ("decision", "maybe"), ("users", "ann")] {
            assert!(check(&[bad]).is_none(), "{bad:?}");
        }
    }
}

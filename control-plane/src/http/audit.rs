//! The audit log: shipped by gateways, read by people.

use super::{ApiError, App, authenticate::CallingGateway, body::Body};
use crate::store::AuditQuery;
use axum::{
    Extension, Json,
    extract::{Query, State},
};
use control_plane_api::audit::{Action, AuditBatch, AuditPage, AuditReceipt};
use serde::de::{DeserializeOwned, IntoDeserializer as _, value::Error};

/// Events in a page when nobody says how many.
const PAGE_EVENTS: u32 = 50;
/// Most events in a page.
const PAGE_EVENTS_MAX: u32 = 10_000;

pub(super) async fn ship(
    State(app): State<App>,
    Extension(CallingGateway(gateway)): Extension<CallingGateway>,
    Body(batch): Body<AuditBatch>,
) -> Result<Json<AuditReceipt>, ApiError> {
    if let Some(event) = batch.events.iter().find(|event| event.gateway != gateway.name) {
        let detail = format!("event `{}` says it is from gateway `{}`", event.id, event.gateway);
        return Err(ApiError::unprocessable(detail).hint("a gateway ships its own events only"));
    }
    let mut tx = app.store.write().await?;
    for event in &batch.events {
        tx.put_event(event).await?;
    }
    tx.commit().await?;
    for event in &batch.events {
        if let Some(token_id) = &event.token_id {
            app.uses.note(token_id, event.time);
        }
    }
    Ok(Json(AuditReceipt { seq: batch.events.iter().map(|event| event.seq).max().unwrap_or_default() }))
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
        since: None,
    };
    let mut all = false;
    for (name, value) in pairs {
        match name.as_str() {
            "limit" => query.limit = limit(&value)?,
            "user" => query.user = Some(value),
            "tool" => query.target = Some(value),
            "project" => query.project = Some(value),
            "decision" => query.decision = Some(word(&name, &value)?),
            "action" if value == "all" => all = true,
            "action" => query.actions.push(word::<Action>(&name, &value)?),
            "since" => query.since = Some(word(&name, &value)?),
            _ => return Err(refused(&name, "is not a parameter of this route")),
        }
    }
    if all {
        query.actions.clear();
    }
    Ok(query)
}

fn limit(value: &str) -> Result<u32, ApiError> {
    let limit = value.parse().ok().filter(|limit| (1..=PAGE_EVENTS_MAX).contains(limit));
    limit.ok_or_else(|| refused("limit", &format!("is a number from 1 to {PAGE_EVENTS_MAX}")))
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

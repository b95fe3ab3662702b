//! mcpd about itself and about the caller.

use super::{ApiError, App, openapi, routes};
use crate::{identity::Caller, store::StoreError};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::{access::WhoAmI, gateway::ControlPlaneStatus};
use std::time::Duration;
use tokio::time::timeout;

/// Time for the database to show that it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn healthz() -> StatusCode {
    StatusCode::NO_CONTENT
}

pub(super) async fn readyz(State(app): State<App>) -> Result<StatusCode, ApiError> {
    let asked = async { app.store.read().await?.revision().await };
    let answer: Result<Result<u64, StoreError>, _> = timeout(READY_TIMEOUT, asked).await;
    answer.map_err(|_| ApiError::unavailable())??;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi::document(&routes()))
}

pub(super) async fn status(State(app): State<App>) -> Result<Json<ControlPlaneStatus>, ApiError> {
    Ok(Json(ControlPlaneStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: app.store.name().to_owned(),
        revision: app.store.read().await?.revision().await?,
        started_at: app.started_at,
    }))
}

pub(super) async fn whoami(Extension(caller): Extension<Caller>) -> Json<WhoAmI> {
    Json(WhoAmI { user: caller.user, roles: caller.roles, session: caller.session })
}

//! Gateways: what people see of them, and what they ask for and report themselves.

use super::{
    ApiError, App,
    authenticate::CallingGateway,
    body::{Body, Params},
};
use crate::{
    identity::Caller,
    publish::{Subscriber, Subscription},
    rollback,
    secrets::SealingKey,
};
use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::sse::{Event, KeepAlive, Sse},
};
use control_plane_api::{
    gateway::{ConfigState, GatewayStatus, GatewaySummary},
    name::Name,
};
use futures::{Stream, stream};
use std::{sync::Arc, time::Duration};

/// Time after which a silent stream shows that it is alive.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

fn missing(name: &Name) -> ApiError {
    ApiError::not_found(format!("gateway/{name} does not exist")).hint("`GET /api/v1/gateways` lists those that do")
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<GatewaySummary>>, ApiError> {
    Ok(Json(app.store.read().await?.gateways().await?))
}

pub(super) async fn read(State(app): State<App>, Params(name): Params<Name>) -> Result<Json<GatewaySummary>, ApiError> {
    app.store.read().await?.gateway(&name).await?.map(Json).ok_or_else(|| missing(&name))
}

pub(super) async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<StatusCode, ApiError> {
    let mut change = app.store.change().await?;
    // `writing`, although no snapshot changes: the new revision wakes the streams, and this gateway's ends.
    if !change.writing().delete_gateway(&name).await? {
        return Err(missing(&name));
    }
    change.record(&caller.actor, &format!("gateway/{name}"), "deleted").await?;
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn config(
    State(app): State<App>,
    Extension(CallingGateway(gateway)): Extension<CallingGateway>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, ApiError> {
    let key = SealingKey::parse(&gateway.sealing_key);
    let key =
        key.ok_or_else(|| ApiError::unprocessable("this gateway enrolled without a key").hint("enrol it again"))?;
    let since = app.store.read().await?.revision().await?;
    app.published.announce();
    tracing::info!(gateway = %gateway.name, since, "A gateway subscribed to configuration");
    let subscriber = Subscriber {
        gateway: gateway.name.clone(),
        digest: gateway.digest.clone(),
        key,
        is_laptop: gateway.owner.is_some(),
    };
    let subscription = Subscription::new(subscriber, &app.published, Arc::clone(&app.keys), since);
    let events = stream::unfold(subscription, |mut subscription| async move {
        let event = subscription.next().await?;
        Some((Event::default().event("config").json_data(event), subscription))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)))
}

pub(super) async fn report(
    State(app): State<App>,
    Extension(CallingGateway(gateway)): Extension<CallingGateway>,
    Body(status): Body<GatewayStatus>,
) -> Result<StatusCode, ApiError> {
    if let ConfigState::Rejected { revision, in_force, violations } = &status.config {
        let first = violations.first().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(gateway = %gateway.name, revision, in_force, first, "A gateway rejected a configuration");
    }
    let mut tx = app.store.write().await?;
    let revision = tx.revision().await?;
    tx.put_status(&gateway.name, &status).await?;
    tx.commit().await?;
    // A local gateway is in its developer's hands: what it says is no witness against the database.
    if status.config.in_force() > revision && gateway.owner.is_none() {
        rollback::record(&app.store, &gateway.name, status.config.in_force()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

//! Gateways: what people see of them, and what they ask for and report themselves.

use super::{
    ApiError, App,
    authenticate::CallingGateway,
    body::{Body, Params},
};
use crate::{
    identity::Caller,
    publish::{Contact, Event, Subscriber, Subscription},
    rollback,
    secrets::SealingKey,
};
use axum::{
    Extension, Json,
    body::{Body as Streamed, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use control_plane_api::{
    gateway::{ConfigState, GatewayOrder, GatewayStatus, GatewaySummary},
    name::Name,
    timestamp::Timestamp,
};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How often a stream says that nothing is new. Gateways count on it: what they have is confirmed by it, and one that hears
/// nothing for 5 s asks anew.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A comment, which no reader of the stream sees.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

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

pub(super) async fn drain(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<Json<GatewayOrder>, ApiError> {
    order(&app, &caller, &name, true).await
}

pub(super) async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<Json<GatewayOrder>, ApiError> {
    order(&app, &caller, &name, false).await
}

/// Has a gateway drained, or serve again. What it does already is no change.
async fn order(app: &App, caller: &Caller, name: &Name, drain: bool) -> Result<Json<GatewayOrder>, ApiError> {
    let mut change = app.store.change().await?;
    let gateway = change.tx().gateway(name).await?.ok_or_else(|| missing(name))?;
    if gateway.drained_at.is_some() == drain {
        return Ok(Json(GatewayOrder { revision: change.current() }));
    }
    change.writing().put_drained(name, drain.then(Timestamp::now)).await?;
    let effect = if drain { "to be drained" } else { "to serve again" };
    change.record(&caller.actor, &format!("gateway/{name}"), effect).await?;
    let revision = change.commit().await?;
    app.published.announce();
    Ok(Json(GatewayOrder { revision }))
}

pub(super) async fn config(
    State(app): State<App>,
    Extension(CallingGateway(gateway)): Extension<CallingGateway>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let key = SealingKey::parse(&gateway.sealing_key);
    let key =
        key.ok_or_else(|| ApiError::unprocessable("this gateway enrolled without a key").hint("enrol it again"))?;
    let since = app.store.read().await?.revision().await?;
    app.published.announce();
    let has = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    tracing::info!(gateway = %gateway.name, since, has, "A gateway subscribed to configuration");
    let subscriber = Subscriber {
        gateway: gateway.name.clone(),
        digest: gateway.digest.clone(),
        key,
        is_laptop: gateway.owner.is_some(),
        since,
        has,
    };
    let subscription = Subscription::new(subscriber, &app.published, Arc::clone(&app.keys));
    let mut heart = interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL);
    heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events =
        stream::unfold(subscription, async |mut subscription| Some((subscription.next().await?, subscription)));
    let listening =
        Listening { events: events.boxed(), heart, contact: app.published.contact(), rest: VecDeque::new() };
    let body = Streamed::from_stream(stream::unfold(listening, Listening::next));
    Ok(([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")], body))
}

/// One gateway's stream.
struct Listening {
    /// What waits for its turn among other gateways' goes on waiting while the heart beats.
    events: BoxStream<'static, Event>,
    heart: Interval,
    contact: Contact,
    /// Of the event that is under way.
    rest: VecDeque<Bytes>,
}

impl Listening {
    /// The next piece: of what is new, or a heartbeat, which says that nothing is.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            if let Some(piece) = self.rest.pop_front() {
                return Some((Ok(piece), self));
            }
            tokio::select! {
                biased;
                event = self.events.next() => self.rest.extend(event?.pieces),
                _ = self.heart.tick() => if !self.contact.is_lost() { return Some((Ok(HEARTBEAT), self)) },
            }
        }
    }
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

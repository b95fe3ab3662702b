//! Local gateways of developers: a user lets one of its own enrol, sees those it has, and ends them. Nobody else's.

use super::{
    ApiError, App,
    body::{Body, Params},
    enrol,
};
use crate::{
    identity::{Actor, Caller, open_laptop_session},
    secrets::SealingKey,
    store::{Change, Holder},
};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::{
    access::UserSpec,
    gateway::{GatewaySummary, JoinToken},
    laptop::{self, LaptopGrant, LaptopRequest},
    limits::LAPTOPS_PER_USER_MAX,
    name::Name,
    object::{Kind, Object, ObjectRef},
    token,
};

/// Time in which a local gateway has to enrol, in seconds: the program that asked starts it at once.
const JOIN_LIFETIME_S: i64 = 600;
/// Longest name of a machine, in bytes (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 255;

fn missing(name: &Name) -> ApiError {
    ApiError::not_found(format!("you have no local gateway `{name}`"))
        .hint("`GET /api/v1/laptops` lists those you have")
}

pub(super) async fn allow(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<LaptopRequest>,
) -> Result<(StatusCode, Json<LaptopGrant>), ApiError> {
    let central_url = app.published.newest().central_url.as_ref().map(ToString::to_string).ok_or_else(|| {
        ApiError::conflict("there is no central gateway for local ones to reach")
            .hint("whoever runs mcpd names it in MCPD_CENTRAL_URL")
    })?;
    let host = Some(request.host).filter(|host| host.len() <= HOST_BYTES_MAX);
    let name = host.and_then(|host| laptop::name(&caller.user, &host)).ok_or_else(|| {
        ApiError::unprocessable("`host` is no name of a machine").hint("give one with letters or digits in it")
    })?;
    let mut change = app.store.change().await?;
    check_room(&mut change, &name, &caller.user).await?;
    let (token, grant) = enrol::new_join_token(&name, Some(caller.user.clone()), JOIN_LIFETIME_S);
    let (session, row) = open_laptop_session(&name, &caller.user, caller.actor.peer.clone());
    let tx = change.writing();
    // What was opened and allowed for this machine before is of no more use to it.
    tx.delete_sessions_for(&name).await?;
    tx.add_join_token(&token::digest(&token), &grant).await?;
    tx.add_session(&row).await?;
    tx.delete_abandoned(&caller.user).await?;
    change.record(&caller.actor, &format!("gateway/{name}"), "local gateway allowed to enrol").await?;
    change.commit().await?;
    app.published.announce();
    let join = JoinToken { gateway: name, token, expires_at: grant.expires_at };
    Ok((StatusCode::CREATED, Json(LaptopGrant { join, session, central_url })))
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<GatewaySummary>>, ApiError> {
    let mut all = app.store.read().await?.gateways().await?;
    all.retain(|gateway| gateway.owner.as_ref() == Some(&caller.user));
    Ok(Json(all))
}

pub(super) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<StatusCode, ApiError> {
    let mut change = app.store.change().await?;
    // One of somebody else's is answered as one that is not there.
    if change.tx().holder_of(&name).await? != Holder::User(caller.user.clone()) {
        return Err(missing(&name));
    }
    change.writing().delete_gateway(&name).await?;
    change.record(&caller.actor, &format!("gateway/{name}"), "local gateway ended by its user").await?;
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

/// Whether `user` may have `gateway`: it is nobody else's, and there are not too many.
async fn check_room(change: &mut Change, gateway: &Name, user: &Name) -> Result<(), ApiError> {
    match change.tx().holder_of(gateway).await? {
        Holder::User(owner) if owner == *user => {}
        Holder::Nobody => {}
        Holder::User(_) | Holder::Administrator => {
            return Err(ApiError::conflict(format!("gateway/{gateway} is somebody else's"))
                .hint("call this machine something else: `mcpctl login --host NAME`"));
        }
    }
    if change.tx().count_laptops(user, gateway).await? >= LAPTOPS_PER_USER_MAX as u64 {
        return Err(ApiError::conflict(format!(
            "you have {LAPTOPS_PER_USER_MAX} local gateways already, which is the most"
        ))
        .hint("end one: `mcpctl logout` on that machine, or an administrator deletes it"));
    }
    Ok(())
}

/// Whether `owner` may still have `gateway`: much may have happened since it was allowed to enrol.
pub(super) async fn check_owner(change: &mut Change, (gateway, owner): (&Name, &Name)) -> Result<(), ApiError> {
    let user = change.tx().object(&ObjectRef { kind: Kind::User, name: owner.clone() }).await?;
    if !matches!(user, Some(Object::User(user)) if !is_out(&user.spec)) {
        return Err(ApiError::join_token_refused());
    }
    check_room(change, gateway, owner).await
}

/// Gives the local gateway that enrols the session that it shows the central one: sealed to its key, so that nobody else,
/// mcpd included, has it from now on.
pub(super) async fn equip(
    change: &mut Change,
    (gateway, owner): (&Name, &Name),
    key: &SealingKey,
    actor: &Actor,
) -> Result<(), ApiError> {
    let (opened, row) = open_laptop_session(gateway, owner, actor.peer.clone());
    let sealed = key.seal(opened.token.as_bytes()).ok_or_else(|| ApiError::unprocessable("`sealing_key` is no key"))?;
    let tx = change.writing();
    tx.add_session(&row).await?;
    tx.put_upstream(gateway, (&sealed.sealed, &row.summary.id)).await?;
    Ok(())
}

fn is_out(user: &UserSpec) -> bool {
    user.disabled || user.roles.is_empty()
}

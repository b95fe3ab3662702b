//! Logging in with a password, the sessions that come of it, and passwords themselves.

use super::{
    ApiError, App,
    authenticate::{actor_of, by_issuer},
    body::{Body, Params},
};
use crate::{
    identity::{Access, Actor, Caller, LoginError, Opening, open_session},
    settings::Addresses,
    store::{Change, StoreError},
};
use axum::{
    Extension, Json,
    extract::{ConnectInfo, State},
    http::{Method, StatusCode, Uri},
};
use control_plane_api::{
    access::{
        DeviceLogin, LoginMethods, LoginRequest, OpenedSession, PasswordChange, PasswordLogin, SessionAudience,
        SessionSummary,
    },
    name::Name,
    object::{Kind, Object, ObjectRef},
};
use issuers::Resource;
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// Stands for the id of the session that is presented.
const CURRENT: &str = "current";

pub(super) async fn log_in(
    State(app): State<App>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    (method, uri): (Method, Uri),
    Body(request): Body<LoginRequest>,
) -> Result<(StatusCode, Json<OpenedSession>), ApiError> {
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    let actor = actor_of(&method, &uri, peer);
    let user = match request {
        LoginRequest::Password(PasswordLogin { user, password }) => {
            app.logins.check(&app.store, (&user, Zeroizing::new(password)), &actor).await?.0
        }
        LoginRequest::Issuer(shown) => {
            let shown = Zeroizing::new(shown.issuer_token);
            let resource = Resource::Login(app.oauth.addresses.as_ref().map(Addresses::resource));
            let known = by_issuer(&app, &shown, resource).await?;
            known.map(|(user, ..)| user).ok_or_else(|| {
                ApiError::token_refused()
                    .hint("log in again; if that does not help, mcpd's log says why: is there a user for you?")
            })?
        }
    };
    let opening =
        Opening { user: user.clone(), audience: SessionAudience::Api, opened_with: None, peer: actor.peer.clone() };
    let (opened, row) = open_session(opening, &app.published.newest().peppers);
    let mut change = app.store.change().await?;
    change.writing().add_session(&row).await?;
    let actor = Actor { user: Some(user.clone()), token_id: Some(opened.summary.id.clone()), ..actor };
    change.record(&actor, &format!("user/{user}/sessions/{}", opened.summary.id), "logged in").await?;
    change.commit().await?;
    app.published.announce();
    Ok((StatusCode::CREATED, Json(opened)))
}

/// Names of clients and addresses of issuers are what every login page shows.
pub(super) async fn methods(State(app): State<App>) -> Json<LoginMethods> {
    let configuration = app.published.newest();
    let device = |object: &Object| match object {
        Object::Issuer(issuer) => Some(DeviceLogin {
            name: issuer.name.clone(),
            issuer: issuer.spec.issuer.clone(),
            client_id: issuer.spec.device_client_id.clone()?,
            scopes: issuer.spec.device_scopes.clone(),
        }),
        _ => None,
    };
    let device = configuration.objects.iter().filter_map(device).collect();
    Json(LoginMethods { device, laptops: configuration.central_url.is_some() })
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<SessionSummary>>, ApiError> {
    app.uses.write(&app.store).await?;
    let whose = (!Access::Inspect.admits(&caller.roles)).then_some(&caller.user);
    Ok(Json(app.store.read().await?.sessions(whose).await?))
}

pub(super) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(id): Params<String>,
) -> Result<StatusCode, ApiError> {
    let missing = || ApiError::not_found("there is no such session").hint("`GET /api/v1/sessions` lists yours");
    let id = match (id.as_str(), &caller.session) {
        (CURRENT, Some(current)) => current.clone(),
        (CURRENT, None) => return Err(missing().hint("what was presented is a token, which is revoked instead")),
        _ => id,
    };
    let mut change = app.store.change().await?;
    let whose = (!Access::Administer.admits(&caller.roles)).then_some(&caller.user);
    if !change.writing().delete_session(&id, whose).await? {
        return Err(missing());
    }
    change.record(&caller.actor, &format!("session/{id}"), "ended").await?;
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn put_password(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
    Body(request): Body<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let user = ObjectRef { kind: Kind::User, name };
    let missing = || ApiError::not_found(format!("{user} does not exist"));
    let own = user.name == caller.user;
    if !own && !Access::Administer.admits(&caller.roles) {
        // Whether there is such a user is nobody's business who may not change it.
        return Err(missing());
    }
    if own {
        check_current(&app, &caller, request.current).await?;
    }
    let phc = match request.password {
        Some(password) => Some(app.logins.hasher.hash(Zeroizing::new(password)).await.map_err(LoginError::from)?),
        None => None,
    };
    let mut change = app.store.change().await?;
    change.tx().object(&user).await?.ok_or_else(missing)?;
    let effect = set(&mut change, &user.name, phc.as_deref()).await?;
    change.record(&caller.actor, &user.to_string(), effect).await?;
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever changes an own password has to know it: a stolen session or token must not become a password.
async fn check_current(app: &App, caller: &Caller, current: Option<String>) -> Result<(), ApiError> {
    if app.store.read().await?.password_holder(caller.user.as_str()).await?.is_none() {
        // The first one comes from an administrator, who could make a token as well.
        return if Access::Administer.admits(&caller.roles) {
            Ok(())
        } else {
            Err(ApiError::forbidden("you have no password yet").hint("ask an administrator to set the first one"))
        };
    }
    let Some(current) = current else {
        return Err(ApiError::unprocessable("`current`, the password so far, is missing"));
    };
    let account = (caller.user.as_str(), Zeroizing::new(current));
    match app.logins.check(&app.store, account, &caller.actor).await {
        Ok(_) => Ok(()),
        Err(LoginError::Refused) => Err(ApiError::forbidden("the password so far is wrong")
            .hint("an administrator can set another one: `mcpctl user passwd`")),
        Err(other) => Err(other.into()),
    }
}

/// Sets or removes a password; every session of the user ends. What was done, for the audit log.
async fn set(change: &mut Change, user: &Name, phc: Option<&str>) -> Result<&'static str, StoreError> {
    let tx = change.writing();
    tx.delete_sessions_of(user).await?;
    match phc {
        Some(phc) => tx.put_password(user, phc).await.map(|()| "password set"),
        None => tx.delete_password(user).await.map(|_| "password removed"),
    }
}

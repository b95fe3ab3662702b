//! Connections to upstream servers: who has one, ending one, and links to make one.

use super::{
    ApiError, App,
    authenticate::CallingGateway,
    body::{Body, Params},
};
use crate::{
    identity::{Access, Caller, new_bearer},
    oauth::Target,
    store::{StoreError, StoredConnection, StoredTicket, Tx},
};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::{
    access::Role,
    name::Name,
    oauth::{ConnectLink, ConnectRequest, ConnectionSummary, OauthMode, Replacement, TokenRefusal, TokenRefusalReply},
    object::Object,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use std::collections::BTreeSet;

/// How long a link that was asked for is good, in milliseconds.
const LINK_LIFETIME_MS: i64 = 600_000;
/// Most scopes, and longest scope in bytes, that a link asks for.
const SCOPES_MAX: usize = 64;
const SCOPE_BYTES_MAX: usize = 200;

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<ConnectionSummary>>, ApiError> {
    let connections = app.store.read().await?.connections().await?;
    let visible = |connection: &&StoredConnection| {
        Access::Read.admits(&caller.roles) || connection.user.as_ref().is_none_or(|user| *user == caller.user)
    };
    Ok(Json(connections.iter().filter(visible).map(StoredConnection::summary).collect()))
}

pub(super) async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(id): Params<Name>,
) -> Result<StatusCode, ApiError> {
    let mut change = app.store.change().await?;
    let connection =
        change.tx().connection(&id).await?.filter(|connection| {
            Access::Operate.admits(&caller.roles) || connection.user.as_ref() == Some(&caller.user)
        });
    let connection = connection.ok_or_else(|| {
        ApiError::not_found(format!("connection/{id} does not exist")).hint("`GET /api/v1/connections` lists yours")
    })?;
    change.writing().delete_connection(&id).await?;
    change.record(&caller.actor, &connection.target(), "deleted").await?;
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn issue_ticket(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(server): Params<Name>,
    Body(request): Body<ConnectRequest>,
) -> Result<(StatusCode, Json<ConnectLink>), ApiError> {
    if !are_scopes(&request.scopes) {
        return Err(ApiError::unprocessable("`scopes` holds what is not a scope"));
    }
    let missing = || ApiError::not_found(format!("server/{server} does not exist, or needs no connection"));
    let target = app.oauth.target(&server).await?.ok_or_else(missing)?;
    if !may_connect(&mut app.store.read().await?, &caller.user, &caller.roles, &target).await? {
        // Whether there is such a server is nobody's business who may not use it.
        return Err(missing());
    }
    if !target.settings.grant.is_code() {
        let detail = format!("server/{server} is connected by mcpd itself, without anybody's consent");
        return Err(ApiError::unprocessable(detail).hint("`GET /api/v1/connections` shows how it is"));
    }
    let addresses = app.oauth.addresses.as_ref().ok_or_else(|| {
        ApiError::unprocessable("mcpd does not know under which URL browsers reach it").hint("set MCPD_PUBLIC_URL")
    })?;
    let expires_at = Timestamp::now().plus_millis(LINK_LIFETIME_MS);
    let text = new_bearer(TokenKind::Connect);
    let ticket = StoredTicket {
        user: caller.user.clone(),
        token_id: caller.actor.token_id.clone().unwrap_or_default(),
        server: server.clone(),
        scopes: request.scopes,
        used: false,
        expires_at,
    };
    let mut tx = app.store.write().await?;
    tx.add_ticket(&token::digest(&text), &ticket).await?;
    tx.commit().await?;
    let url = format!("{}?ticket={text}", addresses.connect(&server));
    Ok((StatusCode::CREATED, Json(ConnectLink { url, user: caller.user, mode: target.settings.mode, expires_at })))
}

pub(super) async fn refused(
    State(app): State<App>,
    Extension(CallingGateway(gateway)): Extension<CallingGateway>,
    Body(refusal): Body<TokenRefusal>,
) -> Result<Json<TokenRefusalReply>, ApiError> {
    if gateway.owner.is_some() {
        // What it shows the central gateway is not renewed here: its user logs in again.
        return Ok(Json(TokenRefusalReply { replacement: Replacement::NeedsConsent }));
    }
    tracing::info!(gateway = %gateway.name, connection = %refusal.connection, again = refusal.again, "A token was refused");
    // In a task: a gateway that hangs up must not end a renewal whose refresh token is spent already.
    let replaced = tokio::spawn(async move { app.oauth.replace(&refusal).await }).await;
    let broke_off = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the renewal broke off");
    let replacement = replaced.map_err(broke_off)??;
    Ok(Json(TokenRefusalReply { replacement }))
}

/// Whether every text can be a scope (RFC 6749 §3.3), and there are not too many.
pub(super) fn are_scopes(scopes: &[String]) -> bool {
    let is_scope = |scope: &String| {
        !scope.is_empty()
            && scope.len() <= SCOPE_BYTES_MAX
            && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    scopes.len() <= SCOPES_MAX && scopes.iter().all(is_scope)
}

/// Whether `user` may connect `target`: an operator any; a member of a project those in it, for itself.
pub(super) async fn may_connect(tx: &mut Tx, user: &Name, roles: &[Role], target: &Target) -> Result<bool, StoreError> {
    if Access::Operate.admits(roles) {
        return Ok(true);
    }
    Ok(target.settings.mode == OauthMode::PerUser && is_member(&tx.objects().await?, user, &target.server))
}

/// Whether a project of `user` has a profile of `server`.
fn is_member(objects: &[Object], user: &Name, server: &Name) -> bool {
    let profiles: BTreeSet<&Name> = objects
        .iter()
        .filter_map(|object| match object {
            Object::Profile(profile) if profile.spec.server == *server => Some(&profile.name),
            _ => None,
        })
        .collect();
    objects.iter().any(|object| match object {
        Object::Project(project) => {
            project.spec.members.contains(user) && project.spec.profiles.iter().any(|name| profiles.contains(name))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_member_of_a_project_with_the_server_and_nobody_else() {
        let objects: Vec<Object> = serde_json::from_value(json!([
            {"kind": "profile", "name": "p", "spec": {"server": "jira"}},
            {"kind": "profile", "name": "q", "spec": {"server": "slack"}},
            {"kind": "project", "name": "w", "spec": {"profiles": ["p"], "members": ["ann"]}},
            {"kind": "project", "name": "v", "spec": {"profiles": ["q"], "members": ["bob"]}},
        ]))
        .unwrap();
        let check = |user: &str, server: &str| is_member(&objects, &user.parse().unwrap(), &server.parse().unwrap());
        assert!(check("ann", "jira") && check("bob", "slack"));
        assert!(!check("bob", "jira") && !check("ann", "slack") && !check("eve", "jira"));
    }

    #[test]
    fn a_scope_has_no_spaces_quotes_or_controls() {
        let check = |scope: &str| are_scopes(&[scope.to_owned()]);
        assert!(check("read:issues") && are_scopes(&[]));
        for bad in ["", "a b", "a\"b", "a\\b", "ä", "a\n", &"a".repeat(201)] {
            assert!(!check(bad), "{bad}");
        }
        assert!(!are_scopes(&vec!["a".to_owned(); 65]));
    }
}

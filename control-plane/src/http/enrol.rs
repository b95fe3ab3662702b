//! How a gateway becomes one of ours: an administrator issues a join token, the gateway trades it for its own.

use super::{
    ApiError, App,
    authenticate::JoinDigest,
    body::{Body, Params},
    laptops,
};
use crate::{
    identity::{Caller, new_bearer},
    secrets::SealingKey,
    store::{EnrolledGateway, JoinGrant, OWN_NAME},
};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::{
    audit::chain::verifying_key,
    gateway::{EnrolReply, EnrolRequest, JoinToken, JoinTokenRequest},
    name::Name,
    timestamp::Timestamp,
    token::{self, TokenKind},
};

/// Longest lifetime of a join token, in seconds: a week.
const JOIN_TOKEN_LIFETIME_S_MAX: i64 = 7 * 24 * 3_600;

pub(super) async fn issue_join_token(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<JoinTokenRequest>,
) -> Result<(StatusCode, Json<JoinToken>), ApiError> {
    if request.gateway.as_str() == OWN_NAME {
        return Err(ApiError::unprocessable(format!("no gateway may be called `{OWN_NAME}`")));
    }
    if request.expires_in_s > JOIN_TOKEN_LIFETIME_S_MAX {
        return Err(ApiError::unprocessable(format!("a join token lasts {JOIN_TOKEN_LIFETIME_S_MAX} s at most")));
    }
    let (token, grant) = new_join_token(&request.gateway, None, request.expires_in_s);
    let expires_at = grant.expires_at;
    // Not `writing`: a join token is in no snapshot, so the revision stays.
    let mut change = app.store.change().await?;
    change.tx().add_join_token(&token::digest(&token), &grant).await?;
    change.record(&caller.actor, &format!("gateway/{}", request.gateway), "join token created").await?;
    change.commit().await?;
    Ok((StatusCode::CREATED, Json(JoinToken { gateway: request.gateway, token, expires_at })))
}

/// The text of a new join token, and what it allows: `gateway`, which will be `owner`'s, to enrol within so many seconds.
pub(super) fn new_join_token(gateway: &Name, owner: Option<Name>, expires_in_s: i64) -> (String, JoinGrant) {
    let expires_at = Timestamp::now().plus_millis(expires_in_s.saturating_mul(1_000));
    (new_bearer(TokenKind::Join), JoinGrant { gateway: gateway.clone(), owner, expires_at })
}

pub(super) async fn enrol(
    State(app): State<App>,
    Extension(join): Extension<JoinDigest>,
    Params(name): Params<Name>,
    Body(request): Body<EnrolRequest>,
) -> Result<(StatusCode, Json<EnrolReply>), ApiError> {
    let key = SealingKey::parse(&request.sealing_key)
        .ok_or_else(|| ApiError::unprocessable("`sealing_key` is not an X25519 public key in 64 hex digits"))?;
    if request.audit_key.as_deref().is_some_and(|key| verifying_key(key).is_none()) {
        return Err(ApiError::unprocessable("`audit_key` is not an Ed25519 public key in 64 hex digits"));
    }
    let mut change = app.store.change().await?;
    let owner = change.tx().join_grant(&join.digest).await?.and_then(|grant| grant.owner);
    if !change.writing().take_join_token(&join.digest).await? {
        return Err(ApiError::join_token_refused());
    }
    let token = new_bearer(TokenKind::Gateway);
    let gateway = EnrolledGateway {
        name: name.clone(),
        digest: token::digest(&token),
        sealing_key: request.sealing_key,
        enrolled_at: Timestamp::now(),
        owner: owner.clone(),
    };
    if let Some(owner) = &owner {
        laptops::check_owner(&mut change, (&name, owner)).await?;
    }
    change.writing().put_gateway(&gateway).await?;
    if let Some(owner) = &owner {
        laptops::equip(&mut change, (&name, owner), &key, &join.actor).await?;
    }
    if let Some(key) = &request.audit_key {
        change.writing().add_audit_key(&name, key).await?;
    }
    change.record(&join.actor, &format!("gateway/{name}"), "enrolled").await?;
    change.commit().await?;
    app.published.announce();
    tracing::info!(gateway = %name, role = %request.role, version = %request.version, "Enrolled a gateway");
    Ok((StatusCode::CREATED, Json(EnrolReply { token, verifying_key: app.keys.verifying_key() })))
}

//! Tokens of users. (Users themselves are objects like any other.)

use super::{
    ApiError, App,
    body::{Body, Params},
};
use crate::identity::{Caller, issue};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::{
    access::{IssuedToken, TokenRequest, TokenSummary},
    name::Name,
    object::{Kind, ObjectRef},
};

/// Longest label of a token, in bytes.
const LABEL_BYTES_MAX: usize = 200;

fn user(name: Name) -> ObjectRef {
    ObjectRef { kind: Kind::User, name }
}

fn missing(user: &ObjectRef) -> ApiError {
    ApiError::not_found(format!("{user} does not exist")).hint("`GET /api/v1/users` lists those that do")
}

pub(super) async fn list_tokens(
    State(app): State<App>,
    Params(name): Params<Name>,
) -> Result<Json<Vec<TokenSummary>>, ApiError> {
    let user = user(name);
    app.uses.write(&app.store).await?;
    let mut tx = app.store.read().await?;
    tx.object(&user).await?.ok_or_else(|| missing(&user))?;
    Ok(Json(tx.tokens_of(&user.name).await?))
}

pub(super) async fn issue_token(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
    Body(request): Body<TokenRequest>,
) -> Result<(StatusCode, Json<IssuedToken>), ApiError> {
    if request.label.len() > LABEL_BYTES_MAX {
        return Err(ApiError::unprocessable(format!("the label is longer than {LABEL_BYTES_MAX} bytes")));
    }
    let user = user(name);
    let mut change = app.store.change().await?;
    change.tx().object(&user).await?.ok_or_else(|| missing(&user))?;
    let (issued, row) = issue(&user.name, request, &app.published.newest().peppers);
    change.writing().add_token(&row).await?;
    change.record(&caller.actor, &format!("{user}/tokens/{}", row.summary.id), "created").await?;
    change.commit().await?;
    app.published.announce();
    Ok((StatusCode::CREATED, Json(issued)))
}

pub(super) async fn delete_token(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params((name, id)): Params<(Name, String)>,
) -> Result<StatusCode, ApiError> {
    let user = user(name);
    let mut change = app.store.change().await?;
    if !change.writing().delete_token(&user.name, &id).await? {
        return Err(ApiError::not_found(format!("{user} has no such token")));
    }
    change.record(&caller.actor, &format!("{user}/tokens/{id}"), "deleted").await?;
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

//! Secrets: set, listed by name, removed. No route ever gives a value back.

use super::{
    ApiError, App,
    body::{Body, Params},
    precondition::Trial,
};
use crate::{
    configure::{self, Expected},
    identity::Caller,
    secrets::Binding,
    store::StoredSecret,
};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::{
    name::Name,
    object::{Kind, ObjectRef},
    secret::{SecretSummary, SecretValue},
};
use zeroize::Zeroizing;

/// Longest value of a secret, in bytes.
const SECRET_BYTES_MAX: usize = 64 << 10;

pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<SecretSummary>>, ApiError> {
    let secrets = app.store.read().await?.secrets().await?;
    let summary = |secret: StoredSecret| SecretSummary { name: secret.name, revision: secret.revision };
    Ok(Json(secrets.into_iter().map(summary).collect()))
}

pub(super) async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
    Body(request): Body<SecretValue>,
) -> Result<(StatusCode, Json<SecretSummary>), ApiError> {
    let value = Zeroizing::new(request.value);
    if value.is_empty() || value.len() > SECRET_BYTES_MAX {
        return Err(ApiError::unprocessable(format!("a secret has 1 to {SECRET_BYTES_MAX} bytes")));
    }
    let binding = |version| Binding { name: name.as_str(), version, field: "value" };
    let mut change = app.store.change().await?;
    let have = change.tx().secret(&name).await?;
    if let Some(have) = &have {
        // One that does not open any more is simply set anew.
        let same = app.keys.decrypt(binding(have.version), &have.ciphertext).is_ok_and(|old| *old == value.as_bytes());
        if same {
            return Ok((StatusCode::OK, Json(SecretSummary { name: name.clone(), revision: have.revision })));
        }
    }
    let version = have.as_ref().map_or(1, |have| have.version.saturating_add(1));
    let ciphertext = app.keys.encrypt(binding(version), value.as_bytes())?;
    let secret = StoredSecret { name: name.clone(), revision: change.next(), version, ciphertext };
    change.writing().put_secret(&secret).await?;
    let effect = if have.is_some() { "configured" } else { "created" };
    change.record(&caller.actor, &format!("secret/{name}"), effect).await?;
    change.commit().await?;
    app.published.announce();
    let status = if have.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(SecretSummary { name, revision: secret.revision })))
}

pub(super) async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
    trial: Trial,
    expected: Expected,
) -> Result<StatusCode, ApiError> {
    let expected = trial.unless(expected);
    let mut change = app.store.change().await?;
    let secret = ObjectRef { kind: Kind::Secret, name };
    configure::delete(&mut change, &secret, &expected, &caller.actor).await?;
    if trial.0 {
        // What was changed so far is dropped with it.
        return Ok(StatusCode::NO_CONTENT);
    }
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

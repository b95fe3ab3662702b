//! Master keys: which there are, a new one, everything put under it. No route ever gives a key away.

use super::{ApiError, App, body::Body};
use crate::{identity::Caller, secrets::RotationError};
use axum::{Extension, Json, extract::State, http::StatusCode};
use control_plane_api::secret::{KeyStatus, RewrapReply, RewrapRequest};

pub(super) async fn status(State(app): State<App>) -> Result<Json<KeyStatus>, ApiError> {
    Ok(Json(app.keys.status(&app.store).await?))
}

pub(super) async fn renew(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<(StatusCode, Json<KeyStatus>), ApiError> {
    app.keys.renew(&app.store, &caller.actor).await?;
    Ok((StatusCode::CREATED, Json(app.keys.status(&app.store).await?)))
}

pub(super) async fn rewrap(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<RewrapRequest>,
) -> Result<Json<RewrapReply>, ApiError> {
    let reply = app.keys.rewrap(&app.store, request.after.as_deref(), &caller.actor).await?;
    if reply.next.is_none() {
        app.published.announce();
    }
    Ok(Json(reply))
}

pub(super) async fn forget(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<KeyStatus>, ApiError> {
    app.keys.forget_older(&app.store, &caller.actor).await?;
    Ok(Json(app.keys.status(&app.store).await?))
}

impl From<RotationError> for ApiError {
    fn from(error: RotationError) -> Self {
        let detail = error.to_string();
        match error {
            RotationError::Key(error) => Self::new(StatusCode::CONFLICT, detail).hint(error.hint()),
            RotationError::Store(error) => error.into(),
            RotationError::InUse(_) => {
                Self::new(StatusCode::CONFLICT, detail).hint("run `mcpctl secrets rotate-key` until none is left")
            }
        }
    }
}

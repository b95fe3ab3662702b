//! Many objects at once, all or none.

use super::{ApiError, App, body::Body};
use crate::{
    configure,
    identity::{Access, Caller},
};
use axum::{Extension, Json, extract::State};
use control_plane_api::{
    apply::{ApplyReply, ApplyRequest},
    object::{Kind, Object},
};

pub(super) async fn apply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<ApplyRequest>,
) -> Result<Json<ApplyReply>, ApiError> {
    // Whoever changes these decides who somebody is.
    let of_identity = |object: &Object| matches!(object.reference().kind, Kind::User | Kind::Issuer);
    if request.objects.iter().any(of_identity) && !Access::Administer.admits(&caller.roles) {
        return Err(ApiError::forbidden(format!("user `{}` may not change users and issuers", caller.user)));
    }
    let mut change = app.store.change().await?;
    let objects = configure::apply(&mut change, request.objects, &caller.actor).await?;
    if request.dry_run {
        return Ok(Json(ApplyReply { revision: change.current(), objects }));
    }
    let revision = change.commit().await?;
    app.published.announce();
    Ok(Json(ApplyReply { revision, objects }))
}

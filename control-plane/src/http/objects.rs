//! Servers, profiles, projects, users and issuers, one at a time. One set of functions for the five kinds.

use super::{
    ApiError, App,
    body::{Body, Params},
    precondition::{Trial, etag},
    route::{Route, SchemaOf, Shape, delete as delete_route, get, put as put_route},
};
use crate::{
    configure::{self, Expected},
    identity::{Access, Caller},
};
use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use control_plane_api::{
    access::{Role, UserSpec},
    apply::Effect,
    issuer::IssuerSpec,
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    profile::ProfileSpec,
    project::ProjectSpec,
    server::ServerSpec,
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

/// A kind of object that has routes of its own.
pub(super) trait Spec: Serialize + DeserializeOwned + ToSchema + Send + Sync + 'static {
    const KIND: Kind;
    /// Said in the OpenAPI document of the list and of reading, putting and deleting one.
    const SUMMARIES: [&'static str; 4];
    fn wrap(named: Named<Self>) -> Object
    where
        Self: Sized;
    fn unwrap(object: Object) -> Option<Named<Self>>
    where
        Self: Sized;
}

macro_rules! spec {
    ($spec:ty, $kind:ident, $word:literal) => {
        impl Spec for $spec {
            const KIND: Kind = Kind::$kind;
            const SUMMARIES: [&'static str; 4] = [
                concat!("The ", $word, "s"),
                concat!("One ", $word),
                concat!("Create or change a ", $word),
                concat!("Delete a ", $word, " that nothing refers to"),
            ];

            fn wrap(named: Named<Self>) -> Object {
                Object::$kind(named)
            }

            fn unwrap(object: Object) -> Option<Named<Self>> {
                match object {
                    Object::$kind(named) => Some(named),
                    _ => None,
                }
            }
        }
    };
}
spec!(ServerSpec, Server, "server");
spec!(ProfileSpec, Profile, "profile");
spec!(ProjectSpec, Project, "project");
spec!(UserSpec, User, "user");
spec!(IssuerSpec, Issuer, "issuer");

/// What `dry_run` means; for the OpenAPI document.
pub(super) const DRY_RUN: &str = "`true`: only say whether it could be deleted";

/// The four routes of a kind, at these two paths.
pub(super) fn routes_of<S: Spec>(paths: [&'static str; 2], read_access: Access, write_access: Access) -> [Route; 4] {
    let [all, single] = paths;
    let [list_says, read_says, put_says, delete_says] = S::SUMMARIES;
    let shape = || Shape::One(SchemaOf::of_named::<S>());
    [
        get(all, read_access, list::<S>, list_says).answers(200, Shape::Many(SchemaOf::of_named::<S>())),
        get(single, read_access, read::<S>, read_says).answers(200, shape()),
        put_route(single, write_access, put::<S>, put_says).takes(shape()).answers(201, shape()).answers(200, shape()),
        delete_route(single, write_access, delete::<S>, delete_says)
            .asks("dry_run", DRY_RUN)
            .answers(204, Shape::Nothing),
    ]
}

/// Whether `caller` may see `object`: a developer sees the projects it is a member of.
fn visible(caller: &Caller, object: &Object) -> bool {
    match object {
        Object::Project(project) if !Access::Read.admits(&caller.roles) => {
            caller.roles.contains(&Role::Developer) && project.spec.members.contains(&caller.user)
        }
        _ => true,
    }
}

fn reference<S: Spec>(name: Name) -> ObjectRef {
    ObjectRef { kind: S::KIND, name }
}

fn missing(object: &ObjectRef) -> ApiError {
    ApiError::not_found(format!("{object} does not exist"))
}

async fn list<S: Spec>(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<Named<S>>>, ApiError> {
    let objects = app.store.read().await?.objects_of(S::KIND).await?;
    Ok(Json(objects.into_iter().filter(|object| visible(&caller, object)).filter_map(S::unwrap).collect()))
}

async fn read<S: Spec>(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
) -> Result<Response, ApiError> {
    let reference = reference::<S>(name);
    let object = app.store.read().await?.object(&reference).await?;
    let object = object.filter(|object| visible(&caller, object)).and_then(S::unwrap);
    let object = object.ok_or_else(|| missing(&reference))?;
    Ok((etag(object.revision), Json(object)).into_response())
}

async fn put<S: Spec>(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
    expected: Expected,
    Body(body): Body<Named<S>>,
) -> Result<Response, ApiError> {
    if body.name != name {
        let detail = format!("the path names `{name}` and the body `{}`", body.name);
        return Err(ApiError::unprocessable(detail).hint("an object cannot be renamed: delete it and create another"));
    }
    let mut change = app.store.change().await?;
    let (object, effect) = configure::put(&mut change, S::wrap(body), &expected, &caller.actor).await?;
    change.commit().await?;
    app.published.announce();
    let object = S::unwrap(object).ok_or_else(|| missing(&reference::<S>(name)))?;
    let status = if effect == Effect::Created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, etag(object.revision), Json(object)).into_response())
}

async fn delete<S: Spec>(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(name): Params<Name>,
    trial: Trial,
    expected: Expected,
) -> Result<StatusCode, ApiError> {
    let expected = trial.unless(expected);
    let mut change = app.store.change().await?;
    configure::delete(&mut change, &reference::<S>(name), &expected, &caller.actor).await?;
    if trial.0 {
        // What was changed so far is dropped with it.
        return Ok(StatusCode::NO_CONTENT);
    }
    change.commit().await?;
    app.published.announce();
    Ok(StatusCode::NO_CONTENT)
}

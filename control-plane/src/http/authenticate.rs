//! The access check around the whole listener: who calls, and whether this route is for them.
//!
//! What the table of routes does not name is refused to everybody without a token. Tokens are looked at for their
//! form and checksum before the database is asked; then the digest is looked up, never the token.

use super::{ApiError, App, route::Route};
use crate::{
    identity::{Access, Actor, Caller, recognise_session, recognise_token},
    settings::Addresses,
    store::EnrolledGateway,
};
use axum::{
    extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State},
    http::{HeaderMap, Method, Uri, header},
    middleware::Next,
    response::Response,
};
use control_plane_api::{
    access::{Role, SessionAudience},
    name::Name,
    object::{Kind, Object, ObjectRef},
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use issuers::{Rejection, Resource};
use std::{collections::HashMap, net::SocketAddr, sync::Arc};

/// The table of routes as the access check needs it.
#[derive(Clone)]
pub(super) struct Gate {
    app: App,
    table: Arc<HashMap<(Method, &'static str), Access>>,
}

impl Gate {
    pub(super) fn new(app: App, routes: &[Route]) -> Self {
        let row = |route: &Route| ((route.method.clone(), route.path), route.access);
        Self { app, table: Arc::new(routes.iter().map(row).collect()) }
    }

    fn access(&self, request: &Request) -> Access {
        let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let row = path.and_then(|path| self.table.iter().find(|((m, p), _)| *m == method && *p == path));
        row.map_or(Access::Anyone, |(_, access)| *access)
    }
}

/// A gateway whose token was accepted.
#[derive(Clone)]
pub(super) struct CallingGateway(pub(super) Arc<EnrolledGateway>);

/// Digest of a join token that was good when the request came; it still has to be taken.
#[derive(Clone)]
pub(super) struct JoinDigest {
    pub(super) digest: String,
    pub(super) actor: Actor,
}

/// Lets a request through to its route, or not.
pub(super) async fn authenticate(
    State(gate): State<Gate>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let access = gate.access(&request);
    match access {
        Access::Open => {}
        Access::Join => {
            let digest = token::digest(bearer(request.headers(), TokenKind::Join)?);
            let grant = gate.app.store.read().await?.join_grant(&digest).await?;
            let good = grant.is_some_and(|grant| named(&params) == Some(grant.gateway.as_str()) && !grant.is_over());
            if !good {
                return Err(ApiError::join_token_refused());
            }
            let actor = actor(&request);
            request.extensions_mut().insert(JoinDigest { digest, actor });
        }
        Access::Gateway => {
            let digest = token::digest(bearer(request.headers(), TokenKind::Gateway)?);
            let gateway = calling_gateway(&gate.app, &digest).await?;
            if named(&params) != Some(gateway.name.as_str()) {
                return Err(ApiError::forbidden("this is another gateway's"));
            }
            request.extensions_mut().insert(CallingGateway(Arc::new(gateway)));
        }
        _ => {
            let actor = actor(&request);
            let caller = caller(&gate.app, request.headers(), actor).await?;
            if !access.admits(&caller.roles) {
                return Err(ApiError::forbidden(format!("user `{}` may not do this", caller.user)));
            }
            request.extensions_mut().insert(caller);
        }
    }
    Ok(next.run(request).await)
}

/// The gateway in the path.
fn named(params: &RawPathParams) -> Option<&str> {
    params.iter().find(|(param, _)| *param == "name").map(|(_, name)| name)
}

/// The user whose token or session is presented, or for whom a token of an issuer speaks.
async fn caller(app: &App, headers: &HeaderMap, actor: Actor) -> Result<Caller, ApiError> {
    let presented = presented(headers)?;
    let known = if token::is_well_formed(TokenKind::Session, presented) {
        let session = recognise_session(&app.store, &app.published, (presented, SessionAudience::Api)).await?;
        session.map(|session| (session.user, session.spec.roles, session.id))
    } else if token::is_well_formed(TokenKind::Personal, presented) {
        let token = recognise_token(&app.store, &app.published, presented).await?;
        token.map(|token| (token.user, token.spec.roles, token.token_id))
    } else {
        let resource = Resource::ControlPlane(app.oauth.addresses.as_ref().map(Addresses::resource));
        by_issuer(app, presented, resource).await?
    };
    let (user, roles, id) = known.ok_or_else(ApiError::token_refused)?;
    app.uses.note(&id, Timestamp::now());
    let session = token::is_well_formed(TokenKind::Session, presented).then(|| id.clone());
    let actor = Actor { user: Some(user.clone()), token_id: Some(id), ..actor };
    Ok(Caller { user, roles, session, actor })
}

/// For whom a token of an issuer speaks at `resource`. Judged by what was published last; what the user may do is looked up now,
/// so that who is shut out is so at once.
pub(super) async fn by_issuer(
    app: &App,
    presented: &str,
    resource: Resource<'_>,
) -> Result<Option<(Name, Vec<Role>, String)>, ApiError> {
    let speaker = match app.published.newest().issuers.recognise(presented, resource, Timestamp::now()) {
        Ok(speaker) => speaker,
        Err(Rejection::Malformed) => return Ok(None),
        Err(rejection) => {
            tracing::info!(%rejection, "Refused a token of an issuer");
            return Ok(None);
        }
    };
    let user = ObjectRef { kind: Kind::User, name: speaker.user };
    Ok(match app.store.read().await?.object(&user).await? {
        Some(Object::User(known)) if !known.spec.disabled => Some((user.name, known.spec.roles, speaker.token_id)),
        _ => None,
    })
}

async fn calling_gateway(app: &App, digest: &str) -> Result<EnrolledGateway, ApiError> {
    app.store.read().await?.gateway_holder(digest).await?.ok_or_else(ApiError::token_refused)
}

fn actor(request: &Request) -> Actor {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    actor_of(request.method(), request.uri(), peer)
}

/// Somebody nobody knows yet, as the audit log will name them.
pub(super) fn actor_of(method: &Method, uri: &Uri, peer: Option<SocketAddr>) -> Actor {
    let peer = peer.map(|peer| peer.to_string());
    Actor { user: None, token_id: None, method: format!("{method} {}", uri.path()), peer }
}

/// The bearer token of the one `Authorization` header, if it has the form of a token of `kind`.
fn bearer(headers: &HeaderMap, kind: TokenKind) -> Result<&str, ApiError> {
    let token = presented(headers)?;
    if token::is_well_formed(kind, token) { Ok(token) } else { Err(ApiError::token_refused()) }
}

/// The bearer token of the one `Authorization` header, whatever form it has.
fn presented(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(ApiError::token_missing()),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err(ApiError::token_refused()),
    };
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token) } else { Err(ApiError::token_refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(values: &[&str], accepted: bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(bearer(&headers, TokenKind::Personal).is_ok(), accepted, "{values:?}");
    }

    #[test]
    fn one_well_formed_bearer_of_the_right_kind_is_a_token() {
        let token = token::format(TokenKind::Personal, &[7; 32]);
        check(&[&format!("Bearer {token}")], true);
        check(&[&format!("bearer {token}")], true);
        check(&[], false);
        check(&[&token], false);
        check(&[&format!("Basic {token}")], false);
        check(&[&format!("Bearer  {token}")], false);
        check(&[&format!("Bearer\t{token}")], false);
        check(&[&format!("Bearer {token} ")], false);
        check(&[&format!("Bearer {token}, Bearer {token}")], false);
        check(&[&format!("Bearer {token}"), &format!("Bearer {token}")], false);
        check(&[&format!("Bearer {}", token::format(TokenKind::Gateway, &[7; 32]))], false);
        check(&["Bearer ' OR 1=1--"], false);
    }
}

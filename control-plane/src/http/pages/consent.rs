//! Do you agree? The page that says what will happen, the form that makes it happen, and the way back.

use super::{
    html::{Page, escape, hidden},
    link::{self, Link, Wish},
    login,
    session::{self, Browser, Visitor},
};
use crate::{
    http::{App, connections::may_connect},
    oauth::{Callback, Consent, Prepared, client_metadata},
};
use axum::{
    Json,
    extract::{Form, Path, Query, State, rejection::PathRejection},
    http::{StatusCode, header},
    response::IntoResponse,
};
use control_plane_api::{name::Name, oauth::ClientAuthentication};
use serde_json::json;

/// What the consent form sends.
#[derive(serde::Deserialize)]
pub(in crate::http) struct Agreement {
    form_token: String,
    /// The authorization server that was shown.
    issuer: String,
    #[serde(flatten)]
    wish: Wish,
}

/// `GET /connect/{name}`.
pub(in crate::http) async fn connect(
    State(app): State<App>,
    mut browser: Browser,
    server: Result<Path<Name>, PathRejection>,
    Query(wish): Query<Wish>,
) -> Result<Page, Page> {
    let server = named(server)?;
    let link = link::read(&app, &server, &wish).await?;
    link.check_user(&browser)?;
    let mut cookie = None;
    if browser.visitor.is_none() {
        cookie = let_in(&app, &mut browser, &link).await?;
    }
    let Some(visitor) = &browser.visitor else { return Ok(login::form(&browser, &server, &wish)) };
    let page = match prepared(&app, visitor, &server, &link).await {
        Ok(prepared) => question(&browser, visitor, &prepared, &wish),
        Err(page) => page,
    };
    Ok(page.setting(cookie))
}

/// `POST /connect/{name}`.
pub(in crate::http) async fn agree(
    State(app): State<App>,
    browser: Browser,
    server: Result<Path<Name>, PathRejection>,
    Form(agreement): Form<Agreement>,
) -> Result<Page, Page> {
    browser.check_origin()?;
    let server = named(server)?;
    let stale = || Page::refusal(StatusCode::FORBIDDEN, "This form is not valid any more; open the link again");
    let visitor = browser.visitor.as_ref().ok_or_else(stale)?;
    if !visitor.sent(&agreement.form_token) {
        return Err(stale());
    }
    let link = link::read(&app, &server, &agreement.wish).await?;
    link.check_user(&browser)?;
    let prepared = prepared(&app, visitor, &server, &link).await?;
    if prepared.issuer() != agreement.issuer {
        return Err(Page::refusal(
            StatusCode::CONFLICT,
            "The server names another authorization server than a moment ago; open the link again",
        ));
    }
    let url = app.oauth.begin(prepared, visitor.digest()).await?;
    if let Some((digest, _)) = &link.asked {
        let mut tx = app.store.write().await?;
        tx.delete_ticket(digest).await?;
        tx.commit().await?;
    }
    let body = format!("<p><a href=\"{}\" rel=\"noreferrer\">Continue</a></p>", escape(url.as_str()));
    Ok(Page::new("Taking you to the authorization server", body).onward(url.to_string()))
}

/// `GET /oauth/callback`.
pub(in crate::http) async fn callback(
    State(app): State<App>,
    browser: Browser,
    Query(callback): Query<Callback>,
) -> Result<Page, Page> {
    let nobody = || {
        Page::refusal(StatusCode::FORBIDDEN, "This browser is not logged in to mcpctl; open the link again and log in")
    };
    let visitor = browser.visitor.as_ref().ok_or_else(nobody)?;
    let server = Box::pin(app.oauth.finish(callback, &visitor.digest(), &browser.actor())).await?;
    let body = format!(
        "<p>The server <b>{}</b> is connected for <b>{}</b>. You may close this page and try again what needed it.</p>",
        escape(server.as_str()),
        escape(visitor.held.user.as_str())
    );
    Ok(Page::new("Connected", body))
}

/// `GET /oauth/client.json`: our client metadata document.
pub(in crate::http) async fn client(browser: Browser) -> Result<impl IntoResponse, Page> {
    let missing = || Page::refusal(StatusCode::NOT_FOUND, "mcpd has no client metadata document");
    let client_id = browser.addresses.client_id().ok_or_else(missing)?;
    let mut document = client_metadata(&browser.addresses, ClientAuthentication::None);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("client_id".to_owned(), json!(client_id));
    }
    Ok(([(header::CACHE_CONTROL, "max-age=3600")], Json(document)))
}

fn named(server: Result<Path<Name>, PathRejection>) -> Result<Name, Page> {
    let missing = |_| Page::refusal(StatusCode::NOT_FOUND, "There is no such server");
    server.map(|Path(name)| name).map_err(missing)
}

/// Lets a browser in by a ticket that `mcpctl connect` asked for: once, and only where links lead to this very
/// machine, so that nobody else can have sent it.
async fn let_in(app: &App, browser: &mut Browser, link: &Link) -> Result<Option<String>, Page> {
    let Some((digest, ticket)) = &link.asked else { return Ok(None) };
    if !browser.addresses.is_local() || ticket.used {
        return Ok(None);
    }
    let mut tx = app.store.write().await?;
    let first = tx.use_ticket(digest).await?;
    tx.commit().await?;
    if !first {
        return Ok(None);
    }
    Ok(Some(session::open(app, browser, (&ticket.user, Some(&ticket.token_id))).await?))
}

async fn prepared(app: &App, visitor: &Visitor, server: &Name, link: &Link) -> Result<Prepared, Page> {
    let missing = || Page::refusal(StatusCode::NOT_FOUND, "There is no such server, or you may not connect it");
    let target = app.oauth.target(server).await?.ok_or_else(missing)?;
    let held = &visitor.held;
    if !may_connect(&mut app.store.read().await?, &held.user, &held.spec.roles, &target).await? {
        return Err(missing());
    }
    let consent = Consent { target, user: held.user.clone(), challenged: link.scopes.clone() };
    Ok(Box::pin(app.oauth.prepare(consent)).await?)
}

fn question(browser: &Browser, visitor: &Visitor, prepared: &Prepared, wish: &Wish) -> Page {
    let consent = prepared.consent();
    let whose = match consent.owner() {
        Some(user) => format!("<b>{}</b> alone", escape(user.as_str())),
        None => "<b>every user</b> of this server".to_owned(),
    };
    let scopes = match prepared.scopes.as_slice() {
        [] => "what the authorization server thinks right".to_owned(),
        scopes => scopes.iter().map(|scope| format!("<code>{}</code>", escape(scope))).collect::<Vec<_>>().join(", "),
    };
    let body = format!(
        "<p>You will be asked to let mcpctl use an account of yours. Agree only if you began this yourself.</p>\
         <dl><dt>Server</dt><dd>{server}, <code>{url}</code></dd><dt>Authorization server</dt><dd><code>{issuer}</code></dd>\
         <dt>Used for calls of</dt><dd>{whose}</dd><dt>Permissions asked for</dt><dd>{scopes}</dd>\
         <dt>You are logged in as</dt><dd>{user}</dd></dl>\
         <form method=\"post\" action=\"{path}/connect/{server}\">{token}{issuer_field}{ticket}{scope}\
         <button>Connect</button></form>\
         <form method=\"post\" action=\"{path}/logout\"><button>I am somebody else</button></form>",
        server = escape(consent.target.server.as_str()),
        url = escape(&consent.target.url),
        issuer = escape(prepared.issuer()),
        user = escape(visitor.held.user.as_str()),
        path = escape(&browser.addresses.path()),
        token = hidden("form_token", &visitor.form_token()),
        issuer_field = hidden("issuer", prepared.issuer()),
        ticket = hidden("ticket", &wish.ticket),
        scope = hidden("scope", &wish.scope),
    );
    Page::new("Connect a server", body)
}

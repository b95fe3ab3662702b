//! Logging in with a token, and out again.

use super::{
    html::{Page, escape, hidden},
    link::{self, Wish},
    session::{self, Browser},
};
use crate::http::App;
use axum::{
    extract::{Form, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use control_plane_api::{
    name::Name,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// What the login form sends.
#[derive(serde::Deserialize)]
pub(in crate::http) struct Login {
    token: String,
    server: Name,
    #[serde(flatten)]
    wish: Wish,
}

/// Asks who is there, to go on to `server` then.
pub(super) fn form(browser: &Browser, server: &Name, wish: &Wish) -> Page {
    let body = format!(
        "<p>To connect the server <b>{server}</b>, show that you are its user: paste a token of yours.</p>\
         <form method=\"post\" action=\"{path}/login\">{server_field}{ticket}{scope}\
         <label>Token <input type=\"password\" name=\"token\" autocomplete=\"off\" required autofocus></label>\
         <button>Log in</button></form>\
         <p class=\"note\"><code>mcpctl token create</code> makes one. The browser keeps a cookie, not the token.</p>",
        server = escape(server.as_str()),
        path = escape(&browser.addresses.path()),
        server_field = hidden("server", server.as_str()),
        ticket = hidden("ticket", &wish.ticket),
        scope = hidden("scope", &wish.scope),
    );
    Page::new("Who are you?", body)
}

/// `POST /login`.
pub(in crate::http) async fn login(
    State(app): State<App>,
    mut browser: Browser,
    Form(login): Form<Login>,
) -> Result<Response, Page> {
    browser.check_origin()?;
    let presented = Zeroizing::new(login.token);
    let refused = || Page::refusal(StatusCode::FORBIDDEN, "The token is unknown, expired or revoked");
    if !token::is_well_formed(TokenKind::Personal, presented.trim()) {
        return Err(refused());
    }
    let link = link::read(&app, &login.server, &login.wish).await?;
    let holder = app.store.read().await?.token_holder(&token::digest(presented.trim())).await?;
    let now = Timestamp::now();
    let holder = holder.filter(|holder| holder.expires_at.is_none_or(|end| now < end)).ok_or_else(refused)?;
    let cookie = session::open(&app, &mut browser, &holder.user, &holder.token_id).await?;
    link.check_user(&browser).map_err(|page| page.setting(Some(cookie.clone())))?;
    tracing::info!(user = %holder.user, "A browser logged in");
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("ticket", &login.wish.ticket).append_pair("scope", &login.wish.scope);
    let place = format!("{}?{}", browser.addresses.connect(&login.server), query.finish());
    let mut response = Page::new("Logged in", String::new()).setting(Some(cookie)).into_response();
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `POST /logout`.
pub(in crate::http) async fn logout(State(app): State<App>, browser: Browser) -> Result<Page, Page> {
    browser.check_origin()?;
    let cookie = session::close(&app, &browser).await?;
    let body = "<p>Open the link again to log in as somebody else.</p>".to_owned();
    Ok(Page::new("Logged out", body).setting(Some(cookie)))
}

//! Logging in with a password or a token, and out again.

use super::{
    html::{Page, escape, hidden},
    link::{self, Wish},
    session::{self, Browser},
};
use crate::{
    http::App,
    identity::{LoginError, recognise_token},
};
use axum::{
    extract::{Form, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use control_plane_api::{
    name::Name,
    token::{self, TokenKind},
};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// What the login form sends: user and password, or a token.
#[derive(serde::Deserialize)]
pub(in crate::http) struct Login {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    token: String,
    server: Name,
    #[serde(flatten)]
    wish: Wish,
}

/// Asks who is there, to go on to `server` then.
pub(super) fn form(browser: &Browser, server: &Name, wish: &Wish) -> Page {
    let fields = [hidden("server", server.as_str()), hidden("ticket", &wish.ticket), hidden("scope", &wish.scope)];
    let body = format!(
        "<p>To connect the server <b>{server}</b>, show that you are its user.</p>\
         <form method=\"post\" action=\"{path}/login\">{fields}\
         <label>User <input type=\"text\" name=\"user\" autocomplete=\"username\" required autofocus></label>\
         <label>Password <input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Log in</button></form>\
         <p>Or paste a token of yours.</p>\
         <form method=\"post\" action=\"{path}/login\">{fields}\
         <label>Token <input type=\"password\" name=\"token\" autocomplete=\"off\" required></label>\
         <button>Log in</button></form>\
         <p class=\"note\"><code>mcpctl token create</code> makes one. The browser keeps a cookie, neither password nor \
         token.</p>",
        server = escape(server.as_str()),
        path = escape(&browser.addresses.path()),
        fields = fields.concat(),
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
    let link = link::read(&app, &login.server, &login.wish).await?;
    let (user, opened_with) = recognised(&app, &browser, (login.user, login.password, login.token)).await?;
    let cookie = session::open(&app, &mut browser, (&user, opened_with.as_deref())).await?;
    link.check_user(&browser).map_err(|page| page.setting(Some(cookie.clone())))?;
    tracing::info!(%user, "A browser logged in");
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

/// Whose password or token it is, and the token's id.
async fn recognised(
    app: &App,
    browser: &Browser,
    (user, password, token): (String, String, String),
) -> Result<(Name, Option<String>), Page> {
    let (password, token) = (Zeroizing::new(password), Zeroizing::new(token));
    if token.is_empty() {
        let known = app.logins.check(&app.store, (&user, password), &browser.stranger()).await.map_err(refusal)?;
        return Ok((known.0, None));
    }
    let refused = || Page::refusal(StatusCode::FORBIDDEN, "The token is unknown, expired or revoked");
    let presented = token.trim();
    if !token::is_well_formed(TokenKind::Personal, presented) {
        return Err(refused());
    }
    let holder = recognise_token(&app.store, &app.published, presented).await?.ok_or_else(refused)?;
    Ok((holder.user, Some(holder.token_id)))
}

fn refusal(error: LoginError) -> Page {
    match error {
        LoginError::Refused => Page::refusal(StatusCode::FORBIDDEN, "User or password is wrong"),
        LoginError::TooMany(wait) => {
            let text = format!("There were too many wrong passwords; try again in {} s", wait.as_secs() + 1);
            Page::refusal(StatusCode::TOO_MANY_REQUESTS, &text)
        }
        LoginError::Password(error) => {
            tracing::error!(%error, "A password could not be checked");
            Page::refusal(StatusCode::SERVICE_UNAVAILABLE, "The password cannot be checked now; try again in a moment")
        }
        LoginError::Store(error) => error.into(),
    }
}

/// `POST /logout`.
pub(in crate::http) async fn logout(State(app): State<App>, browser: Browser) -> Result<Page, Page> {
    browser.check_origin()?;
    let cookie = session::close(&app, &browser).await?;
    let body = "<p>Open the link again to log in as somebody else.</p>".to_owned();
    Ok(Page::new("Logged out", body).setting(Some(cookie)))
}

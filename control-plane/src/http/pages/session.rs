//! Who sits in front of the browser: a session cookie, opened with a token of the user and good as long as that is.

use super::html::Page;
use crate::{
    http::App,
    identity::{Actor, new_bearer},
    oauth::OauthError,
    settings::Addresses,
    store::{StoreError, StoredSession},
};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use control_plane_api::{
    name::Name,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use std::net::SocketAddr;

/// How long a browser stays logged in at most, in milliseconds.
const SESSION_LIFETIME_MS: i64 = 12 * 3_600_000;

/// A browser on one of our pages.
pub(in crate::http) struct Browser {
    pub(super) addresses: Addresses,
    /// Who it is, if that is proven.
    pub(super) visitor: Option<Visitor>,
    /// Where a form was sent from, as the browser says.
    origin: Option<String>,
    method: String,
    peer: Option<String>,
}

/// A user whose browser it is.
pub(super) struct Visitor {
    pub(super) held: StoredSession,
    /// The cookie's own text.
    cookie: String,
}

impl Visitor {
    /// What stands for the session where the cookie itself must not.
    pub(super) fn digest(&self) -> String {
        token::digest(&self.cookie)
    }

    /// What a form of ours carries, and nobody else can know.
    pub(super) fn form_token(&self) -> String {
        token::digest(&format!("mcpctl form|{}", self.cookie))
    }
}

impl Browser {
    /// The audit log's name for what happens here.
    pub(super) fn actor(&self) -> Actor {
        let held = self.visitor.as_ref().map(|visitor| &visitor.held);
        Actor {
            user: held.map(|held| held.user.clone()),
            token_id: held.map(|held| held.token_id.clone()),
            method: self.method.clone(),
            peer: self.peer.clone(),
        }
    }

    /// Refuses a form that another site sent, or no browser did.
    pub(super) fn check_origin(&self) -> Result<(), Page> {
        if self.origin.as_deref() == Some(self.addresses.origin().as_str()) {
            return Ok(());
        }
        Err(Page::refusal(StatusCode::FORBIDDEN, "This form was not sent from a page of mcpctl; open the link again"))
    }
}

impl FromRequestParts<App> for Browser {
    type Rejection = Page;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Page> {
        let addresses = app.oauth.addresses.clone().ok_or_else(|| {
            Page::from(OauthError::Refused(
                "mcpd does not know under which URL browsers reach it: set MCPD_PUBLIC_URL".to_owned(),
            ))
        })?;
        let visitor = match cookie(&parts.headers, &addresses) {
            Some(cookie) => {
                let held = app.store.read().await?.session(&token::digest(&cookie)).await?;
                held.map(|held| Visitor { held, cookie })
            }
            None => None,
        };
        let origin = parts.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.to_string());
        let method = format!("{} {}", parts.method, parts.uri.path());
        Ok(Self { addresses, visitor, origin, method, peer })
    }
}

/// Opens a session for `user`, who showed the token `token_id`: always a new one. The cookie to set.
pub(super) async fn open(app: &App, browser: &mut Browser, user: &Name, token_id: &str) -> Result<String, StoreError> {
    let cookie = new_bearer(TokenKind::Session);
    let digest = token::digest(&cookie);
    let text = set_cookie(&browser.addresses, &cookie, SESSION_LIFETIME_MS / 1_000);
    // Not `writing`: a session is in no snapshot, so the revision stays.
    let mut change = app.store.change().await?;
    if let Some(earlier) = &browser.visitor {
        change.tx().delete_session(&earlier.digest()).await?;
    }
    let expires_at = Timestamp::now().plus_millis(SESSION_LIFETIME_MS);
    change.tx().add_session(&digest, user, token_id, expires_at).await?;
    browser.visitor = change.tx().session(&digest).await?.map(|held| Visitor { held, cookie });
    change.record(&browser.actor(), &format!("user/{user}"), "browser logged in").await?;
    change.commit().await?;
    Ok(text)
}

/// Ends the browser's session. The cookie to set.
pub(super) async fn close(app: &App, browser: &Browser) -> Result<String, StoreError> {
    if let Some(visitor) = &browser.visitor {
        let mut tx = app.store.write().await?;
        tx.delete_session(&visitor.digest()).await?;
        tx.commit().await?;
    }
    Ok(set_cookie(&browser.addresses, "", 0))
}

/// `__Host-` keeps neighbours under the same domain from setting it; browsers take it over TLS only.
fn cookie_name(addresses: &Addresses) -> &'static str {
    if addresses.is_https() { "__Host-mcpd" } else { "mcpd" }
}

fn set_cookie(addresses: &Addresses, value: &str, age_s: i64) -> String {
    let secure = if addresses.is_https() { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age_s}{secure}", cookie_name(addresses))
}

/// The one session cookie, if it has the form of one. Two are none: one of them is somebody else's.
fn cookie(headers: &HeaderMap, addresses: &Addresses) -> Option<String> {
    let name = cookie_name(addresses);
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut own = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    let value = own.next().filter(|value| token::is_well_formed(TokenKind::Session, value))?;
    own.next().is_none().then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(public: &str, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(value).unwrap());
        cookie(&headers, &Addresses::new(public, None).unwrap()).is_some()
    }

    #[test]
    fn one_cookie_of_the_right_name_and_form_is_a_session() {
        let text = token::format(TokenKind::Session, &[7; 32]);
        let (https, here) = ("https://mcpd.example", "http://127.0.0.1:3000");
        assert!(check(https, &format!("a=b; __Host-mcpd={text}")));
        assert!(check(here, &format!("mcpd={text}")));
        assert!(!check(https, &format!("mcpd={text}")));
        assert!(!check(https, &format!("__Host-mcpd={text}; __Host-mcpd={text}")));
        assert!(!check(here, &format!("mcpd={}", token::format(TokenKind::Personal, &[7; 32]))));
        assert!(!check(here, "mcpd=x"));
    }

    #[test]
    fn a_session_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let text = set_cookie(&Addresses::new("https://mcpd.example", None).unwrap(), "x", 60);
        assert_eq!(text, "__Host-mcpd=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
    }
}

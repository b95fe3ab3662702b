//! Who sits in front of the browser: a session cookie, opened with a password, or with a token and good as long as that is.

use super::html::Page;
use crate::{
    http::App,
    identity::{Actor, Opening, open_session, recognise_session},
    oauth::OauthError,
    settings::Addresses,
    store::{SESSION_LIFETIME_MS, SessionHolder, StoreError},
};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use control_plane_api::{
    access::SessionAudience,
    name::Name,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use std::net::SocketAddr;
use subtle::ConstantTimeEq as _;

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
    pub(super) held: SessionHolder,
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

    /// Whether a form carries it.
    pub(super) fn sent(&self, form_token: &str) -> bool {
        self.form_token().as_bytes().ct_eq(form_token.as_bytes()).into()
    }
}

impl Browser {
    /// The audit log's name for what happens here.
    pub(super) fn actor(&self) -> Actor {
        let held = self.visitor.as_ref().map(|visitor| &visitor.held);
        Actor {
            user: held.map(|held| held.user.clone()),
            token_id: held.map(|held| held.id.clone()),
            method: self.method.clone(),
            peer: self.peer.clone(),
        }
    }

    /// The same for who is about to log in: whoever was logged in before has no part in it.
    pub(super) fn stranger(&self) -> Actor {
        Actor { user: None, token_id: None, ..self.actor() }
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
                let presented = (cookie.as_str(), SessionAudience::Browser);
                let held = recognise_session(&app.store, &app.published, presented).await?;
                if let Some(held) = &held {
                    app.uses.note(&held.id, Timestamp::now());
                }
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

/// Opens a session for `user`: always a new one, under an id that nobody could have set before. The cookie to set.
/// `opened_with` is the id of the token that was shown; absent: a password was.
pub(super) async fn open(
    app: &App,
    browser: &mut Browser,
    (user, opened_with): (&Name, Option<&str>),
) -> Result<String, StoreError> {
    let opening = Opening {
        user: user.clone(),
        audience: SessionAudience::Browser,
        opened_with: opened_with.map(str::to_owned),
        peer: browser.peer.clone(),
    };
    let (opened, row) = open_session(opening, &app.published.newest().peppers);
    let text = set_cookie(&browser.addresses, &opened.token, SESSION_LIFETIME_MS / 1_000);
    // Not `writing`: a browser's session is in no snapshot, so the revision stays.
    let mut change = app.store.change().await?;
    if let Some(earlier) = &browser.visitor {
        change.tx().delete_session(&earlier.held.id, None).await?;
    }
    change.tx().add_session(&row).await?;
    let held = change.tx().session_holder(&row.digest, SessionAudience::Browser).await?;
    browser.visitor = held.map(|held| Visitor { held, cookie: opened.token });
    change.record(&browser.actor(), &format!("user/{user}/sessions/{}", row.summary.id), "browser logged in").await?;
    change.commit().await?;
    Ok(text)
}

/// Ends the browser's session. The cookie to set.
pub(super) async fn close(app: &App, browser: &Browser) -> Result<String, StoreError> {
    if let Some(visitor) = &browser.visitor {
        let mut change = app.store.change().await?;
        change.tx().delete_session(&visitor.held.id, None).await?;
        change.record(&browser.actor(), &format!("session/{}", visitor.held.id), "browser logged out").await?;
        change.commit().await?;
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

//! What a link to the connect page says: nothing but a wish, a ticket that `mcpctl connect` asked for, or one that a
//! gateway signed. A ticket names the user for whom it was made.

use super::{html::Page, session::Browser};
use crate::{
    http::{App, connections::are_scopes},
    store::{Holder, StoredTicket},
};
use axum::http::StatusCode;
use control_plane_api::{
    name::Name,
    ticket::ConnectTicket,
    timestamp::Timestamp,
    token::{self, TokenKind},
};

/// The query of a link, and the fields of a form that came from one.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(in crate::http) struct Wish {
    #[serde(default)]
    pub(super) ticket: String,
    /// Scopes, separated by spaces.
    #[serde(default)]
    pub(super) scope: String,
}

/// A link that may be followed.
pub(super) struct Link {
    /// The only user who may; absent: whoever it is.
    pub(super) user: Option<Name>,
    /// Scopes that a challenge asked for.
    pub(super) scopes: Vec<String>,
    /// Digest and content of a ticket that `mcpctl connect` asked for.
    pub(super) asked: Option<(String, StoredTicket)>,
}

/// Reads the link to `server`.
pub(super) async fn read(app: &App, server: &Name, wish: &Wish) -> Result<Link, Page> {
    let over = || Page::refusal(StatusCode::FORBIDDEN, "This link is not valid any more; ask for a new one");
    if wish.ticket.is_empty() {
        let scopes: Vec<String> = wish.scope.split_ascii_whitespace().map(str::to_owned).collect();
        return checked(Link { user: None, scopes, asked: None });
    }
    let mut tx = app.store.read().await?;
    if token::is_well_formed(TokenKind::Connect, &wish.ticket) {
        let digest = token::digest(&wish.ticket);
        let ticket = tx.ticket(&digest).await?.filter(|ticket| ticket.server == *server).ok_or_else(over)?;
        let (user, scopes) = (Some(ticket.user.clone()), ticket.scopes.clone());
        return checked(Link { user, scopes, asked: Some((digest, ticket)) });
    }
    let unverified = ConnectTicket::read(&wish.ticket).ok_or_else(over)?;
    let gateway = tx.gateway_digest(unverified.gateway()).await?.ok_or_else(over)?;
    let ticket = unverified.verify(&gateway, Timestamp::now()).filter(|ticket| ticket.server == *server);
    let ticket = ticket.ok_or_else(over)?;
    // A local gateway knows its own user and sends nobody else anywhere.
    match tx.holder_of(&ticket.gateway).await? {
        Holder::Administrator => {}
        Holder::User(owner) if owner == ticket.user => {}
        Holder::User(_) | Holder::Nobody => return Err(over()),
    }
    checked(Link { user: Some(ticket.user), scopes: ticket.scopes, asked: None })
}

fn checked(link: Link) -> Result<Link, Page> {
    if are_scopes(&link.scopes) {
        return Ok(link);
    }
    Err(Page::refusal(StatusCode::BAD_REQUEST, "The link asks for permissions that cannot be"))
}

impl Link {
    /// Refuses a link that was made for another user than the one in front of the browser.
    pub(super) fn check_user(&self, browser: &Browser) -> Result<(), Page> {
        let visitor = browser.visitor.as_ref().map(|visitor| &visitor.held.user);
        match (&self.user, visitor) {
            (Some(user), Some(visitor)) if user != visitor => Err(Page::refusal(
                StatusCode::FORBIDDEN,
                "This link was made for another user than the one who is logged in here. Do not follow links that \
                 others sent you",
            )),
            _ => Ok(()),
        }
    }
}

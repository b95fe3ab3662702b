//! New sessions: reference tokens, shown once, kept by digest, with an end that nothing moves.

use super::{new_bearer, new_id};
use crate::store::{LAPTOP_SESSION_LIFETIME_MS, SESSION_LIFETIME_MS, SessionRow};
use control_plane_api::{
    access::{OpenedSession, SessionAudience, SessionSummary},
    name::Name,
    pepper::Peppers,
    timestamp::Timestamp,
    token::{self, TokenKind},
};

/// Who opens a session, how, and from where.
pub(crate) struct Opening {
    pub(crate) user: Name,
    pub(crate) audience: SessionAudience,
    /// Id of the token or session that was shown; absent: a password was.
    pub(crate) opened_with: Option<String>,
    pub(crate) peer: Option<String>,
}

/// A new session: what the caller gets and what the store keeps.
pub(crate) fn open(opening: Opening, peppers: &Peppers) -> (OpenedSession, SessionRow) {
    let token = new_bearer(TokenKind::Session);
    let now = Timestamp::now();
    let summary = SessionSummary {
        id: new_id(),
        user: opening.user,
        audience: opening.audience,
        created_at: now,
        used_at: now,
        expires_at: now.plus_millis(SESSION_LIFETIME_MS),
        peer: opening.peer,
    };
    let digest = peppers.digest(&token);
    let row = SessionRow { summary: summary.clone(), digest, opened_with: opening.opened_with, gateway: None };
    (OpenedSession { summary, token }, row)
}

/// A new session for the local gateway `gateway` of `user`: for gateways alone, and until it ends or the gateway goes.
///
/// Its digest has no pepper, as that of a gateway's own token has none: the local gateway, which is in the developer's
/// hands, has to recognise it and gets no pepper.
pub(crate) fn open_for(gateway: &Name, user: &Name, peer: Option<String>) -> (OpenedSession, SessionRow) {
    let token = new_bearer(TokenKind::Session);
    let now = Timestamp::now();
    let summary = SessionSummary {
        id: new_id(),
        user: user.clone(),
        audience: SessionAudience::Gateway,
        created_at: now,
        used_at: now,
        expires_at: now.plus_millis(LAPTOP_SESSION_LIFETIME_MS),
        peer,
    };
    let (digest, gateway) = (token::digest(&token), Some(gateway.clone()));
    let row = SessionRow { summary: summary.clone(), digest, opened_with: None, gateway };
    (OpenedSession { summary, token }, row)
}

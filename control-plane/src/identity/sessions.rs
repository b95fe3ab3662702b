//! New sessions: reference tokens, shown once, kept by digest, with an end that nothing moves.

use super::{new_bearer, new_id};
use crate::store::{SESSION_LIFETIME_MS, SessionRow};
use control_plane_api::{
    access::{OpenedSession, SessionAudience, SessionSummary},
    name::Name,
    pepper::Peppers,
    timestamp::Timestamp,
    token::TokenKind,
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
    let row = SessionRow { summary: summary.clone(), digest: peppers.digest(&token), opened_with: opening.opened_with };
    (OpenedSession { summary, token }, row)
}

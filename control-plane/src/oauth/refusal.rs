//! Tokens that a server refuses before their time: revoked, or issued for nothing. A gateway says which; a new one is
//! obtained once, whoever asks, and if the server does not take that either, somebody has to give consent again.

use super::{OauthClient, OauthError, grant::open_grant, refused};
use crate::store::StoredConnection;
use control_plane_api::{
    oauth::{ConnectionState, Replacement, TokenRefusal},
    timestamp::Timestamp,
    token,
};

impl OauthClient {
    /// Sees to another token in place of a refused one.
    pub(crate) async fn replace(&self, refusal: &TokenRefusal) -> Result<Replacement, OauthError> {
        let found = self.store.read().await?.connection(&refusal.connection).await?;
        let Some(connection) = found.filter(StoredConnection::holds_tokens) else {
            return Ok(Replacement::NeedsConsent);
        };
        if token::digest(&open_grant(&self.keys, &connection)?.access_token) != refusal.digest {
            // Another one is in force already: a late word about an old one changes nothing.
            return Ok(Replacement::Renewed);
        }
        match (refusal.again, connection.state) {
            (true, _) | (_, ConnectionState::NeedsConsent) => self.give_up(connection).await,
            _ if failed_lately(&connection) => Ok(Replacement::Unavailable),
            _ => self.renew_one(connection, true).await,
        }
    }

    /// No token of `connection` is taken, and no other one helps.
    async fn give_up(&self, connection: StoredConnection) -> Result<Replacement, OauthError> {
        let mut change = self.store.change().await?;
        let now = change.tx().connection(&connection.id).await?;
        if now.is_none_or(|now| now.version != connection.version) {
            return Ok(Replacement::Renewed);
        }
        let why = connection.problem.clone().filter(|_| connection.state == ConnectionState::NeedsConsent);
        let why = why.unwrap_or_else(|| "the server refuses its tokens, also new ones".to_owned());
        let replacement = self.note(&mut change, connection, &refused(why), true).await?;
        change.commit().await?;
        self.published.announce();
        Ok(replacement)
    }
}

/// Whether obtaining a token failed, and is tried again by itself soon.
fn failed_lately(connection: &StoredConnection) -> bool {
    connection.problem.is_some() && connection.renew_at.is_some_and(|at| at > Timestamp::now())
}

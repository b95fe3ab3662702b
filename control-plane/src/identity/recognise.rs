//! Whose token or session is presented. Only digests are looked up; nothing that is secret is ever compared.

use crate::{
    publish::Published,
    store::{SessionHolder, Store, StoreError, TokenHolder},
};
use control_plane_api::{access::SessionAudience, timestamp::Timestamp};

/// Who holds the well-formed token `presented`; nobody once it has expired or its user is disabled.
///
/// One that is kept under an older pepper, or under none, moves to the newest.
pub(crate) async fn token(
    store: &Store,
    published: &Published,
    presented: &str,
) -> Result<Option<TokenHolder>, StoreError> {
    let digests = published.newest().peppers.digests(presented);
    let mut tx = store.read().await?;
    let mut found = None;
    // All of them, whichever it is: how long this takes says nothing about what there is.
    for digest in &digests {
        let holder = tx.token_holder(digest).await?;
        found = found.or_else(|| holder.map(|holder| (digest, holder)));
    }
    drop(tx);
    let now = Timestamp::now();
    let good =
        |(_, holder): &(&String, TokenHolder)| holder.expires_at.is_none_or(|end| now < end) && !holder.spec.disabled;
    let Some((kept, holder)) = found.filter(good) else { return Ok(None) };
    if let Some(newest) = digests.first().filter(|newest| *newest != kept) {
        let mut change = store.change().await?;
        change.writing().move_token(kept, newest).await?;
        change.commit().await?;
        published.announce();
    }
    Ok(Some(holder))
}

/// Who holds the well-formed session `presented` where `audience` is; nobody whose user is disabled.
pub(crate) async fn session(
    store: &Store,
    published: &Published,
    (presented, audience): (&str, SessionAudience),
) -> Result<Option<SessionHolder>, StoreError> {
    let mut digests = published.newest().peppers.digests(presented);
    // There were peppers before there were these sessions.
    digests.pop();
    let mut tx = store.read().await?;
    for digest in &digests {
        if let Some(holder) = tx.session_holder(digest, audience).await? {
            return Ok(Some(holder).filter(|holder| !holder.spec.disabled));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;

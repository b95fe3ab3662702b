//! Another master key, while everything goes on: a new key is put in front, every wrapped key is rewritten under it in small
//! transactions, and then the old key is not needed any more.
//!
//! How far it came is written in the rows themselves, so that it can be broken off anywhere and begun again.

use super::{Binding, EnvelopeError, Keys, MasterKeyError, Ring, envelope::Under, key::KeyId, lasting, load};
use crate::{
    identity::Actor,
    oauth,
    store::{Ciphertext, Place, Store, StoreError},
};
use control_plane_api::secret::{KeyInUse, KeyStatus, RewrapReply};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

/// Rows that one transaction rewrites: a change of configuration waits for no more.
const BATCH_ROWS: u32 = 100;
/// Rows that are named when they do not open.
const UNREADABLE_NAMED_MAX: usize = 20;

/// Why the keys cannot be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RotationError {
    #[error(transparent)]
    Key(#[from] MasterKeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Values are under keys that would be forgotten.
    #[error("{0} values are still under older keys")]
    InUse(u64),
}

impl Keys {
    /// Which keys there are, and what is under them.
    pub(crate) async fn status(&self, store: &Store) -> Result<KeyStatus, StoreError> {
        let mut under: BTreeMap<Under, u64> = BTreeMap::new();
        let mut tx = store.read().await?;
        for place in Place::ALL {
            for (head, count) in tx.ciphertext_heads(place).await? {
                *under.entry(Under::of(&head)).or_default() += count;
            }
        }
        let ring = self.ring();
        let mut keys: Vec<KeyInUse> = Vec::new();
        for (n, key) in ring.all().enumerate() {
            let values = under.remove(&Under::Key(key.id)).unwrap_or_default();
            keys.push(KeyInUse { id: key.id.to_string(), place: Some(key.place.clone()), current: n == 0, values });
        }
        for (id, values) in under.iter().filter_map(|(of, values)| named(*of).map(|id| (id, *values))) {
            keys.push(KeyInUse { id: id.to_string(), place: None, current: false, values });
        }
        let of = |what| under.get(&what).copied().unwrap_or_default();
        Ok(KeyStatus {
            keys,
            without_id: of(Under::Unnamed),
            damaged: of(Under::Nothing),
            renewable: self.sources.first().is_some_and(|source| source.is_renewable()),
        })
    }

    /// Makes a new current key where the current one is kept.
    pub(crate) async fn renew(&self, store: &Store, actor: &Actor) -> Result<(), RotationError> {
        let Some(source) = self.sources.first() else { return Ok(()) };
        source.renew()?;
        self.reload(store).await?;
        let mut change = store.change().await?;
        let id = self.ring().current().id;
        change.record(actor, &format!("master-key/{id}"), "created").await?;
        change.commit().await?;
        Ok(())
    }

    /// Forgets every older key that is kept together with the current one.
    pub(crate) async fn forget_older(&self, store: &Store, actor: &Actor) -> Result<(), RotationError> {
        let status = self.status(store).await?;
        let older =
            status.keys.iter().filter(|key| !key.current).map(|key| key.values).sum::<u64>() + status.without_id;
        if older > 0 {
            return Err(RotationError::InUse(older));
        }
        let Some(source) = self.sources.first() else { return Ok(()) };
        source.forget_older()?;
        self.reload(store).await?;
        let mut change = store.change().await?;
        let id = self.ring().current().id;
        change.record(actor, &format!("master-key/{id}"), "older keys forgotten").await?;
        change.commit().await?;
        Ok(())
    }

    async fn reload(&self, store: &Store) -> Result<(), RotationError> {
        let ring = load(&self.sources, store).await?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Rewrites the next rows behind `after`, where the reply before this ended, under the current key.
    pub(crate) async fn rewrap(
        &self,
        store: &Store,
        after: Option<&str>,
        actor: &Actor,
    ) -> Result<RewrapReply, StoreError> {
        let (ring, mut reply) = (self.ring(), RewrapReply::default());
        let (mut place, mut row) = position(after);
        let mut change = store.change().await?;
        let rows = loop {
            let rows = change.tx().ciphertexts(place, &row, &ring.head(), BATCH_ROWS).await?;
            let next = Place::ALL.into_iter().find(|next| *next > place);
            match next {
                Some(next) if rows.is_empty() => (place, row) = (next, String::new()),
                _ => break rows,
            }
        };
        for old in &rows {
            match rewrapped(&ring, old) {
                Ok(text) => {
                    if change.tx().replace_ciphertext(old, &text).await? {
                        reply.rewrapped += 1;
                    }
                }
                Err(error) => {
                    tracing::error!(place = place.as_str(), row = old.row, %error, "Cannot open a value to rewrap it");
                    if reply.unreadable.len() < UNREADABLE_NAMED_MAX {
                        reply.unreadable.push(format!("{}/{}", place.as_str(), old.row));
                    }
                }
            }
        }
        match rows.last() {
            Some(last) => reply.next = Some(format!("{} {}", place.as_str(), last.row)),
            None => {
                // What is in memory of the configuration was read under the older keys: a new revision has it read again.
                let id = ring.current().id;
                change.writing();
                change.record(actor, &format!("master-key/{id}"), "every value is under it").await?;
            }
        }
        change.commit().await?;
        Ok(reply)
    }
}

fn named(under: Under) -> Option<KeyId> {
    match under {
        Under::Key(id) => Some(id),
        Under::Unnamed | Under::Nothing => None,
    }
}

/// Where the rows begin that are behind `after`; what cannot be read is the beginning.
fn position(after: Option<&str>) -> (Place, String) {
    let (place, row) = after.and_then(|after| after.split_once(' ')).unwrap_or_default();
    match Place::ALL.into_iter().find(|known| known.as_str() == place) {
        Some(place) => (place, row.to_owned()),
        None => (Place::Facts, String::new()),
    }
}

fn rewrapped(ring: &Ring, old: &Ciphertext) -> Result<String, EnvelopeError> {
    let version = old.version;
    let name = match old.place {
        Place::Facts => return ring.rewrap(lasting::binding(&old.row), &old.text),
        Place::Registrations => oauth::registration_name(&old.row),
        Place::Secrets | Place::Connections | Place::Flows => old.row.clone(),
    };
    let field = match old.place {
        Place::Facts | Place::Secrets => "value",
        Place::Connections => "connection",
        Place::Registrations => "registration",
        Place::Flows => "flow",
    };
    ring.rewrap(Binding { name: &name, version, field }, &old.text)
}

#[cfg(test)]
mod tests;

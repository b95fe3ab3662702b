//! The peppers of token digests: made once, kept encrypted under the master key, replaced by `mcpd rotate-pepper`.
//!
//! They are part of the configuration at a revision, so that replicas and gateways change over together. Older ones stay:
//! a token moves to the newest pepper when it is next used.

use super::{Actor, BootstrapError};
use crate::{
    secrets::{Binding, EnvelopeError, Keys},
    store::{Change, Store, StoreError, Tx},
};
use control_plane_api::pepper::{PEPPER_BYTES, Peppers};
use rand::{RngCore as _, rngs::OsRng};
use zeroize::Zeroizing;

/// The facts of the database that are peppers: this, and the version.
const FACTS: &str = "token_pepper_";

/// Like every fact that is encrypted, each is bound to its own name.
fn binding(fact: &str) -> Binding<'_> {
    Binding { name: "", version: 1, field: fact }
}

/// The peppers of the store, in the clear.
pub(crate) async fn load(tx: &mut Tx, keys: &Keys) -> Result<Peppers, StoreError> {
    let opened = |(fact, ciphertext): (String, String)| {
        let unreadable = |reason: String| StoreError::Unreadable { what: fact.clone(), reason };
        let plain = keys.decrypt(binding(&fact), &ciphertext).map_err(|error| unreadable(error.to_string()))?;
        let key: [u8; PEPPER_BYTES] =
            plain.as_slice().try_into().map_err(|_| unreadable("it has the wrong length".to_owned()))?;
        let version = version(&fact).ok_or_else(|| unreadable("it has no version".to_owned()))?;
        Ok((version, key))
    };
    let versions: Vec<_> = tx.metas(FACTS).await?.into_iter().map(opened).collect::<Result<_, StoreError>>()?;
    Ok(Peppers::new(versions))
}

fn version(fact: &str) -> Option<u32> {
    fact.strip_prefix(FACTS)?.parse().ok()
}

/// Makes the first pepper if there is none.
pub(crate) async fn found(store: &Store, keys: &Keys) -> Result<(), BootstrapError> {
    let mut change = store.change().await?;
    if change.tx().metas(FACTS).await?.is_empty() {
        add(&mut change, keys).await?;
        change.commit().await?;
    }
    Ok(())
}

/// Adds a pepper, which replaces the newest as soon as it is published.
pub(crate) async fn rotate(store: &Store, keys: &Keys) -> Result<(), BootstrapError> {
    let mut change = store.change().await?;
    let version = add(&mut change, keys).await?;
    let actor = Actor { user: None, token_id: None, method: "mcpd rotate-pepper".to_owned(), peer: None };
    change.record(&actor, &format!("pepper/{version}"), "created").await?;
    change.commit().await?;
    tracing::info!(version, "Made a new pepper: tokens move to it when they are next used");
    Ok(())
}

async fn add(change: &mut Change, keys: &Keys) -> Result<u32, BootstrapError> {
    let newest = change.tx().metas(FACTS).await?.iter().filter_map(|(fact, _)| version(fact)).max();
    let version = newest.unwrap_or_default() + 1;
    let fact = format!("{FACTS}{version}");
    let mut key = Zeroizing::new([0_u8; PEPPER_BYTES]);
    OsRng.fill_bytes(key.as_mut_slice());
    let ciphertext = keys.encrypt(binding(&fact), key.as_slice()).map_err(|error: EnvelopeError| {
        StoreError::Unreadable { what: "a new pepper".to_owned(), reason: error.to_string() }
    })?;
    change.writing().put_meta(&fact, &ciphertext).await?;
    Ok(version)
}

//! Fetches the public keys of issuers and keeps them fresh; gateways never fetch anything themselves.
//!
//! What was fetched last stays in force through every outage. A set without a single key is an outage too: an issuer
//! that withdraws all its keys is removed by an administrator, not by a document.

use crate::{
    fetch::{FetchError, Named, SafeFetcher},
    publish::Published,
    store::{Store, StoreError, StoredKeySet},
};
use control_plane_api::{issuer::KeySet, name::Name, object::Object, timestamp::Timestamp};
use rand::{Rng as _, rngs::OsRng};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use url::Url;

/// Between two looks at what is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Age at which keys are fetched again, in milliseconds; up to a tenth more, at random.
const REFRESH_MS: i64 = 300_000;
/// Wait after a fetch that failed, in milliseconds.
const RETRY_MS: i64 = 30_000;
/// Most keys of one issuer.
const KEYS_MAX: usize = 64;

/// Looks after the keys of issuers.
pub(crate) struct KeySets {
    pub(crate) store: Store,
    pub(crate) published: Published,
    pub(crate) fetcher: SafeFetcher,
}

/// Why there are no newer keys.
#[derive(Debug, thiserror::Error)]
enum KeySetError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the answer ({0}) holds no public key")]
    NoKeys(u16),
    #[error("the address is no URL")]
    Url,
}

impl KeySets {
    /// Fetches what is due until `stopped` says so.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut clock = interval(LOOK_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                _ = clock.tick() => {}
            }
            match self.look().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "Cannot look after the keys of issuers");
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let configuration = self.published.newest();
        let wanted: Vec<(Name, String)> = configuration.objects.iter().filter_map(fetched).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let have = self.store.read().await?.key_sets().await?;
        for (issuer, uri) in wanted {
            let set = match have.iter().find(|set| set.issuer == issuer && set.uri == uri) {
                Some(set) => set.clone(),
                None => self.founded(issuer, uri).await?,
            };
            if set.next_at <= Timestamp::now() {
                self.refresh(set).await?;
            }
        }
        Ok(())
    }

    /// A set without keys that is due at once; keys from another address are forgotten.
    async fn founded(&self, issuer: Name, uri: String) -> Result<StoredKeySet, StoreError> {
        let set = StoredKeySet { issuer, uri, keys: KeySet::default(), fetched_at: None, next_at: Timestamp::now() };
        let mut tx = self.store.write().await?;
        tx.put_key_set(&set).await?;
        tx.commit().await?;
        Ok(set)
    }

    async fn refresh(&self, mut set: StoredKeySet) -> Result<(), StoreError> {
        let retry_at = Timestamp::now().plus_millis(RETRY_MS);
        let mut tx = self.store.write().await?;
        let taken = tx.take_key_set_turn(&set, retry_at).await?;
        tx.commit().await?;
        if !taken {
            return Ok(());
        }
        let keys = match self.fetch(&set.uri).await {
            Ok(keys) => keys,
            Err(error) => {
                tracing::warn!(issuer = %set.issuer, %error, "Could not fetch keys; those there are stay in force");
                return Ok(());
            }
        };
        let now = Timestamp::now();
        set.next_at = now.plus_millis(REFRESH_MS + OsRng.gen_range(0..=REFRESH_MS / 10));
        set.fetched_at = Some(now);
        let changed = set.keys != keys;
        set.keys = keys;
        let mut change = self.store.change().await?;
        // The issuer may be gone or changed meanwhile.
        if !change.tx().key_sets().await?.iter().any(|have| have.issuer == set.issuer && have.uri == set.uri) {
            return Ok(());
        }
        if changed {
            change.writing().put_key_set(&set).await?;
            tracing::info!(issuer = %set.issuer, keys = set.keys.keys.len(), "Fetched new keys");
        } else {
            change.tx().put_key_set(&set).await?;
        }
        change.commit().await?;
        self.published.announce();
        Ok(())
    }

    async fn fetch(&self, uri: &str) -> Result<KeySet, KeySetError> {
        let url = Url::parse(uri).map_err(|_| KeySetError::Url)?;
        // An administrator wrote the address into the issuer.
        let answer = self.fetcher.get(&url, &Named::nothing().and(uri)).await?;
        let keys = if answer.is_success() { answer.json().map(usable) } else { None };
        keys.filter(|keys| !keys.is_empty()).ok_or(KeySetError::NoKeys(answer.status))
    }
}

/// The issuer and the address of its keys, if they are to be fetched.
fn fetched(object: &Object) -> Option<(Name, String)> {
    match object {
        Object::Issuer(issuer) => Some((issuer.name.clone(), issuer.spec.jwks_uri.clone()?)),
        _ => None,
    }
}

/// Public keys only, and not too many: one shared secret among them would make gateways refuse everything.
fn usable(mut keys: KeySet) -> KeySet {
    keys.keys.retain(|key| key.kty != "oct");
    keys.keys.truncate(KEYS_MAX);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shared_secrets_are_left_out_and_the_rest_is_bounded() {
        let mut keys = vec![json!({"kty": "oct", "k": "x"}), json!({"kty": "OKP", "crv": "Ed25519", "x": "a"})];
        keys.extend((0..100).map(|n| json!({"kty": "EC", "kid": n.to_string()})));
        let set = usable(serde_json::from_value(json!({"keys": keys})).unwrap());
        assert_eq!((set.keys.len(), set.keys[0].kty.as_str()), (KEYS_MAX, "OKP"));
    }
}

//! The keyed digests by which tokens are recognised: HMAC-SHA256 under a pepper that is never kept beside them.
//!
//! Whoever steals the digests alone cannot even try guesses against them. Peppers have versions, and a digest says which
//! one made it, so that a new pepper takes over while tokens are used. Where peppers are kept is unknown here.

use crate::token;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of one pepper.
pub const PEPPER_BYTES: usize = 32;

/// The peppers in use, newest first. No Debug.
#[derive(Clone, Default)]
pub struct Peppers(Vec<(u32, [u8; PEPPER_BYTES])>);

impl Peppers {
    /// Of versions and keys, in any order.
    #[must_use]
    pub fn new(mut versions: Vec<(u32, [u8; PEPPER_BYTES])>) -> Self {
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        Self(versions)
    }

    /// The digest under which `token` is to be kept: by the newest pepper. Without any, as in a configuration that is
    /// written by hand, [`token::digest`].
    #[must_use]
    pub fn digest(&self, token: &str) -> String {
        self.0.first().and_then(|newest| keyed(newest, token)).unwrap_or_else(|| token::digest(token))
    }

    /// Every digest under which `token` may be kept, that of the newest pepper first, the one without a pepper last.
    #[must_use]
    pub fn digests(&self, token: &str) -> Vec<String> {
        self.0.iter().filter_map(|pepper| keyed(pepper, token)).chain([token::digest(token)]).collect()
    }

    /// As text, to be sealed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let words: Vec<String> =
            self.0.iter().map(|(version, key)| format!("{version}:{}", hex::encode(key))).collect();
        words.join(" ")
    }

    /// Reads [`Self::to_text`]; none for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let pepper = |word: &str| {
            let (version, key) = word.split_once(':')?;
            let mut bytes = [0; PEPPER_BYTES];
            hex::decode_to_slice(key, &mut bytes).ok()?;
            Some((version.parse().ok()?, bytes))
        };
        text.split_ascii_whitespace().map(pepper).collect::<Option<_>>().map(Self::new)
    }
}

/// `v<version>:<hex>`. HMAC takes keys of every length, so there always is one.
fn keyed((version, key): &(u32, [u8; PEPPER_BYTES]), token: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(token.as_bytes());
    Some(format!("v{version}:{}", hex::encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_pepper_makes_the_digest_and_older_ones_still_find_it() {
        let old = Peppers::new(vec![(1, [1; 32])]);
        let both = Peppers::new(vec![(1, [1; 32]), (2, [2; 32])]);
        let digests = both.digests("token");
        assert_eq!((digests.len(), both.digest("token")), (3, digests[0].clone()));
        assert_eq!(digests[1], old.digest("token"));
        assert_eq!(digests[2], token::digest("token"));
        assert!(digests[0].starts_with("v2:") && digests[1].starts_with("v1:"));
    }

    #[test]
    fn another_pepper_makes_another_digest_and_none_a_plain_one() {
        let digest = |key: u8| Peppers::new(vec![(1, [key; 32])]).digest("token");
        assert_ne!(digest(1), digest(2));
        assert_eq!(Peppers::default().digests("token"), [token::digest("token")]);
    }

    #[test]
    fn the_digest_is_the_hmac_of_rfc_4231() {
        // Test case 2 of RFC 4231 has a short key; HMAC pads keys with zeros, so 32 bytes say the same.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let digest = Peppers::new(vec![(7, key)]).digest("what do ya want for nothing?");
        assert_eq!(digest, "v7:5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn text_brings_them_back_and_junk_brings_nothing() {
        let peppers = Peppers::new(vec![(1, [1; 32]), (2, [2; 32])]);
        let read = Peppers::read(&peppers.to_text()).unwrap();
        assert_eq!(read.digests("t"), peppers.digests("t"));
        for bad in ["x", "1:", "1:00", &format!("x:{}", "00".repeat(32)), &format!("1:{}", "00".repeat(33))] {
            assert!(Peppers::read(bad).is_none(), "{bad}");
        }
    }
}

//! The format of bearer tokens, and the digest by which they are recognised.
//!
//! `mcpctl_<kind>_<43 base62 characters: 256 random bits><6 base62 characters: CRC-32>`. The checksum lets scanners
//! and gateways refuse a mistyped or made-up token before any look-up.

use memchr::memmem::Finder;
use sha2::{Digest as _, Sha256};
use std::{fmt, sync::LazyLock};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;

/// What a token is for; each kind has a prefix and a store of its own, so that none passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A user's token.
    Personal,
    /// Identity of an enrolled gateway.
    Gateway,
    /// Enrols one gateway, once.
    Join,
    /// A browser that is logged in.
    Session,
    /// A link to the page on which a server is connected.
    Connect,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Personal, Self::Gateway, Self::Join, Self::Session, Self::Connect];

    /// The word in the token's prefix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "pat",
            Self::Gateway => "gw",
            Self::Join => "join",
            Self::Session => "ses",
            Self::Connect => "connect",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes the text of a token of `kind` from 256 random bits.
#[must_use]
pub fn format(kind: TokenKind, random: &[u8; 32]) -> String {
    let mut body = base62(random);
    while body.len() < RANDOM_CHARS {
        body.insert(0, '0');
    }
    let checksum = checksum(kind, &body);
    format!("mcpctl_{kind}_{body}{checksum}")
}

/// Whether `token` has the form of a token of `kind`, checksum included. Says nothing about its being valid.
#[must_use]
pub fn is_well_formed(kind: TokenKind, token: &str) -> bool {
    let Some(rest) = token.strip_prefix("mcpctl_").and_then(|t| t.strip_prefix(kind.as_str())) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix('_') else {
        return false;
    };
    if rest.len() != RANDOM_CHARS + CHECKSUM_CHARS || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return false;
    }
    let (body, sum) = rest.split_at(RANDOM_CHARS);
    checksum(kind, body) == sum
}

/// Where in `text` a token of ours stands, of whatever kind, checksum included; none: nowhere.
#[must_use]
pub fn find(text: &str) -> Option<std::ops::Range<usize>> {
    static START: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("mcpctl_"));
    if text.len() < RANDOM_CHARS + CHECKSUM_CHARS {
        return None;
    }
    START.find_iter(text.as_bytes()).find_map(|at| {
        TokenKind::ALL.into_iter().find_map(|kind| {
            let bytes = "mcpctl__".len() + kind.as_str().len() + RANDOM_CHARS + CHECKSUM_CHARS;
            let token = text.get(at..at + bytes)?;
            is_well_formed(kind, token).then_some(at..at + bytes)
        })
    })
}

/// Hex SHA-256 of the token: enough for 256 random bits, and useless to who steals it.
#[must_use]
pub fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn checksum(kind: TokenKind, body: &str) -> String {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(kind.as_str().as_bytes());
    hasher.update(body.as_bytes());
    let mut text = base62(&hasher.finalize().to_be_bytes());
    while text.len() < CHECKSUM_CHARS {
        text.insert(0, '0');
    }
    text
}

/// Big-endian bytes to base 62, without leading zeros.
fn base62(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::new();
    for &byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 62).unwrap_or_default();
            carry /= 62;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 62).unwrap_or_default());
            carry /= 62;
        }
    }
    digits.iter().rev().filter_map(|d| ALPHABET.get(usize::from(*d))).map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    proptest! {
        #[test]
        fn every_formatted_token_is_well_formed_and_only_of_its_kind(random in any::<[u8; 32]>()) {
            let token = format(TokenKind::Personal, &random);
            assert!(is_well_formed(TokenKind::Personal, &token), "{token}");
            assert!(!is_well_formed(TokenKind::Gateway, &token));
        }

        #[test]
        fn a_token_is_found_wherever_it_stands(random in any::<[u8; 32]>(), before in "[a-z_]{0,9}", after in "[a-z_]{0,9}") {
            for kind in TokenKind::ALL {
                let token = format(kind, &random);
                let text = format!("{before}{token}{after}");
                assert_eq!(find(&text).and_then(|at| text.get(at)), Some(token.as_str()));
            }
            assert_eq!(find(&format!("{before}mcpctl_pat_{after}")), None);
        }

        #[test]
        fn one_changed_character_breaks_the_checksum(random in any::<[u8; 32]>(), at in 11_usize..60) {
            let mut bytes = format(TokenKind::Personal, &random).into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            assert!(!is_well_formed(TokenKind::Personal, std::str::from_utf8(&bytes).unwrap()));
        }
    }

    #[test]
    fn junk_is_not_a_token() {
        for junk in ["", "mcpctl_pat_", "mcpctl_pat_äöü", "xoxb-1", "mcpctl_pat"] {
            assert!(!is_well_formed(TokenKind::Personal, junk));
        }
    }
}

//! The ticket by which a gateway sends a user to the control plane's connect page, made without asking it.
//!
//! `<base64url of JSON>.<base64url of HMAC-SHA256>`, keyed with what a gateway and the control plane both have and
//! nobody else: the digest of the gateway's own token. A ticket proves that the gateway saw this user need this server;
//! it does not prove that whoever opens the link is that user. The connect page asks for that.

use crate::{name::Name, timestamp::Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Longest ticket that is read, in bytes.
pub const TICKET_BYTES_MAX: usize = 4 << 10;
/// Longest lifetime that is honoured, in milliseconds.
pub const TICKET_LIFETIME_MS_MAX: i64 = 3_600_000;
/// How far the clock of a gateway may be ahead of the control plane's, in milliseconds.
const CLOCK_SKEW_MS_MAX: i64 = 300_000;

/// Who is sent to connect which server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectTicket {
    /// The gateway that made the ticket.
    pub gateway: Name,
    /// The user whose call needed it, and the only one who may use it.
    pub user: Name,
    /// The server to connect.
    pub server: Name,
    /// Scopes the server asked for in its challenge; empty when it named none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// From this moment on it is refused; at most an hour ahead.
    pub expires_at: Timestamp,
}

/// A ticket whose maker is not proven yet.
#[derive(Debug)]
pub struct UnverifiedTicket {
    ticket: ConnectTicket,
    signed: String,
    mac: Vec<u8>,
}

impl ConnectTicket {
    /// The ticket as text. `token_digest` is [`crate::token::digest`] of the gateway's own token.
    #[must_use]
    pub fn issue(&self, token_digest: &str) -> Option<String> {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        let mac = URL_SAFE_NO_PAD.encode(keyed(token_digest, &body)?.finalize().into_bytes());
        Some(format!("{body}.{mac}"))
    }

    /// Reads a ticket; says nothing about who made it.
    #[must_use]
    pub fn read(text: &str) -> Option<UnverifiedTicket> {
        let (body, mac) = text.split_once('.').filter(|_| text.len() <= TICKET_BYTES_MAX)?;
        let ticket = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        Some(UnverifiedTicket { ticket, signed: body.to_owned(), mac: URL_SAFE_NO_PAD.decode(mac).ok()? })
    }
}

impl UnverifiedTicket {
    /// The gateway that is said to have made it.
    #[must_use]
    pub fn gateway(&self) -> &Name {
        &self.ticket.gateway
    }

    /// The ticket, if the gateway whose token has this digest made it and it is in force at `now`.
    #[must_use]
    pub fn verify(self, token_digest: &str, now: Timestamp) -> Option<ConnectTicket> {
        keyed(token_digest, &self.signed)?.verify_slice(&self.mac).ok()?;
        let left = self.ticket.expires_at.as_millis().saturating_sub(now.as_millis());
        (1..=TICKET_LIFETIME_MS_MAX + CLOCK_SKEW_MS_MAX).contains(&left).then_some(self.ticket)
    }
}

fn keyed(token_digest: &str, body: &str) -> Option<Hmac<Sha256>> {
    let key = format!("mcpctl connect ticket v1|{token_digest}");
    Some(Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?.chain_update(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn ticket(expires_in_ms: i64) -> ConnectTicket {
        ConnectTicket {
            gateway: "laptop".parse().unwrap(),
            user: "ann".parse().unwrap(),
            server: "jira".parse().unwrap(),
            scopes: vec!["read".to_owned()],
            expires_at: Timestamp::from_millis(NOW + expires_in_ms),
        }
    }

    fn check(text: &str, digest: &str) -> Option<ConnectTicket> {
        ConnectTicket::read(text)?.verify(digest, Timestamp::from_millis(NOW))
    }

    #[test]
    fn a_ticket_is_good_for_its_time_and_from_its_gateway_only() {
        let text = ticket(60_000).issue("digest").unwrap();
        assert_eq!(ConnectTicket::read(&text).unwrap().gateway().as_str(), "laptop");
        assert_eq!(check(&text, "digest"), Some(ticket(60_000)));
        assert_eq!(check(&text, "other"), None);
        for bad in [0, -1, TICKET_LIFETIME_MS_MAX + CLOCK_SKEW_MS_MAX + 1] {
            assert_eq!(check(&ticket(bad).issue("digest").unwrap(), "digest"), None, "{bad}");
        }
    }

    #[test]
    fn a_changed_ticket_is_none() {
        let text = ticket(60_000).issue("digest").unwrap();
        let mut other = ticket(60_000);
        other.user = "bob".parse().unwrap();
        let (body, _) =
            other.issue("x").map(|t| t.split_once('.').map(|(b, m)| (b.to_owned(), m.to_owned())).unwrap()).unwrap();
        let mac = text.split_once('.').unwrap().1;
        assert_eq!(check(&format!("{body}.{mac}"), "digest"), None);
        for bad in ["", ".", "a.b", &text[..text.len() - 4], &"a.".repeat(4_000)] {
            assert_eq!(check(bad, "digest"), None, "{bad}");
        }
    }
}

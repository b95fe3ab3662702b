//! Local gateways of developers: a user who is logged in enrols one without an administrator, and it serves nobody else.
//!
//! Its only servers are the central gateway's endpoints, one for each project the user may use. It shows the central
//! gateway a session of the user's (audience `gateway`), sealed to its own key, and has no secret of any server.

use crate::{
    access::OpenedSession,
    gateway::JoinToken,
    name::{NAME_BYTES_MAX, Name},
    token,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every local gateway's name begins with.
const PREFIX: &str = "laptop";
/// Characters of a digest that stand for what is too long for a name.
const DIGEST_CHARS: usize = 8;

/// Allows a local gateway of the caller's to enrol: `POST /api/v1/laptops`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LaptopRequest {
    /// What the machine is called, in its own words. The same machine is the same gateway.
    pub host: String,
}

/// What a local gateway is started with. No Debug: the tokens must not reach a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LaptopGrant {
    /// Enrols the gateway it names, once.
    pub join: JoinToken,
    /// What the user's clients show that gateway.
    pub session: OpenedSession,
    /// The central gateway, for people.
    pub central_url: String,
}

/// The name of the local gateway of `user` on `host`: both can be read in it, as far as there is room.
#[must_use]
pub fn name(user: &Name, host: &str) -> Option<Name> {
    let plain = |letter: char| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_' => letter,
        _ => '-',
    };
    // The name alone: domains come and go with networks.
    let host: String = host.split('.').next().unwrap_or_default().chars().map(plain).collect();
    let host = host.trim_matches('-');
    if host.is_empty() {
        return None;
    }
    let text = format!("{PREFIX}-{user}-{host}");
    if text.len() <= NAME_BYTES_MAX {
        return text.parse().ok();
    }
    let digest: String = token::digest(&text).chars().take(DIGEST_CHARS).collect();
    let kept: String = text.chars().take(NAME_BYTES_MAX - DIGEST_CHARS - 1).collect();
    format!("{kept}-{digest}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(user: &str, host: &str) -> Option<String> {
        name(&user.parse().unwrap(), host).map(|name| name.to_string())
    }

    #[test]
    fn a_machine_is_called_by_its_user_and_its_own_name() {
        assert_eq!(check("ann", "Anns-MacBook.fritz.box").as_deref(), Some("laptop-ann-anns-macbook"));
        assert_eq!(check("ann", "büro 7").as_deref(), Some("laptop-ann-b-ro-7"));
        for nothing in ["", ".", "---", "ä"] {
            assert_eq!(check("ann", nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_too_long_is_told_apart_by_its_digest() {
        let (one, two) = (check(&"a".repeat(60), "one").unwrap(), check(&"a".repeat(60), "two").unwrap());
        assert!(one.len() == NAME_BYTES_MAX && two.len() == NAME_BYTES_MAX && one != two, "{one} {two}");
    }
}

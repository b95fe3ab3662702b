//! New tokens: 256 random bits, shown once, kept by keyed digest.

use crate::store::TokenRow;
use control_plane_api::{
    access::{IssuedToken, TokenRequest, TokenSummary},
    name::Name,
    pepper::Peppers,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use rand::{RngCore as _, rngs::OsRng};
use zeroize::Zeroizing;

/// Characters at the end of a token by which people tell tokens apart: part of the checksum.
const SHOWN_CHARS: usize = 4;

/// The text of a new token of `kind`.
pub(crate) fn new_bearer(kind: TokenKind) -> String {
    let mut random = Zeroizing::new([0_u8; 32]);
    OsRng.fill_bytes(random.as_mut_slice());
    token::format(kind, &random)
}

/// A new public id: 96 random bits in hex.
pub(crate) fn new_id() -> String {
    let mut random = [0_u8; 12];
    OsRng.fill_bytes(&mut random);
    hex::encode(random)
}

/// A new token for `user`: what the caller gets and what the store keeps.
pub(crate) fn issue(user: &Name, request: TokenRequest, peppers: &Peppers) -> (IssuedToken, TokenRow) {
    let token = new_bearer(TokenKind::Personal);
    let created_at = Timestamp::now();
    let expires_at = request.expires_in_s.map(|seconds| created_at.plus_millis(seconds.saturating_mul(1_000)));
    let summary = TokenSummary {
        id: new_id(),
        user: user.clone(),
        label: request.label,
        created_at,
        expires_at,
        used_at: None,
        last_four: token.get(token.len().saturating_sub(SHOWN_CHARS)..).map(str::to_owned),
    };
    let row = TokenRow { summary: summary.clone(), digest: peppers.digest(&token) };
    (IssuedToken { summary, token }, row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expires_in_s: Option<i64>) -> Option<i64> {
        let peppers = Peppers::new(vec![(1, [1; 32])]);
        let (issued, row) =
            issue(&"ann".parse().unwrap(), TokenRequest { label: "ci".to_owned(), expires_in_s }, &peppers);
        assert!(token::is_well_formed(TokenKind::Personal, &issued.token));
        assert_eq!(row.digest, peppers.digest(&issued.token));
        assert!(issued.token.ends_with(issued.summary.last_four.as_deref().unwrap()));
        issued.summary.expires_at.map(|end| end.as_millis() - issued.summary.created_at.as_millis())
    }

    #[test]
    fn a_lifetime_is_counted_from_now_and_may_be_over_already() {
        assert_eq!(check(None), None);
        assert_eq!(check(Some(60)), Some(60_000));
        assert_eq!(check(Some(-1)), Some(-1_000));
        assert!(check(Some(i64::MAX)).is_some());
    }

    #[test]
    fn no_two_tokens_are_alike() {
        assert_ne!(new_bearer(TokenKind::Gateway), new_bearer(TokenKind::Gateway));
        assert_ne!(new_id(), new_id());
    }
}

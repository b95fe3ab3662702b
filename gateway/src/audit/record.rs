//! What goes into a record: an audit event, bounded whatever a client put into it.

use control_plane_api::audit::{AuditEvent, Outcome, Phase};
use sha2::{Digest as _, Sha256};

/// Longest text kept of one field, in bytes; the rest is told by its digest and length. JSON can make six bytes of
/// one, so a whole record stays under 64 KiB.
const TEXT_BYTES_MAX: usize = 1_024;

/// The record that closes the exchange `intent` opened, when nothing else ever will.
pub(super) fn unknown_outcome(intent: &AuditEvent) -> AuditEvent {
    AuditEvent { phase: Phase::Outcome, outcome: Outcome::Unknown, ..intent.clone() }
}

/// Cuts what is too long in `event`.
pub(super) fn bound(event: &mut AuditEvent) {
    let optional = [
        &mut event.token_id,
        &mut event.project,
        &mut event.target,
        &mut event.arguments_digest,
        &mut event.client,
        &mut event.peer,
        &mut event.request_id,
        &mut event.trace_id,
    ];
    let always = [&mut event.id, &mut event.method, &mut event.reason];
    let tier = event.relevance.as_mut().map(|relevance| &mut relevance.tier);
    for text in always.into_iter().chain(optional.into_iter().flatten()).chain(tier) {
        if text.len() > TEXT_BYTES_MAX {
            let digest = hex::encode(Sha256::digest(text.as_bytes()));
            let (kept, length) = (text.floor_char_boundary(TEXT_BYTES_MAX - 100), text.len());
            text.truncate(kept);
            text.push_str(&format!("… ({length} bytes, sha256 {digest})"));
        }
    }
}

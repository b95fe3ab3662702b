//! One event of a stream, in pieces: what all gateways are sent alike is in memory once, however many are being sent it.

use super::edition::Text;
use crate::secrets::Keys;
use axum::body::Bytes;
use control_plane_api::{
    name::Name,
    snapshot::{ConfigEvent, SignedEvent},
};

/// Largest piece, in bytes: a connection buffers what its gateway has not read yet, but not a whole snapshot.
const PIECE_BYTES_MAX: usize = 64 << 10;
/// Where the lists begin into which shared objects go. Nothing before them is anybody's text.
const LISTS: [&str; 2] = ["\"objects\":[", "\"upserts\":["];

/// A signed event as it is written to a stream.
pub(crate) struct Event {
    /// All of it, in order.
    pub(crate) pieces: Vec<Bytes>,
}

impl Event {
    /// Of `own`, which holds what is only this gateway's, and of the objects in `shared`, signed for `gateway`.
    pub(super) fn new(
        (own, shared): (&ConfigEvent, &Text),
        (keys, gateway): (&Keys, &Name),
    ) -> Result<Self, serde_json::Error> {
        let text = serde_json::to_string(own)?;
        let list = LISTS.iter().filter_map(|list| Some(text.find(list)? + list.len())).min().unwrap_or_default();
        let (head, tail) = text.split_at(list);
        let comma = if shared.plain.is_empty() || tail.starts_with(']') { "" } else { "," };
        let payload = [head, &shared.plain, comma, tail].concat();
        let signature = keys.sign(&SignedEvent::signed_text(gateway, &payload));
        let revision = match own {
            ConfigEvent::Snapshot(snapshot) => snapshot.revision,
            ConfigEvent::ChangeSet(change) => change.revision,
        };
        let mut pieces =
            vec![Bytes::from(format!("id: {revision}\nevent: config\ndata: {{\"payload\":\"{}", escaped(head)?))];
        pieces.extend(slices(&shared.escaped));
        pieces.extend(slices(&Bytes::from(format!("{comma}{}\",\"signature\":\"{signature}\"}}\n\n", escaped(tail)?))));
        Ok(Self { pieces })
    }
}

/// `text` as it stands inside a JSON string.
fn escaped(text: &str) -> Result<String, serde_json::Error> {
    let quoted = serde_json::to_string(text)?;
    Ok(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned())
}

fn slices(bytes: &Bytes) -> impl Iterator<Item = Bytes> {
    let starts = (0..bytes.len()).step_by(PIECE_BYTES_MAX);
    starts.map(|start| bytes.slice(start..bytes.len().min(start + PIECE_BYTES_MAX)))
}

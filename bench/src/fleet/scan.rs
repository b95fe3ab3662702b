//! Reads from an event stream what the simulation needs, which revision came with how many bytes, and keeps nothing else: a
//! thousand gateways in one process could not hold a thousand snapshots.

use memchr::{memchr_iter, memmem};

/// How much of the beginning of an event is kept: kind and revision stand there.
const HEAD_BYTES: usize = 512;
/// Inside the text of a payload, which is itself inside JSON, a member's name looks like this.
const REVISION: &[u8] = br#"\"revision\":"#;
const SNAPSHOT: &[u8] = br#"\"type\":\"snapshot\""#;

/// One event of the configuration stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The revision it leads to.
    pub(super) revision: u64,
    /// Whether it is a whole snapshot.
    pub(super) whole: bool,
    /// Its size on the wire, without what HTTP puts around it.
    pub(super) bytes: usize,
}

/// The part of an event that has come so far.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    head: Vec<u8>,
    bytes: usize,
    line_bytes: usize,
}

impl Scanner {
    /// The events that `chunk` completes. Comments are none.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut start = 0;
        for end in memchr_iter(b'\n', chunk) {
            self.line(chunk.get(start..end).unwrap_or_default());
            self.bytes += 1;
            start = end + 1;
            if self.line_bytes == 0 {
                events.extend(self.end());
            }
            self.line_bytes = 0;
        }
        self.line(chunk.get(start..).unwrap_or_default());
        events
    }

    fn line(&mut self, piece: &[u8]) {
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(piece.get(..room).unwrap_or_default());
        self.bytes += piece.len();
        self.line_bytes += piece.len();
    }

    fn end(&mut self) -> Option<Event> {
        let (head, bytes) = (std::mem::take(&mut self.head), std::mem::take(&mut self.bytes));
        let at = memmem::find(&head, REVISION)? + REVISION.len();
        let digits = head.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let revision = std::str::from_utf8(head.get(at..at + digits)?).ok()?.parse().ok()?;
        Some(Event { revision, whole: memmem::find(&head, SNAPSHOT).is_some(), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::snapshot::{ConfigEvent, SignedEvent, Snapshot};

    fn written(event: &ConfigEvent) -> String {
        let signed = SignedEvent { payload: serde_json::to_string(event).unwrap(), signature: "00".to_owned() };
        format!("id: 7\nevent: config\ndata: {}\n\n", serde_json::to_string(&signed).unwrap())
    }

    #[test]
    fn events_are_recognised_however_they_are_cut() {
        let snapshot = Snapshot { revision: 12, ..Snapshot::empty() };
        let change = snapshot.changes_to(&Snapshot { revision: 1_345, ..Snapshot::empty() });
        let (first, second) = (written(&ConfigEvent::Snapshot(snapshot)), written(&ConfigEvent::ChangeSet(change)));
        let text = format!(":\n\n{first}:\n\n{second}");
        let expected = [
            Event { revision: 12, whole: true, bytes: first.len() },
            Event { revision: 1_345, whole: false, bytes: second.len() },
        ];
        for size in 1..=text.len() {
            let mut scanner = Scanner::default();
            let events: Vec<Event> = text.as_bytes().chunks(size).flat_map(|chunk| scanner.push(chunk)).collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }
}

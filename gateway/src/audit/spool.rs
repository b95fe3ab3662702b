//! What writer and shipper share: how far the log is durable, how far it is acknowledged, which exchanges are open.
//!
//! On disk beside the segments: `cursor.json` (the last acknowledged record) and `open.json`. The latter holds the intents
//! of exchanges still open when their segment was deleted, so that a crash later still finds them.

use super::{
    Delivery,
    lag::Lag,
    recovery::Recovered,
    segment::{self, Line, Lines},
};
use crate::settings::{replace_file, sync_parent};
use control_plane_api::{
    audit::{
        AuditEvent, Phase,
        chain::{Body, Hash, Head},
    },
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

const CURSOR: &str = "cursor.json";
const OPEN: &str = "open.json";

/// How far the control plane has the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The last record it gave a receipt for.
    pub(super) head: Head,
    /// Hash of the last checkpoint up to there.
    pub(super) checkpoint: Hash,
}

/// A record on its way to the control plane.
#[derive(Debug, Clone)]
pub(super) struct Shipment {
    pub(super) cursor: Cursor,
    pub(super) text: String,
}

/// The shared state of one spool.
pub(super) struct Spool {
    dir: PathBuf,
    delivery: Delivery,
    durable: watch::Sender<u64>,
    acknowledged: Mutex<Cursor>,
    failing: AtomicBool,
    open: Mutex<BTreeMap<String, AuditEvent>>,
    lag: Mutex<Lag>,
}

/// Where the shipper stands: the next record, and where it lies if that is known.
#[derive(Debug)]
pub(super) struct Position {
    next: u64,
    place: Option<(u64, u64)>,
    checkpoint: Hash,
}

impl Spool {
    pub(super) fn new(dir: &Path, delivery: Delivery, recovered: &Recovered) -> Self {
        Self {
            dir: dir.to_owned(),
            delivery,
            durable: watch::Sender::new(recovered.last.seq),
            acknowledged: Mutex::new(recovered.acknowledged),
            failing: AtomicBool::new(false),
            open: Mutex::new(recovered.open.clone()),
            lag: Mutex::new(recovered.lag()),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Room it takes on disk; nothing where the directory cannot be read.
    pub(super) fn bytes(&self) -> u64 {
        segment::bytes(&self.dir).unwrap_or_default()
    }

    /// Whether the last write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Release);
    }

    pub(super) fn backlog(&self) -> u64 {
        match self.delivery {
            Delivery::ControlPlane => self.durable.borrow().saturating_sub(self.acknowledged()),
            Delivery::FilesOnly => 0,
        }
    }

    /// Age of the oldest record the control plane has yet to acknowledge; nothing where none is to get them.
    pub(super) fn lag(&self) -> Duration {
        match self.delivery {
            Delivery::ControlPlane => self.lag.lock().unwrap_or_else(PoisonError::into_inner).at(Timestamp::now()),
            Delivery::FilesOnly => Duration::ZERO,
        }
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.cursor().head.seq
    }

    fn cursor(&self) -> Cursor {
        *self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything up to `last` is durable, `events` among it. The open exchanges are settled before anybody can see that.
    pub(super) fn committed(&self, last: u64, events: Vec<AuditEvent>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            match event.phase {
                Phase::Intent => drop(open.insert(event.id.clone(), event)),
                Phase::Outcome => drop(open.remove(&event.id)),
            }
        }
        drop(open);
        let first = *self.durable.borrow() + 1;
        self.lag.lock().unwrap_or_else(PoisonError::into_inner).durable(first, last, Timestamp::now());
        self.durable.send_replace(last);
    }

    /// Waits until there is something to ship, then gives how far the log is durable.
    pub(super) async fn something_to_ship(&self) -> u64 {
        let acknowledged = self.acknowledged();
        match self.durable.subscribe().wait_for(|durable| *durable > acknowledged).await {
            Ok(durable) => *durable,
            // The sender is `self`, so this is never reached.
            Err(_) => acknowledged,
        }
    }

    /// The position behind what is acknowledged.
    pub(super) fn start(&self) -> Position {
        let Cursor { head, checkpoint } = self.cursor();
        Position { next: head.seq + 1, place: None, checkpoint }
    }

    /// Reads on from `position` up to `durable`, at most `events_max` records of about `bytes_max` bytes, at least one.
    pub(super) fn read(
        &self,
        position: &mut Position,
        durable: u64,
        records_max: usize,
        bytes_max: u64,
    ) -> io::Result<Vec<Shipment>> {
        let mut shipments = Vec::new();
        let mut bytes = 0;
        let segments = segment::list(&self.dir)?;
        let begin = segments.partition_point(|segment| segment.first <= position.next).saturating_sub(1);
        for segment in segments.iter().skip(begin) {
            let offset = position.place.filter(|(first, _)| *first == segment.first).map_or(0, |(_, offset)| offset);
            let mut lines = Lines::open(segment, offset)?;
            while shipments.len() < records_max && bytes < bytes_max && position.next <= durable {
                let before = lines.offset();
                let entry = match lines.next_line()? {
                    Line::Record(entry) => entry,
                    Line::End => break,
                    Line::Damaged => return Err(damaged(&segment.path, before)),
                };
                if entry.seq > position.next {
                    tracing::error!(
                        from = position.next,
                        to = entry.seq - 1,
                        "audit records were taken out of the spool before they were shipped"
                    );
                }
                position.place = Some((segment.first, lines.offset()));
                if entry.seq >= position.next {
                    position.next = entry.seq + 1;
                    bytes += lines.offset() - before;
                    let head = entry.head(lines.text());
                    if matches!(entry.body, Body::Checkpoint(_)) {
                        position.checkpoint = head.hash;
                    }
                    let cursor = Cursor { head, checkpoint: position.checkpoint };
                    shipments.push(Shipment { cursor, text: lines.text().to_owned() });
                }
            }
        }
        if shipments.is_empty() && position.next <= durable {
            let message = format!("records {} to {durable} are not in the spool any more", position.next);
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(shipments)
    }

    /// The control plane has everything up to `cursor`: remembers that durably, and frees what is not needed any more.
    pub(super) fn acknowledge(&self, cursor: Cursor) -> io::Result<()> {
        replace_file(&self.dir.join(CURSOR), &serde_json::to_vec(&cursor)?)?;
        *self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner) = cursor;
        let seq = cursor.head.seq;
        self.lag.lock().unwrap_or_else(PoisonError::into_inner).acknowledged(seq);
        let shipped: Vec<_> =
            segment::list(&self.dir)?.into_iter().filter(|one| one.end.is_some_and(|end| end <= seq + 1)).collect();
        if shipped.is_empty() {
            return Ok(());
        }
        let open: Vec<AuditEvent> =
            self.open.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        replace_file(&self.dir.join(OPEN), &serde_json::to_vec(&open)?)?;
        for segment in shipped {
            std::fs::remove_file(&segment.path)?;
            sync_parent(&segment.path)?;
        }
        Ok(())
    }
}

fn damaged(path: &Path, offset: u64) -> io::Error {
    let message = format!("`{}` at byte {offset} holds something else than a record", path.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// The last acknowledged record.
pub(super) fn read_cursor(dir: &Path) -> io::Result<Cursor> {
    match std::fs::read(dir.join(CURSOR)) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("`{CURSOR}` cannot be read: {error}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Cursor { head: Head::NONE, checkpoint: Hash::NONE })
        }
        Err(error) => Err(error),
    }
}

/// The intents whose segments are deleted and whose outcome may be in a segment still there.
pub(super) fn read_open(dir: &Path) -> io::Result<BTreeMap<String, AuditEvent>> {
    match std::fs::read(dir.join(OPEN)) {
        Ok(text) => {
            let open: Vec<AuditEvent> = serde_json::from_slice(&text)?;
            Ok(open.into_iter().map(|event| (event.id.clone(), event)).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

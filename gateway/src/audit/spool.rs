//! What writer and shipper share: how far the log is durable, how far it is acknowledged, which exchanges are open.
//!
//! On disk beside the segments: `cursor` (the last acknowledged record) and `open.json`. The latter holds the intents
//! of exchanges still open when their segment was deleted, so that a crash later still finds them.

use super::{
    Delivery,
    recovery::Recovered,
    segment::{self, Line, Lines},
};
use crate::settings::{replace_file, sync_parent};
use control_plane_api::audit::{AuditEvent, Phase};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;

const CURSOR: &str = "cursor";
const OPEN: &str = "open.json";

/// The shared state of one spool.
pub(super) struct Spool {
    dir: PathBuf,
    delivery: Delivery,
    durable: watch::Sender<u64>,
    acknowledged: AtomicU64,
    open: Mutex<BTreeMap<String, AuditEvent>>,
}

/// Where the shipper stands: the next record, and where it lies if that is known.
#[derive(Debug)]
pub(super) struct Position {
    next: u64,
    place: Option<(u64, u64)>,
}

impl Spool {
    pub(super) fn new(dir: &Path, delivery: Delivery, recovered: &Recovered) -> Self {
        Self {
            dir: dir.to_owned(),
            delivery,
            durable: watch::Sender::new(recovered.last),
            acknowledged: AtomicU64::new(recovered.acknowledged),
            open: Mutex::new(recovered.open.clone()),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn backlog(&self) -> u64 {
        match self.delivery {
            Delivery::ControlPlane => self.durable.borrow().saturating_sub(self.acknowledged()),
            Delivery::FilesOnly => 0,
        }
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// `events` are durable. The open exchanges are settled before anybody can see that.
    pub(super) fn committed(&self, events: Vec<AuditEvent>) {
        let Some(last) = events.last().map(|event| event.seq) else {
            return;
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            match event.phase {
                Phase::Intent => drop(open.insert(event.id.clone(), event)),
                Phase::Outcome => drop(open.remove(&event.id)),
            }
        }
        drop(open);
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
        Position { next: self.acknowledged() + 1, place: None }
    }

    /// Reads on from `position` up to `durable`, at most `events_max` records of about `bytes_max` bytes, at least one.
    pub(super) fn read(
        &self,
        position: &mut Position,
        durable: u64,
        events_max: usize,
        bytes_max: u64,
    ) -> io::Result<Vec<AuditEvent>> {
        let mut events = Vec::new();
        let mut bytes = 0;
        let segments = segment::list(&self.dir)?;
        let begin = segments.partition_point(|segment| segment.first <= position.next).saturating_sub(1);
        for segment in segments.iter().skip(begin) {
            let offset = position.place.filter(|(first, _)| *first == segment.first).map_or(0, |(_, offset)| offset);
            let mut lines = Lines::open(segment, offset)?;
            while events.len() < events_max && bytes < bytes_max && position.next <= durable {
                let before = lines.offset();
                let (event, after) = match lines.next_line()? {
                    Line::Record(event, after) => (event, after),
                    Line::End => break,
                    Line::Damaged => return Err(damaged(&segment.path, before)),
                };
                if event.seq > position.next {
                    tracing::error!(
                        from = position.next,
                        to = event.seq - 1,
                        "audit records were taken out of the spool before they were shipped"
                    );
                }
                position.place = Some((segment.first, after));
                if event.seq >= position.next {
                    position.next = event.seq + 1;
                    bytes += after - before;
                    events.push(*event);
                }
            }
        }
        if events.is_empty() && position.next <= durable {
            let message = format!("records {} to {durable} are not in the spool any more", position.next);
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(events)
    }

    /// The control plane has everything up to `seq`: remembers that durably, and frees what is not needed any more.
    pub(super) fn acknowledge(&self, seq: u64) -> io::Result<()> {
        replace_file(&self.dir.join(CURSOR), seq.to_string().as_bytes())?;
        self.acknowledged.store(seq, Ordering::Release);
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

/// The last acknowledged record; 0 before the first.
pub(super) fn read_cursor(dir: &Path) -> io::Result<u64> {
    match std::fs::read_to_string(dir.join(CURSOR)) {
        Ok(text) => {
            text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "`cursor` is not a number"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
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

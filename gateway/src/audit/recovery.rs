//! What a new process finds in the spool: how far the log goes, and which exchanges were never closed.
//!
//! A half-written tail is cut: it was never acknowledged. A damaged line before it, a record that was changed, one that is
//! missing, or a spool that lost what the control plane has a receipt for is refused: that is no crash, somebody has to look
//! at it. Signatures are not asked for here: the key may be a new one.

use super::{
    AuditError,
    lag::Lag,
    record::unknown_outcome,
    segment::{self, Line, Lines, Segment},
    spool::{self, Cursor},
};
use crate::settings::{make_private, sync_parent};
use control_plane_api::{
    audit::{
        AuditEvent, Phase,
        chain::{Body, Hash, Head},
        verify::{Broken, Fault, Start, Trust, Verifier},
    },
    name::Name,
    timestamp::Timestamp,
};
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
};

/// Why the audit log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory cannot be read or written.
    #[error("the audit log in `{}` cannot be used: {error}", dir.display())]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The outcome of an interrupted exchange cannot be recorded.
    #[error("the audit log in `{}` cannot be continued: {error}", dir.display())]
    Unwritable {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        error: AuditError,
    },
    /// Records are missing or changed.
    #[error("the audit log is damaged: {what}; keep the directory for inspection, move it away and start again")]
    Damaged {
        /// Where and how.
        what: String,
    },
}

/// What a new process finds.
#[derive(Debug)]
pub(super) struct Recovered {
    /// The newest record.
    pub(super) last: Head,
    /// Hash of the newest checkpoint.
    pub(super) checkpoint: Hash,
    /// How far the control plane has acknowledged.
    pub(super) acknowledged: Cursor,
    /// Exchanges without an outcome, by id.
    pub(super) open: BTreeMap<String, AuditEvent>,
    /// When the first exchange began whose record is not acknowledged.
    pub(super) owed_since: Option<Timestamp>,
}

impl Recovered {
    /// The outcomes that are missing, in the order of their intents.
    pub(super) fn orphans(&self) -> Vec<AuditEvent> {
        let mut open: Vec<&AuditEvent> = self.open.values().collect();
        open.sort_by_key(|event| event.seq);
        open.into_iter().map(unknown_outcome).collect()
    }

    /// How long what is not acknowledged has been owed.
    pub(super) fn lag(&self) -> Lag {
        let (first, last) = (self.acknowledged.head.seq + 1, self.last.seq);
        self.owed_since.map(|at| Lag::recovered(first, last, at)).unwrap_or_default()
    }

    fn take(&mut self, event: AuditEvent) {
        if event.seq > self.acknowledged.head.seq {
            self.owed_since.get_or_insert(event.time);
        }
        match event.phase {
            Phase::Intent => {
                self.open.insert(event.id.clone(), event);
            }
            Phase::Outcome => {
                self.open.remove(&event.id);
            }
        }
    }
}

/// Reads the spool of `gateway` in `dir`, cuts what a crash left half-written, and removes segments without a record.
pub(super) fn recover(dir: &Path, gateway: &Name) -> Result<Recovered, SpoolError> {
    let unusable = |error| SpoolError::Unusable { dir: dir.to_owned(), error };
    make_private(dir).map_err(unusable)?;
    let acknowledged = spool::read_cursor(dir).map_err(unusable)?;
    let segments = segment::list(dir).map_err(unusable)?;
    let open = spool::read_open(dir).map_err(unusable)?;
    let Cursor { head, checkpoint } = acknowledged;
    // The first segment may begin before what is acknowledged, but never behind it.
    let start = match segments.first() {
        Some(first) if first.first <= head.seq => Start::Anywhere,
        _ => Start::After { head, checkpoint: Some(checkpoint) },
    };
    let mut recovery = Recovery {
        verifier: Verifier::new(gateway.clone(), Trust::LinksOnly, start),
        recovered: Recovered { last: head, checkpoint, acknowledged, open, owed_since: None },
        lengths: Vec::new(),
    };
    for segment in &segments {
        let bytes = recovery.scan(segment).map_err(|error| match error {
            ScanError::Io(error) => unusable(error),
            ScanError::Damaged { offset } => damaged_at(&segment.path, offset),
            ScanError::Broken(broken) => SpoolError::Damaged { what: broken.to_string() },
        })?;
        recovery.lengths.push(bytes);
    }
    let Recovery { verifier, mut recovered, lengths } = recovery;
    verifier.finish(Some(&head)).map_err(|broken| SpoolError::Damaged { what: broken.to_string() })?;
    // Nothing is touched before everything is known to be whole.
    for (segment, bytes) in segments.iter().zip(lengths) {
        seal(&segment.path, bytes).map_err(unusable)?;
    }
    recovered.last = verifier.head();
    recovered.checkpoint = verifier.checkpoint().unwrap_or(checkpoint);
    Ok(recovered)
}

fn damaged_at(path: &Path, offset: u64) -> SpoolError {
    let what = format!("`{}` at byte {offset} holds something else than a record", path.display());
    SpoolError::Damaged { what }
}

/// The state of a reading.
struct Recovery {
    verifier: Verifier,
    recovered: Recovered,
    /// Of every segment read, how much of it holds records.
    lengths: Vec<u64>,
}

#[derive(Debug, thiserror::Error)]
enum ScanError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("damaged at byte {offset}")]
    Damaged { offset: u64 },
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl Recovery {
    /// Takes every record of `segment`; gives the offset behind the last.
    fn scan(&mut self, segment: &Segment) -> Result<u64, ScanError> {
        let mut lines = Lines::open(segment, 0)?;
        let mut next = segment.first;
        loop {
            let offset = lines.offset();
            let entry = match lines.next_line()? {
                Line::Record(entry) => entry,
                Line::End => return Ok(offset),
                Line::Damaged => return Err(ScanError::Damaged { offset }),
            };
            // A segment is named by its first record; the chain says the same of the rest, but not where the reading begins.
            if entry.seq != next {
                return Err(ScanError::Damaged { offset });
            }
            next += 1;
            self.verifier.take(lines.text())?;
            let acknowledged = self.recovered.acknowledged.head;
            if entry.seq == acknowledged.seq && entry.hash(lines.text()) != acknowledged.hash {
                let Head { epoch, seq, .. } = acknowledged;
                return Err(Broken { gateway: entry.gateway, epoch, seq, fault: Fault::Changed }.into());
            }
            if let Body::Event(event) = entry.body {
                self.recovered.take(*event);
            }
        }
    }
}

/// Cuts the segment at `path` to `bytes`, so that nothing half-written follows; one without a record goes.
fn seal(path: &Path, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        std::fs::remove_file(path)?;
        return sync_parent(path);
    }
    let file = OpenOptions::new().write(true).open(path)?;
    if file.metadata()?.len() != bytes {
        file.set_len(bytes)?;
        file.sync_all()?;
    }
    Ok(())
}

//! What a new process finds in the spool: how far the log goes, and which exchanges were never closed.
//!
//! A half-written tail is cut: it was never acknowledged. A damaged line before it, or a missing segment, is refused:
//! that is no crash, somebody has to look at it.

use super::{
    AuditError,
    record::unknown_outcome,
    segment::{self, Line, Lines, Segment},
    spool,
};
use crate::settings::{make_private, sync_parent};
use control_plane_api::audit::{AuditEvent, Phase};
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
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// The newest record; 0 when there never was one.
    pub(super) last: u64,
    /// How far the control plane has acknowledged.
    pub(super) acknowledged: u64,
    /// Exchanges without an outcome, by id.
    pub(super) open: BTreeMap<String, AuditEvent>,
}

impl Recovered {
    /// The outcomes that are missing, in the order of their intents.
    pub(super) fn orphans(&self) -> Vec<AuditEvent> {
        let mut open: Vec<&AuditEvent> = self.open.values().collect();
        open.sort_by_key(|event| event.seq);
        open.into_iter().map(unknown_outcome).collect()
    }

    fn take(&mut self, event: AuditEvent) {
        self.last = event.seq;
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

/// Reads the spool in `dir`, cuts what a crash left half-written, and removes segments without a record.
pub(super) fn recover(dir: &Path) -> Result<Recovered, SpoolError> {
    let unusable = |error| SpoolError::Unusable { dir: dir.to_owned(), error };
    make_private(dir).map_err(unusable)?;
    let acknowledged = spool::read_cursor(dir).map_err(unusable)?;
    let open = spool::read_open(dir).map_err(unusable)?;
    let mut recovered = Recovered { last: acknowledged, acknowledged, open };
    let mut expected = None;
    for segment in segment::list(dir).map_err(unusable)? {
        if let Some(expected) = expected
            && segment.first != expected
        {
            let what = format!("records {expected} to {} are missing", segment.first.saturating_sub(1));
            return Err(SpoolError::Damaged { what });
        }
        let bytes = scan(&segment, &mut recovered).map_err(|error| match error {
            ScanError::Io(error) => unusable(error),
            ScanError::Damaged { offset } => {
                let what = format!("`{}` at byte {offset} holds something else than a record", segment.path.display());
                SpoolError::Damaged { what }
            }
        })?;
        seal(&segment.path, bytes).map_err(unusable)?;
        expected = Some(recovered.last.max(segment.first.saturating_sub(1)) + 1);
    }
    recovered.last = recovered.last.max(acknowledged);
    Ok(recovered)
}

#[derive(Debug, thiserror::Error)]
enum ScanError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("damaged at byte {offset}")]
    Damaged { offset: u64 },
}

/// Takes every record of `segment`; gives the offset behind the last.
fn scan(segment: &Segment, recovered: &mut Recovered) -> Result<u64, ScanError> {
    let mut lines = Lines::open(segment, 0)?;
    let mut next = segment.first;
    loop {
        let offset = lines.offset();
        match lines.next_line()? {
            Line::Record(event, _) if event.seq == next => {
                next += 1;
                recovered.take(*event);
            }
            Line::End => return Ok(offset),
            Line::Record(..) | Line::Damaged => return Err(ScanError::Damaged { offset }),
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

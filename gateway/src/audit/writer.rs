//! The one thread that writes: takes every record that waits, writes them at once, syncs once, answers each.
//!
//! A file that failed once is never written again (the page cache may have dropped what a failed sync left, and would
//! report success later): its records are refused to who waits for them, and the next ones go to a new segment.

use super::{
    AuditError, AuditOptions, Order,
    disk::{Disk, SegmentFile},
    record::encode,
    segment,
    spool::Spool,
};
use control_plane_api::audit::AuditEvent;
use std::{io, sync::Arc};
use tokio::sync::{mpsc, oneshot};

/// Most records taken into one write.
const BATCH_MAX: usize = 1_024;

/// The segment being written.
struct Active {
    file: Box<dyn SegmentFile>,
    offset: u64,
    bytes: u64,
}

pub(super) struct Writer {
    disk: Box<dyn Disk>,
    spool: Arc<Spool>,
    options: AuditOptions,
    last: u64,
    active: Option<Active>,
    failing: bool,
}

/// Who waits for what.
#[derive(Default)]
struct Batch {
    events: Vec<AuditEvent>,
    waiters: Vec<oneshot::Sender<Result<(), AuditError>>>,
    close: Option<oneshot::Sender<()>>,
}

impl Batch {
    fn take(&mut self, order: Order) {
        match order {
            Order::Append(event, waiter) => {
                self.events.push(*event);
                self.waiters.push(waiter);
            }
            Order::Close(closed) => self.close = Some(closed),
        }
    }
}

impl Writer {
    /// A writer whose next record follows `last`.
    pub(super) fn new(disk: Box<dyn Disk>, spool: Arc<Spool>, options: AuditOptions, last: u64) -> Self {
        Self { disk, spool, options, last, active: None, failing: false }
    }

    /// Writes what comes until told to close or nobody can append any more.
    pub(super) fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        // Makes room ahead of the first record, which would otherwise wait for it.
        let ready = self.room_for(1).map(drop);
        self.log(&ready);
        while let Some(order) = orders.blocking_recv() {
            let mut batch = Batch::default();
            batch.take(order);
            while batch.close.is_none()
                && batch.events.len() < BATCH_MAX
                && let Ok(order) = orders.try_recv()
            {
                batch.take(order);
            }
            let appended = self.append(batch.events);
            self.log(&appended);
            for waiter in batch.waiters {
                // Nobody waits any more when the caller was dropped; the record stands all the same.
                let _ = waiter.send(appended.clone());
            }
            if let Some(closed) = batch.close {
                self.seal();
                let _ = closed.send(());
                return;
            }
        }
        self.seal();
    }

    /// Makes `events` durable, all or none acknowledged.
    pub(super) fn append(&mut self, mut events: Vec<AuditEvent>) -> Result<(), AuditError> {
        let mut bytes = Vec::with_capacity(events.len() * 1_024);
        let mut seq = self.last;
        for event in &mut events {
            seq += 1;
            event.seq = seq;
            encode(event, &mut bytes).map_err(unwritable)?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let active = self.room_for(bytes.len() as u64)?;
        let written = active.file.write_at(&bytes, active.offset).and_then(|()| active.file.sync());
        match written {
            Ok(()) => {
                active.offset += bytes.len() as u64;
                self.last = seq;
                self.spool.committed(events);
                Ok(())
            }
            Err(error) => {
                self.active = None;
                Err(unwritable(error))
            }
        }
    }

    /// A segment with room for `bytes`; a full one is sealed and a new one made.
    fn room_for(&mut self, bytes: u64) -> Result<&mut Active, AuditError> {
        if self.active.as_ref().is_some_and(|active| active.offset + bytes > active.bytes) {
            self.seal();
        }
        if self.active.is_none() {
            let reserved = self.options.segment_bytes.max(bytes);
            let used = segment::bytes(self.spool.dir()).map_err(unwritable)?;
            if used + reserved > self.options.spool_bytes_max {
                return Err(AuditError::Full { bytes_max: self.options.spool_bytes_max });
            }
            let path = segment::path(self.spool.dir(), self.last + 1);
            let file = self.disk.create(&path, reserved).map_err(unwritable)?;
            self.active = Some(Active { file, offset: 0, bytes: reserved });
        }
        self.active.as_mut().ok_or(AuditError::Closed)
    }

    /// Gives back the reserved room nothing was written to. Its failure loses nothing: readers stop at the first zero.
    fn seal(&mut self) {
        if let Some(mut active) = self.active.take()
            && let Err(error) = active.file.cut(active.offset)
        {
            tracing::warn!(%error, "reserved room of an audit segment is not given back");
        }
    }

    /// Says once that the log fails, and once that it works again.
    fn log(&mut self, appended: &Result<(), AuditError>) {
        match appended {
            Err(error) if !self.failing => tracing::error!(%error, "audit records are not durable: calls are refused"),
            Ok(()) if self.failing => tracing::info!("audit records are durable again"),
            _ => {}
        }
        self.failing = appended.is_err();
    }
}

fn unwritable(error: io::Error) -> AuditError {
    AuditError::Unwritable(Arc::new(error))
}

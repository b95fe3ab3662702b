//! The one thread that writes: takes every record that waits, writes them at once, syncs once, answers each.
//!
//! It alone knows the end of the chain. When a checkpoint is due it goes with the records, or by itself.
//!
//! A file that failed once is never written again (the page cache may have dropped what a failed sync left, and would
//! report success later): its records are refused to who waits for them, and the next ones go to a new segment.

use super::{
    AuditError, AuditOptions, Order, Signer,
    disk::{Disk, SegmentFile},
    record::bound,
    recovery::Recovered,
    segment,
    spool::Spool,
};
use crate::metrics::Metrics;
use control_plane_api::{
    audit::{AuditEvent, chain::Chain},
    timestamp::Timestamp,
};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::timeout,
};

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
    signer: Signer,
    metrics: Metrics,
    chain: Chain,
    /// Records since the last checkpoint.
    unsigned: u64,
    /// When a checkpoint was last written, or could not be.
    signed: Instant,
    active: Option<Active>,
    failing: bool,
}

/// Who waits for what.
#[derive(Default)]
struct Batch {
    events: Vec<AuditEvent>,
    waiters: Vec<Option<oneshot::Sender<Result<(), AuditError>>>>,
    close: Option<oneshot::Sender<()>>,
}

impl Batch {
    /// Whether what it holds is in no hurry.
    fn lingers(&self) -> bool {
        matches!(self.waiters.as_slice(), [None])
    }

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
    /// A writer that goes on, as a new epoch, behind what was recovered.
    pub(super) fn new(
        disk: Box<dyn Disk>,
        spool: Arc<Spool>,
        options: AuditOptions,
        (signer, recovered, metrics): (Signer, &Recovered, Metrics),
    ) -> Self {
        let now = u64::try_from(Timestamp::now().as_millis()).unwrap_or_default();
        // Grows even if the clock went back, and is not used again even if the files were lost.
        let epoch = now.max(recovered.last.epoch + 1);
        let chain = Chain::new(signer.gateway.clone(), epoch, recovered.last, recovered.checkpoint);
        let (unsigned, signed) = (0, Instant::now());
        Self { disk, spool, options, signer, metrics, chain, unsigned, signed, active: None, failing: false }
    }

    /// Writes what comes until told to close or nobody can append any more.
    #[expect(clippy::disallowed_methods, reason = "what comes within that time is written at once")]
    pub(super) fn run(mut self, mut orders: mpsc::Receiver<Order>, clock: &Runtime) {
        // Makes room ahead of the first record, which would otherwise wait for it.
        let ready = self.room_for(1).map(drop);
        self.log(&ready);
        loop {
            let mut batch = Batch::default();
            match clock.block_on(async { timeout(self.until_checkpoint(), orders.recv()).await }) {
                Ok(Some(order)) => batch.take(order),
                Ok(None) => break,
                // Nobody waits: the batch is a checkpoint.
                Err(_) => {}
            }
            if batch.lingers() {
                clock.block_on(async { tokio::time::sleep(self.options.linger).await });
            }
            while batch.close.is_none()
                && batch.events.len() < BATCH_MAX
                && let Ok(order) = orders.try_recv()
            {
                batch.take(order);
            }
            let appended = self.write(batch.events, batch.close.is_some());
            self.log(&appended);
            for waiter in batch.waiters.into_iter().flatten() {
                // Nobody waits any more when the caller was dropped; the record stands all the same.
                let _ = waiter.send(appended.clone());
            }
            if let Some(closed) = batch.close {
                self.seal();
                let _ = closed.send(());
                return;
            }
        }
        let closed = self.write(Vec::new(), true);
        self.log(&closed);
        self.seal();
    }

    /// Makes `events` durable, all or none acknowledged.
    pub(super) fn append(&mut self, events: Vec<AuditEvent>) -> Result<(), AuditError> {
        self.write(events, false)
    }

    /// Time until a checkpoint is due, should nothing come.
    fn until_checkpoint(&self) -> Duration {
        let pace = &self.options.pace;
        let due = if self.unsigned == 0 { pace.idle } else { pace.interval };
        due.saturating_sub(self.signed.elapsed())
    }

    /// Whether a checkpoint is due behind `more` records; the last one of a log that is closed signs for what is not yet.
    fn is_due(&self, more: u64, closing: bool) -> bool {
        let unsigned = self.unsigned + more;
        let waited =
            self.until_checkpoint().is_zero() || (more > 0 && self.signed.elapsed() >= self.options.pace.interval);
        unsigned >= self.options.pace.records_max || waited || (closing && unsigned > 0)
    }

    fn write(&mut self, mut events: Vec<AuditEvent>, closing: bool) -> Result<(), AuditError> {
        let more = events.len() as u64;
        let signs = self.is_due(more, closing);
        // The chain goes on only when this is durable: what failed never was in it.
        let mut chain = self.chain.clone();
        let mut bytes = Vec::with_capacity(events.len() * 1_024);
        for event in &mut events {
            bound(event);
            add(&mut bytes, &chain.event(event).map_err(unwritable)?.text);
        }
        if signs {
            // Whatever comes of it: the next one is tried when the next one is due.
            self.signed = Instant::now();
            let record = chain.checkpoint(self.signer.key.signing(), Timestamp::now()).map_err(unwritable)?;
            add(&mut bytes, &record.text);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let active = self.room_for(bytes.len() as u64)?;
        let begun = Instant::now();
        let written = active.file.write_at(&bytes, active.offset).and_then(|()| active.file.sync());
        match written {
            Ok(()) => {
                active.offset += bytes.len() as u64;
                self.metrics.audit_flushed(more, begun.elapsed());
                self.chain = chain;
                self.unsigned = if signs { 0 } else { self.unsigned + more };
                self.spool.committed(self.chain.head().seq, events);
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
            let path = segment::path(self.spool.dir(), self.chain.head().seq + 1);
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
        self.spool.set_failing(self.failing);
    }
}

fn add(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'\n');
}

fn unwritable(error: impl Into<io::Error>) -> AuditError {
    AuditError::Unwritable(Arc::new(error.into()))
}

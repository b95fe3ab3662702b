//! The audit log of one gateway: durable on its own disk before anything happens, then shipped to the control plane.
//!
//! [`Auditor::append`] returns when the record is on disk (fdatasync returned), or with an error, and then nothing may
//! be forwarded. One thread writes (`writer`), taking every record that waits into one write and one sync. Records lie
//! in `segment` files of bounded size; `recovery` reads them at the start, cuts what a crash left half-written and
//! checks their chain and closes exchanges whose outcome was lost; [`ship`] hands them to the control plane and frees what
//! its signed receipt is for. What a chain is, `control_plane_api::audit::chain` says; every start of the process is an
//! epoch of it, and checkpoints are signed with the key of the [`Signer`], also when nothing happens.
//! Deliberately unknown here: what an exchange is, and what is allowed.
//!
//! ```no_run
//! # use gateway::{audit::{self, Auditor, AuditOptions, Signer}, control_plane::ControlPlane, keys::{AuditKey, Identity}};
//! # use gateway::{metrics::Metrics, settings::StateDir};
//! # use control_plane_api::audit::AuditEvent;
//! # async fn start(state: StateDir, metrics: Metrics, control_plane: ControlPlane, identity: Identity, event: AuditEvent)
//! # -> anyhow::Result<()> {
//! let signer = Signer { gateway: "local".parse()?, key: AuditKey::load(&state)? };
//! let auditor = Auditor::open(&state.join("audit"), signer, AuditOptions::default(), metrics)?;
//! tokio::spawn(audit::ship(auditor.clone(), control_plane, identity.verifying_key()));
//! auditor.append(event).await?;   // `seq` is filled in; an error means: refuse the call
//! auditor.close().await;          // at the end of the process
//! # Ok(())
//! # }
//! ```

mod disk;
mod lag;
mod record;
mod recovery;
mod segment;
mod ship;
mod spool;
mod writer;

pub use recovery::SpoolError;
pub use ship::ship;

use crate::{
    keys::{AuditKey, HidingKey},
    metrics::Metrics,
};
use control_plane_api::{audit::AuditEvent, limits::Limits, name::Name};
use disk::{Disk, LocalDisk};
use spool::Spool;
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot};
use writer::Writer;

/// Where records go besides the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// To the control plane, by [`ship`]; what it acknowledged is deleted here.
    ControlPlane,
    /// Nowhere: the files are the audit log, and making room is up to the operator.
    FilesOnly,
}

/// Bounds of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditOptions {
    /// Records waiting for the disk; beyond it callers wait.
    pub queue_max: u32,
    /// Size of one segment file, in bytes; reserved when it is made.
    pub segment_bytes: u64,
    /// Size of all segment files together, in bytes; beyond it appends fail.
    pub spool_bytes_max: u64,
    /// Where records go besides the disk.
    pub delivery: Delivery,
    /// Whether records are waited for.
    pub mode: Mode,
    /// When checkpoints are due.
    pub pace: Pace,
    /// Longest time that records which nobody waits for wait for others, to be written with them: one write and one sync for
    /// many.
    pub linger: Duration,
}

/// Whether a call waits until its record is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Mode {
    /// Yes: nothing happens that a power cut could make the log forget.
    #[default]
    Strict,
    /// No, as long as the log can be written: a crash loses the records of the last moment (what waits for others to be written
    /// with it, [`AuditOptions::linger`] at most, and the batch on its way to the disk). Once a write failed, calls wait, and are refused, until one succeeds.
    Relaxed,
}

/// When the chain is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Records after which a checkpoint follows at once.
    pub records_max: u64,
    /// Longest time a record waits for its checkpoint.
    pub interval: Duration,
    /// Longest time without a checkpoint when nothing happens: absence is provable, too.
    pub idle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            records_max: limits.audit_checkpoint_records_max.into(),
            interval: Duration::from_millis(limits.audit_checkpoint_interval_ms),
            idle: Duration::from_millis(limits.audit_checkpoint_idle_ms),
        }
    }
}

/// Who writes the log.
#[derive(Clone)]
pub struct Signer {
    /// Name of this gateway.
    pub gateway: Name,
    /// What it signs checkpoints with.
    pub key: AuditKey,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            queue_max: Limits::default().audit_queue_max,
            segment_bytes: 4 << 20,
            spool_bytes_max: 1 << 30,
            delivery: Delivery::ControlPlane,
            mode: Mode::Strict,
            pace: Pace::default(),
            linger: Duration::from_millis(Limits::default().audit_linger_ms),
        }
    }
}

/// Why a record is not durable. Whatever the reason: the call it speaks of must not go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The control plane has not taken records for long, or nobody made room.
    #[error("the audit spool is full ({bytes_max} bytes): is the control plane reachable?")]
    Full {
        /// The bound.
        bytes_max: u64,
    },
    /// The disk did not take it.
    #[error("the audit log cannot be written: {0}")]
    Unwritable(#[source] Arc<io::Error>),
    /// The gateway is stopping.
    #[error("the audit log is closed")]
    Closed,
}

/// How the log is, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// See [`Auditor::backlog`].
    pub backlog: u64,
    /// Records that wait for the disk.
    pub queue: usize,
    /// Age of the oldest record of the backlog; nothing where there is none.
    pub ship_lag: Duration,
    /// Room the log takes on disk, with what is reserved.
    pub spool_bytes: u64,
}

/// What the writer is told.
enum Order {
    Append(Box<AuditEvent>, Option<oneshot::Sender<Result<(), AuditError>>>),
    Close(oneshot::Sender<()>),
}

/// The audit log of this gateway. Cheap to clone; every clone appends to the same log.
#[derive(Clone)]
pub struct Auditor {
    orders: mpsc::Sender<Order>,
    spool: Arc<Spool>,
    /// Hex public half of the key that signs checkpoints.
    key: Arc<str>,
    /// Hides what the log may not show.
    hiding: HidingKey,
    mode: Mode,
    metrics: Metrics,
}

impl Auditor {
    /// Opens the log in `dir`: recovers what is there, records `unknown` for every exchange without an outcome, and
    /// starts the writer. Blocks; meant for the start of the process.
    ///
    /// # Errors
    /// [`SpoolError`]: without an audit log a gateway must not start.
    pub fn open(dir: &Path, signer: Signer, options: AuditOptions, metrics: Metrics) -> Result<Self, SpoolError> {
        Self::open_on(Box::new(LocalDisk), dir, signer, options, metrics)
    }

    fn open_on(
        disk: Box<dyn Disk>,
        dir: &Path,
        signer: Signer,
        options: AuditOptions,
        metrics: Metrics,
    ) -> Result<Self, SpoolError> {
        let unusable = |error| SpoolError::Unusable { dir: dir.to_owned(), error };
        let recovered = recovery::recover(dir, &signer.gateway)?;
        let (key, hiding, mode) = (signer.key.public().into(), signer.key.hiding(), options.mode);
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(unusable)?;
        let (orders, waiting) = mpsc::channel(usize::try_from(options.queue_max).unwrap_or(usize::MAX).max(1));
        let spool = Arc::new(Spool::new(dir, options.delivery, &recovered));
        let mut writer = Writer::new(disk, Arc::clone(&spool), options, (signer, &recovered, metrics.clone()));
        let orphans = recovered.orphans();
        if !orphans.is_empty() {
            tracing::warn!(
                exchanges = orphans.len(),
                "the gateway stopped in the middle of exchanges: recording their outcome as unknown"
            );
            writer.append(orphans).map_err(|error| SpoolError::Unwritable { dir: dir.to_owned(), error })?;
        }
        let thread = std::thread::Builder::new().name("audit-writer".to_owned());
        thread.spawn(move || writer.run(waiting, &clock)).map_err(unusable)?;
        Ok(Self { orders, spool, key, hiding, mode, metrics })
    }

    /// Makes `event` durable, or in [`Mode::Relaxed`] hands it to who does; its `seq` is given by the log. Dropping the
    /// future does not take the record back.
    ///
    /// # Errors
    /// [`AuditError`]: the record is not durable, so what it speaks of must not happen.
    pub async fn append(&self, event: impl Into<Box<AuditEvent>>) -> Result<(), AuditError> {
        let waits = self.mode == Mode::Strict || self.spool.is_failing();
        let (done, durable) = oneshot::channel();
        let appended = match self.orders.send(Order::Append(event.into(), waits.then_some(done))).await {
            Ok(()) if waits => durable.await.unwrap_or(Err(AuditError::Closed)),
            Ok(()) => Ok(()),
            Err(_) => Err(AuditError::Closed),
        };
        if appended.is_err() {
            self.metrics.audit_append_failed();
        }
        appended
    }

    /// A digest of `text` that says nothing to who has not the key of this gateway.
    #[must_use]
    pub fn keyed_digest(&self, text: &[u8]) -> String {
        self.hiding.digest(text)
    }

    /// Records that are durable here and not yet acknowledged by the control plane; 0 when none is to get them.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.spool.backlog()
    }

    /// How the log is.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            backlog: self.spool.backlog(),
            queue: self.orders.max_capacity() - self.orders.capacity(),
            ship_lag: self.spool.lag(),
            spool_bytes: self.spool.bytes(),
        }
    }

    /// Ends the log: what was appended before is durable when this returns, what comes later fails.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Close(done)).await.is_ok() {
            // An error only says that the writer is gone already.
            let _ = closed.await;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

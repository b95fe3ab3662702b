//! The audit log of one gateway: durable on its own disk before anything happens, then shipped to the control plane.
//!
//! [`Auditor::append`] returns when the record is on disk (fdatasync returned), or with an error, and then nothing may
//! be forwarded. One thread writes (`writer`), taking every record that waits into one write and one sync. Records lie
//! in `segment` files of bounded size; `recovery` reads them at the start, cuts what a crash left half-written and
//! closes exchanges whose outcome was lost; [`ship`] hands them to the control plane and frees what it acknowledged.
//! Deliberately unknown here: what an exchange is, and what is allowed.
//!
//! ```no_run
//! # use gateway::{audit::{self, Auditor, AuditOptions}, control_plane::ControlPlane, metrics::Metrics, settings::StateDir};
//! # use control_plane_api::audit::AuditEvent;
//! # async fn start(state: StateDir, metrics: Metrics, control_plane: ControlPlane, event: AuditEvent) -> anyhow::Result<()> {
//! let auditor = Auditor::open(&state.join("audit"), AuditOptions::default(), metrics)?;
//! tokio::spawn(audit::ship(auditor.clone(), control_plane));
//! auditor.append(event).await?;   // `seq` is filled in; an error means: refuse the call
//! auditor.close().await;          // at the end of the process
//! # Ok(())
//! # }
//! ```

mod disk;
mod record;
mod recovery;
mod segment;
mod ship;
mod spool;
mod writer;

pub use recovery::SpoolError;
pub use ship::ship;

use crate::metrics::Metrics;
use control_plane_api::{audit::AuditEvent, limits::Limits};
use disk::{Disk, LocalDisk};
use spool::Spool;
use std::{io, path::Path, sync::Arc};
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
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            queue_max: Limits::default().audit_queue_max,
            segment_bytes: 4 << 20,
            spool_bytes_max: 1 << 30,
            delivery: Delivery::ControlPlane,
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

/// What the writer is told.
enum Order {
    Append(Box<AuditEvent>, oneshot::Sender<Result<(), AuditError>>),
    Close(oneshot::Sender<()>),
}

/// The audit log of this gateway. Cheap to clone; every clone appends to the same log.
#[derive(Clone)]
pub struct Auditor {
    orders: mpsc::Sender<Order>,
    spool: Arc<Spool>,
    metrics: Metrics,
}

impl Auditor {
    /// Opens the log in `dir`: recovers what is there, records `unknown` for every exchange without an outcome, and
    /// starts the writer. Blocks; meant for the start of the process.
    ///
    /// # Errors
    /// [`SpoolError`]: without an audit log a gateway must not start.
    pub fn open(dir: &Path, options: AuditOptions, metrics: Metrics) -> Result<Self, SpoolError> {
        Self::open_on(Box::new(LocalDisk), dir, options, metrics)
    }

    fn open_on(disk: Box<dyn Disk>, dir: &Path, options: AuditOptions, metrics: Metrics) -> Result<Self, SpoolError> {
        let unusable = |error| SpoolError::Unusable { dir: dir.to_owned(), error };
        let recovered = recovery::recover(dir)?;
        let (orders, waiting) = mpsc::channel(usize::try_from(options.queue_max).unwrap_or(usize::MAX).max(1));
        let spool = Arc::new(Spool::new(dir, options.delivery, &recovered));
        let mut writer = Writer::new(disk, Arc::clone(&spool), options, recovered.last);
        let orphans = recovered.orphans();
        if !orphans.is_empty() {
            tracing::warn!(
                exchanges = orphans.len(),
                "the gateway stopped in the middle of exchanges: recording their outcome as unknown"
            );
            writer.append(orphans).map_err(|error| SpoolError::Unwritable { dir: dir.to_owned(), error })?;
        }
        let thread = std::thread::Builder::new().name("audit-writer".to_owned());
        thread.spawn(move || writer.run(waiting)).map_err(unusable)?;
        Ok(Self { orders, spool, metrics })
    }

    /// Makes `event` durable; its `seq` is given by the log. Dropping the future does not take the record back.
    ///
    /// # Errors
    /// [`AuditError`]: the record is not durable, so what it speaks of must not happen.
    pub async fn append(&self, event: AuditEvent) -> Result<(), AuditError> {
        let (done, durable) = oneshot::channel();
        let appended = match self.orders.send(Order::Append(Box::new(event), done)).await {
            Ok(()) => durable.await.unwrap_or(Err(AuditError::Closed)),
            Err(_) => Err(AuditError::Closed),
        };
        if appended.is_err() {
            self.metrics.audit_append_failed();
        }
        appended
    }

    /// Records that are durable here and not yet acknowledged by the control plane; 0 when none is to get them.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.spool.backlog()
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
mod tests;

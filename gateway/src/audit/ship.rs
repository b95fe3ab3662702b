//! Hands records to the control plane, in order, at least once; its receipt frees them here, if it is signed by it and for
//! the very records that were sent.

use super::{
    Auditor,
    spool::{Cursor, Position, Shipment, Spool},
};
use crate::control_plane::{Backoff, ControlPlane, ControlPlaneError};
use control_plane_api::audit::{
    AuditBatch,
    receipt::{Receipt, SignedError, SignedText},
};
use ed25519_dalek::VerifyingKey;
use std::{io, sync::Arc, time::Duration};

/// Most records in one batch.
const BATCH_RECORDS_MAX: usize = 500;
/// Size after which a batch takes no further record, in bytes.
const BATCH_BYTES_MAX: u64 = 1 << 20;
/// Records that come within this time go into one batch, in milliseconds.
const GATHER_MS: u64 = 20;

/// Why a batch is not acknowledged.
#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error("the spool cannot be read: {0}")]
    Spool(#[from] io::Error),
    #[error("the control plane's receipt is not good: {0}")]
    BadReceipt(#[from] SignedError),
    #[error("the control plane acknowledged nothing of it")]
    NothingTaken,
}

/// Ships what `auditor` recorded to `control_plane`, which signs with `verifying_key`, for as long as the process lives; ends
/// only when it is dropped.
pub async fn ship(auditor: Auditor, control_plane: ControlPlane, verifying_key: VerifyingKey) {
    let mut shipper = Shipper {
        position: auditor.spool.start(),
        spool: Arc::clone(&auditor.spool),
        key: auditor.key.to_string(),
        verifying_key,
        control_plane,
        batch: Vec::new(),
    };
    let mut backoff = Backoff::control_plane();
    let mut failing = false;
    // The auditor itself is let go: once nobody else appends, the writer may end.
    drop(auditor);
    loop {
        match shipper.step().await {
            Ok(()) => {
                backoff.reset();
                if std::mem::take(&mut failing) {
                    tracing::info!("audit records reach the control plane again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, backlog = shipper.spool.backlog(), "audit records are kept here until the control plane takes them");
                }
                backoff.wait().await;
            }
        }
    }
}

struct Shipper {
    spool: Arc<Spool>,
    control_plane: ControlPlane,
    /// Hex public half of the key that signs this log.
    key: String,
    verifying_key: VerifyingKey,
    position: Position,
    /// Read and not yet acknowledged.
    batch: Vec<Shipment>,
}

impl Shipper {
    /// Waits for records, sends one batch, and keeps what was not acknowledged for the next step.
    async fn step(&mut self) -> Result<(), ShipError> {
        let durable = self.spool.something_to_ship().await;
        if self.batch.is_empty() {
            gather().await;
            self.read(durable).await?;
        }
        let records = self.batch.iter().map(|shipment| shipment.text.clone()).collect();
        let receipt = self.control_plane.post_audit(&AuditBatch { key: self.key.clone(), records }).await?;
        let taken = self.taken(&receipt)?;
        let spool = Arc::clone(&self.spool);
        blocking(move || spool.acknowledge(taken)).await?;
        self.batch.retain(|shipment| shipment.cursor.head.seq > taken.head.seq);
        Ok(())
    }

    /// How far `receipt` goes: to one of the records that were sent, by its hash.
    fn taken(&self, receipt: &SignedText) -> Result<Cursor, ShipError> {
        let head = receipt.open::<Receipt>(&self.verifying_key)?.head;
        let cursors = self.batch.iter().map(|shipment| shipment.cursor);
        // The hash is of the whole chain, so it is this gateway's and of this very record.
        cursors.rev().find(|cursor| cursor.head == head).ok_or(ShipError::NothingTaken)
    }

    async fn read(&mut self, durable: u64) -> Result<(), ShipError> {
        let spool = Arc::clone(&self.spool);
        // Should reading fail half-way, it starts again behind what is acknowledged.
        let mut position = std::mem::replace(&mut self.position, self.spool.start());
        let read = move || {
            let shipments = spool.read(&mut position, durable, BATCH_RECORDS_MAX, BATCH_BYTES_MAX)?;
            Ok((shipments, position))
        };
        (self.batch, self.position) = blocking(read).await?;
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[expect(clippy::disallowed_methods, reason = "gathers what comes together: time itself is the condition")]
async fn gather() {
    tokio::time::sleep(Duration::from_millis(GATHER_MS)).await;
}

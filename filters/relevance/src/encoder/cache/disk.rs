//! Embeddings on disk: one file per model, read where it is asked, written by a thread of its own.
//!
//! Nobody waits for it: while the file is being written or made smaller, what is asked is not known, and what comes faster
//! than it can be written is not kept.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::records::Records;
use super::{Key, Vector};

/// Embeddings that wait to be written; more are not kept on disk.
const QUEUE_MAX: usize = 4_096;

/// The file and its writer. Dropping it writes what still waits.
pub(super) struct Disk {
    records: Arc<Mutex<Records>>,
    queue: Option<SyncSender<(Key, Vector)>>,
    writer: Option<JoinHandle<()>>,
}

impl Disk {
    /// Opens the file of model `id` in `folder`, which is made if need be, and removes those of other models.
    pub(super) fn open(folder: &Path, id: &[u8; 32], size: usize, bytes_max: u64) -> io::Result<Self> {
        let records = Arc::new(Mutex::new(Records::open(folder, id, size, bytes_max)?));
        let (queue, waiting) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("embeddings".to_owned());
        let written = Arc::clone(&records);
        let writer = thread.spawn(move || write(&waiting, &written))?;
        Ok(Self { records, queue: Some(queue), writer: Some(writer) })
    }

    pub(super) fn get(&self, key: &Key) -> Option<Vector> {
        match self.records.try_lock().ok()?.get(key) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "a remembered embedding cannot be read");
                None
            }
        }
    }

    /// Queues an embedding without waiting.
    pub(super) fn put(&self, key: Key, vector: Vector) {
        if let Some(queue) = &self.queue {
            // A full queue is not worth a word: the embedding will be computed again.
            let _ = queue.try_send((key, vector));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Writes until nobody is left to queue anything, or the disk fails.
fn write(waiting: &Receiver<(Key, Vector)>, records: &Mutex<Records>) {
    while let Ok((key, vector)) = waiting.recv() {
        let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = records.append(key, &vector) {
            tracing::warn!(%error, "embeddings are no longer written to disk");
            return;
        }
    }
}

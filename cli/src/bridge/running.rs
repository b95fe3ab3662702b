//! Which requests of the client are under way, and how they are told that nobody waits for them any more.

use protocol::Id;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// The requests under way.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<Id, Entry>>);

struct Entry {
    cancelled: CancellationToken,
    modern: bool,
}

/// One request under way; gone from the list with this value.
pub(super) struct Ticket {
    id: Id,
    cancelled: CancellationToken,
    list: Arc<Running>,
}

impl Running {
    /// Adds request `id`; none while another one has that id.
    pub(super) fn begin(self: &Arc<Self>, id: &Id, modern: bool) -> Option<Ticket> {
        let mut entries = self.lock();
        if entries.contains_key(id) {
            return None;
        }
        let cancelled = CancellationToken::new();
        entries.insert(id.clone(), Entry { cancelled: cancelled.clone(), modern });
        Some(Ticket { id: id.clone(), cancelled, list: Arc::clone(self) })
    }

    /// Whether request `id` is under way and carries its own metadata.
    pub(super) fn is_modern(&self, id: &Id) -> bool {
        self.lock().get(id).is_some_and(|entry| entry.modern)
    }

    /// Tells request `id`, if it is under way.
    pub(super) fn cancel(&self, id: &Id) {
        if let Some(entry) = self.lock().get(id) {
            entry.cancelled.cancel();
        }
    }

    /// Tells all of them.
    pub(super) fn cancel_all(&self) {
        self.lock().values().for_each(|entry| entry.cancelled.cancel());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Of which request.
    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    /// Waits until the request is cancelled.
    pub(super) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Whether it is.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.list.lock().remove(&self.id);
    }
}

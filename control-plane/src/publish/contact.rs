//! When the database was last looked at: a replica that cannot read it does not know whether what it told gateways is still
//! the newest, and must not say so by heartbeats. A gateway that hears nothing goes to another replica.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Time without a look at the database after which nothing is known.
const LOST_AFTER: Duration = Duration::from_secs(15);

/// See the module. Cheap to clone; every clone sees the same.
#[derive(Clone)]
pub(crate) struct Contact(Arc<Mutex<Instant>>);

impl Contact {
    /// It was looked at now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// It was looked at now.
    pub(super) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether nothing is known any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > LOST_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_cannot_look_says_nothing_until_it_can() {
        let contact = Contact::new();
        tokio::time::advance(LOST_AFTER).await;
        assert!(!contact.is_lost());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(contact.is_lost());
        contact.note();
        assert!(!contact.is_lost());
    }
}

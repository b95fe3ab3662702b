//! How much is under way at the same time: one place per exchange.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// All places.
#[derive(Default)]
pub(super) struct Places(Arc<AtomicU32>);

/// One place; dropping it makes room.
pub(super) struct Place(Arc<AtomicU32>);

impl Places {
    /// A place, if fewer than `places_max` are taken.
    pub(super) fn take(&self, places_max: u32) -> Option<Place> {
        let free = |taken: u32| (taken < places_max).then(|| taken + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok().map(|_| Place(self.0.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let places = Places::default();
        let first = places.take(2);
        let second = places.take(2);
        assert!(first.is_some() && second.is_some() && places.take(2).is_none());
        drop(first);
        assert!(places.take(2).is_some());
        assert!(places.take(1).is_none(), "the bound in force now counts");
    }
}

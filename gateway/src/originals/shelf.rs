//! Which results are kept, where, and which have to make room. Touches no disk: it says what is to be written and removed.

use super::Bounds;
use filters::originals::{Origin, Owner, Rest};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

/// Bytes that one index of a rest takes.
const INDEX_BYTES: u64 = 4;

/// Where the sealed bytes are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Memory(Arc<[u8]>),
    /// In the file of this number.
    Disk(u64),
}

/// A kept result.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) owner: Owner,
    pub(super) origin: Origin,
    pub(super) rest: Rest,
    pub(super) bytes: u64,
    pub(super) expires: Instant,
    pub(super) place: Place,
}

impl Entry {
    /// Bytes in memory: the rest is there wherever the result is.
    fn in_memory(&self) -> u64 {
        let sealed = if matches!(self.place, Place::Memory(_)) { self.bytes } else { 0 };
        sealed + self.rest.indices.len() as u64 * INDEX_BYTES
    }

    fn on_disk(&self) -> u64 {
        if matches!(self.place, Place::Disk(_)) { self.bytes } else { 0 }
    }
}

/// What is to be done for a new one.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// To be written to disk, oldest first; they stay in memory until that is done.
    pub(super) to_disk: Vec<(String, Arc<[u8]>)>,
    /// Files to be removed.
    pub(super) forgotten: Vec<u64>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    entries: HashMap<String, Entry>,
    /// Ids by age, oldest first; some may be gone already.
    by_age: VecDeque<String>,
}

impl Shelf {
    /// What `owner` may have under `id`.
    pub(super) fn get(&self, owner: &Owner, id: &str, now: Instant) -> Option<Entry> {
        self.entries.get(id).filter(|entry| entry.owner == *owner && now < entry.expires).cloned()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.entries.contains_key(id)
    }

    /// Puts `entry` there and says what has to make room for it; none where there cannot be room enough.
    pub(super) fn put(&mut self, id: &str, entry: Entry, bounds: &Bounds, now: Instant) -> Option<Room> {
        let mut room = Room { forgotten: self.expire(now), ..Room::default() };
        let held_max = bounds.memory_bytes_max.max(bounds.disk_bytes_max).min(bounds.principal_bytes_max);
        if entry.bytes > held_max {
            return None;
        }
        let principal = entry.owner.principal.clone();
        let own = |entry: &Entry| entry.owner.principal == principal;
        let bytes = |entry: &Entry| entry.bytes;
        let own_max = bounds.principal_bytes_max.saturating_sub(entry.bytes);
        room.forgotten.extend(self.shrink(own_max, own, bytes));
        room.forgotten.extend(self.shrink(bounds.results_max.saturating_sub(1) as u64, |_| true, |_| 1));
        self.entries.insert(id.to_owned(), entry);
        self.by_age.push_back(id.to_owned());
        let mut over = self.total(Entry::in_memory).saturating_sub(bounds.memory_bytes_max);
        for id in &self.by_age {
            let Some(Entry { place: Place::Memory(sealed), bytes, .. }) = self.entries.get(id) else { continue };
            if over == 0 {
                break;
            }
            over = over.saturating_sub(*bytes);
            room.to_disk.push((id.clone(), sealed.clone()));
        }
        Some(room)
    }

    /// Notes that `id` is in the file `number`, or nowhere. Files to be removed.
    pub(super) fn moved(&mut self, id: &str, number: Option<u64>, bounds: &Bounds) -> Vec<u64> {
        match (self.entries.get_mut(id), number) {
            (Some(entry), Some(number)) if matches!(entry.place, Place::Memory(_)) => entry.place = Place::Disk(number),
            // It was forgotten meanwhile, or written by another call too.
            (_, Some(number)) => return vec![number],
            (_, None) => {
                self.entries.remove(id);
            }
        }
        self.shrink(bounds.disk_bytes_max, |_| true, Entry::on_disk)
    }

    /// Takes `indices` out of the rest of `id`.
    pub(super) fn shown(&mut self, owner: &Owner, id: &str, indices: &BTreeSet<usize>) {
        if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.owner == *owner) {
            let is_shown = |index: &u32| usize::try_from(*index).is_ok_and(|index| indices.contains(&index));
            entry.rest.indices.retain(|index| !is_shown(index));
        }
    }

    /// Forgets what is too old. Files to be removed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<u64> {
        let old: Vec<String> =
            self.entries.iter().filter(|(_, entry)| entry.expires <= now).map(|(id, _)| id.clone()).collect();
        let files = old.iter().filter_map(|id| self.forget(id)).collect();
        self.by_age.retain(|id| self.entries.contains_key(id));
        files
    }

    /// Forgets the oldest of those that are `meant`, until their `sizes` together are at most `max`. Files to be removed.
    fn shrink(&mut self, max: u64, meant: impl Fn(&Entry) -> bool, size: impl Fn(&Entry) -> u64) -> Vec<u64> {
        let total: u64 = self.entries.values().filter(|entry| meant(entry)).map(&size).sum();
        let mut over = total.saturating_sub(max);
        let mut forgotten = Vec::new();
        for id in &self.by_age {
            if over == 0 {
                break;
            }
            let Some(entry) = self.entries.get(id).filter(|entry| meant(entry) && size(entry) > 0) else { continue };
            over = over.saturating_sub(size(entry));
            forgotten.push(id.clone());
        }
        forgotten.iter().filter_map(|id| self.forget(id)).collect()
    }

    /// Forgets `id`; its file, if it has one.
    fn forget(&mut self, id: &str) -> Option<u64> {
        match self.entries.remove(id)?.place {
            Place::Disk(number) => Some(number),
            Place::Memory(_) => None,
        }
    }

    fn total(&self, size: impl Fn(&Entry) -> u64) -> u64 {
        self.entries.values().map(size).sum()
    }
}

//! Embeddings by content: in memory up to a bound in bytes, and behind it, if there is a folder for it, on disk.
//!
//! In both, what was not used for longest goes first. Only digests and vectors are kept, never a text; vectors have half
//! precision, which moves a cosine by less than a thousandth. It does not know what an encoder is.

mod disk;
mod records;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use half::f16;

use disk::Disk;

/// Bytes of the embeddings kept in memory, with what keeping them costs: about 16,000 of 384 dimensions.
const MEMORY_BYTES_MAX: usize = 16 << 20;
/// Bytes of the embeddings kept on disk: about 80,000 of 384 dimensions.
const DISK_BYTES_MAX: u64 = 64 << 20;
/// What an entry in memory costs besides its vector: its key twice, and its places in both maps.
const ENTRY_BYTES: usize = 256;

/// SHA-256 of a text.
pub(super) type Key = [u8; 32];
/// An embedding as it is kept.
pub(super) type Vector = Arc<[f16]>;

/// The cache.
pub(super) struct Cache {
    memory: Mutex<Memory>,
    disk: Option<Disk>,
}

impl Cache {
    /// A cache in memory alone.
    pub(super) fn new() -> Self {
        Self { memory: Mutex::new(Memory::new(MEMORY_BYTES_MAX)), disk: None }
    }

    /// Keeps embeddings of `size` floats of the model `id` in `folder` too. Without the disk it goes on in memory.
    pub(super) fn open_disk(&mut self, folder: &Path, id: &[u8; 32], size: usize) {
        match Disk::open(folder, id, size, DISK_BYTES_MAX) {
            Ok(disk) => self.disk = Some(disk),
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "embeddings are remembered in memory only");
            }
        }
    }

    /// The known ones of `keys`, in their order.
    pub(super) fn get(&self, keys: &[Key]) -> Vec<Option<Vector>> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let known = memory.get(key).or_else(|| {
                let vector = self.disk.as_ref()?.get(key)?;
                memory.insert(*key, Arc::clone(&vector));
                Some(vector)
            });
            found.push(known);
        }
        found
    }

    /// Forgets what is in memory.
    pub(super) fn forget(&self) {
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Memory::new(MEMORY_BYTES_MAX);
    }

    /// Remembers embeddings; on disk in the background.
    pub(super) fn insert(&self, fresh: impl Iterator<Item = (Key, Vector)>) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, vector) in fresh {
            if let Some(disk) = &self.disk {
                disk.put(key, Arc::clone(&vector));
            }
            memory.insert(key, vector);
        }
    }
}

/// The part in memory.
struct Memory {
    bytes_max: usize,
    bytes: usize,
    /// Counts uses.
    clock: u64,
    entries: HashMap<Key, Entry>,
    by_use: BTreeMap<u64, Key>,
}

struct Entry {
    vector: Vector,
    used: u64,
}

impl Memory {
    fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, clock: 0, entries: HashMap::new(), by_use: BTreeMap::new() }
    }

    fn get(&mut self, key: &Key) -> Option<Vector> {
        let entry = self.entries.get_mut(key)?;
        self.by_use.remove(&entry.used);
        self.clock += 1;
        entry.used = self.clock;
        self.by_use.insert(self.clock, *key);
        Some(Arc::clone(&entry.vector))
    }

    fn insert(&mut self, key: Key, vector: Vector) {
        if self.get(&key).is_some() {
            return;
        }
        self.clock += 1;
        self.bytes += cost(&vector);
        self.entries.insert(key, Entry { vector, used: self.clock });
        self.by_use.insert(self.clock, key);
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            if let Some(entry) = self.entries.remove(&oldest) {
                self.bytes -= cost(&entry.vector);
            }
        }
    }
}

fn cost(vector: &Vector) -> usize {
    size_of_val::<[f16]>(vector) + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(n: u8) -> Vector {
        Vector::from([f16::from(n); 4])
    }

    #[test]
    fn the_least_recently_used_goes_first_and_the_bound_holds() {
        let mut memory = Memory::new(2 * cost(&vector(0)));
        for n in [1, 2] {
            memory.insert([n; 32], vector(n));
        }
        assert_eq!(memory.get(&[1; 32]), Some(vector(1)));
        memory.insert([3; 32], vector(3));
        let known: Vec<bool> = [1, 2, 3].iter().map(|&n| memory.get(&[n; 32]).is_some()).collect();
        assert_eq!(known, [true, false, true]);
        assert_eq!((memory.bytes, memory.entries.len(), memory.by_use.len()), (memory.bytes_max, 2, 2));
    }

    #[test]
    fn what_is_only_on_disk_is_found_and_comes_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let opened = || {
            let mut cache = Cache::new();
            cache.open_disk(folder.path(), &[9; 32], 4);
            cache
        };
        opened().insert([([1; 32], vector(1))].into_iter());
        let cache = opened();
        assert_eq!(cache.get(&[[1; 32], [2; 32]]), [Some(vector(1)), None]);
        assert_eq!(cache.memory.lock().unwrap().get(&[1; 32]), Some(vector(1)));
    }

    #[test]
    fn without_a_usable_folder_it_remembers_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mut cache = Cache::new();
        cache.open_disk(&file, &[9; 32], 4);
        cache.insert([([1; 32], vector(1))].into_iter());
        assert_eq!(cache.get(&[[1; 32]]), [Some(vector(1))]);
    }
}

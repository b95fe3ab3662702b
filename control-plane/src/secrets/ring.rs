//! The key-encryption keys in use: the current one, under which everything is written, and older ones, under which some may
//! still be.

use super::key::{Key, KeyId};

/// See the module. No Debug.
pub(crate) struct Ring {
    current: Key,
    older: Vec<Key>,
}

impl Ring {
    /// Of `keys`, the current one first; none without any.
    pub(crate) fn new(mut keys: Vec<Key>) -> Option<Self> {
        if keys.is_empty() {
            return None;
        }
        let current = keys.remove(0);
        let mut older: Vec<Key> = Vec::new();
        for key in keys {
            if key.id != current.id && older.iter().all(|known| known.id != key.id) {
                older.push(key);
            }
        }
        Some(Self { current, older })
    }

    /// The key under which everything is written.
    pub(crate) fn current(&self) -> &Key {
        &self.current
    }

    /// All of them, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// The key called `id`.
    pub(crate) fn get(&self, id: KeyId) -> Option<&Key> {
        self.all().find(|key| key.id == id)
    }
}

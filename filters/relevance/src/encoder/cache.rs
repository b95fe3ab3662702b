//! Embeddings by content, bounded in entries; the oldest goes first.

use std::collections::{HashMap, VecDeque};

use super::Embedding;

/// SHA-256 of the model's identity and the text.
pub(super) type Key = [u8; 32];

/// The cache. Not synchronised: its owner locks.
pub(super) struct Cache {
    entries_max: usize,
    embeddings: HashMap<Key, Embedding>,
    by_age: VecDeque<Key>,
}

impl Cache {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { entries_max, embeddings: HashMap::new(), by_age: VecDeque::new() }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Embedding> {
        self.embeddings.get(key).cloned()
    }

    pub(super) fn insert(&mut self, key: Key, embedding: Embedding) {
        if self.embeddings.insert(key, embedding).is_some() {
            return;
        }
        self.by_age.push_back(key);
        while self.by_age.len() > self.entries_max {
            if let Some(oldest) = self.by_age.pop_front() {
                self.embeddings.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_the_bound_holds() {
        let mut cache = Cache::new(2);
        for n in [1, 2, 1, 3] {
            cache.insert([n; 32], Embedding::from([f32::from(n)]));
        }
        let known: Vec<bool> = [1, 2, 3].iter().map(|&n| cache.get(&[n; 32]).is_some()).collect();
        assert_eq!(known, [false, true, true]);
    }
}

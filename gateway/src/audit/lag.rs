//! How long the control plane has been owed what it has not acknowledged.
//!
//! When each record became durable is remembered to the second, and more coarsely the longer something is owed: days take no
//! more memory than minutes.

use control_plane_api::timestamp::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// Records that come within this time, in milliseconds, share a mark; the time doubles whenever there are too many marks.
const GRAIN_MS: i64 = 1_000;
/// Marks that are kept.
const MARKS_MAX: usize = 1_024;

/// See the module. Empty: nothing is owed.
#[derive(Debug)]
pub(super) struct Lag {
    /// The first record that became durable at a time or after it, and that time; in order.
    marks: VecDeque<(u64, Timestamp)>,
    /// The last record of all.
    last: u64,
    grain_ms: i64,
}

impl Default for Lag {
    fn default() -> Self {
        Self { marks: VecDeque::new(), last: 0, grain_ms: GRAIN_MS }
    }
}

impl Lag {
    /// What a new process finds: the record `first` is the first one owed, `last` the last one, made at `at`.
    pub(super) fn recovered(first: u64, last: u64, at: Timestamp) -> Self {
        Self { marks: VecDeque::from([(first, at)]), last, ..Self::default() }
    }

    /// The records `first` to `last` became durable at `now`.
    pub(super) fn durable(&mut self, first: u64, last: u64, now: Timestamp) {
        self.last = last;
        if self.marks.back().is_some_and(|(_, at)| now.as_millis() - at.as_millis() < self.grain_ms) {
            return;
        }
        if self.marks.len() >= MARKS_MAX {
            // Records of a mark that goes count as those before it: as older than they are, never as younger.
            self.grain_ms *= 2;
            let mut place = 0;
            self.marks.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
        self.marks.push_back((first, now));
    }

    /// Everything up to `seq` is acknowledged.
    pub(super) fn acknowledged(&mut self, seq: u64) {
        if seq >= self.last {
            self.marks.clear();
            self.grain_ms = GRAIN_MS;
        }
        while self.marks.get(1).is_some_and(|(first, _)| *first <= seq + 1) {
            self.marks.pop_front();
        }
    }

    /// How old at `now` the oldest record is that is owed; nothing where none is.
    pub(super) fn at(&self, now: Timestamp) -> Duration {
        let age = self.marks.front().map_or(0, |(_, at)| now.as_millis() - at.as_millis());
        Duration::from_millis(u64::try_from(age).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_oldest_record_that_is_owed_counts() {
        let mut lag = Lag::default();
        assert_eq!(lag.at(at(100)), Duration::ZERO);
        lag.durable(1, 2, at(10));
        lag.durable(3, 3, at(20));
        lag.durable(4, 9, at(30));
        assert_eq!(lag.at(at(100)).as_secs(), 90);
        lag.acknowledged(1);
        assert_eq!(lag.at(at(100)).as_secs(), 90);
        lag.acknowledged(2);
        assert_eq!(lag.at(at(100)).as_secs(), 80);
        lag.acknowledged(6);
        assert_eq!(lag.at(at(100)).as_secs(), 70);
        lag.acknowledged(9);
        assert_eq!(lag.at(at(100)), Duration::ZERO);
        lag.durable(10, 10, at(100));
        assert_eq!(lag.at(at(101)).as_secs(), 1);
    }

    #[test]
    fn what_is_owed_for_long_takes_no_more_memory_and_never_looks_younger() {
        let mut lag = Lag::recovered(1, 1, at(0));
        for second in 1..100_000 {
            let seq = u64::try_from(second).unwrap() + 1;
            lag.durable(seq, seq, at(second));
            assert!(lag.marks.len() <= MARKS_MAX);
        }
        assert_eq!(lag.at(at(100_000)).as_secs(), 100_000);
        lag.acknowledged(50_000);
        let owed = lag.at(at(100_000)).as_secs();
        assert!((50_000..55_000).contains(&owed), "{owed}");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_older() {
        let mut lag = Lag::default();
        lag.durable(1, 1, at(100));
        lag.durable(2, 2, at(50));
        assert_eq!(lag.at(at(60)), Duration::ZERO);
    }
}

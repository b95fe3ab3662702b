//! The counts: a token bucket and a number of running exchanges for each user, and for each user of a limited profile.

use crate::Principal;
use control_plane_api::name::Name;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Counts kept; beyond it those that say nothing any more are let go of.
const TALLIES_MAX: usize = 16_384;
/// Time after which it is worth trying again when somebody does too much at once.
const AT_ONCE_WAIT: Duration = Duration::from_secs(1);
const MINUTE: f64 = 60.0;

/// Whose use is counted, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) user: Name,
    /// None: of everything.
    pub(super) profile: Option<Name>,
    pub(super) used: Use,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Use {
    /// An exchange that is expected to end by itself.
    Call,
    /// One that lasts.
    Stream,
}

/// How much may be used; none: any amount.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) at_once: Option<u32>,
    pub(super) per_minute: Option<u32>,
}

/// Everything that is counted, for the life of the gateway.
pub struct Rates {
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    tallies: Mutex<HashMap<Key, Tally>>,
}

struct Tally {
    at_once: u32,
    /// Calls saved up at `since`; none before the first.
    saved: Option<f64>,
    since: Instant,
    /// Refusals since they were last told.
    refused: u64,
    /// Whose they are.
    principal: Principal,
}

/// Counts an exchange until it is dropped.
pub struct Hold {
    rates: Arc<Rates>,
    key: Key,
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hold").field(&self.key).finish()
    }
}

/// Why an exchange is too much.
#[derive(Debug, Clone, PartialEq)]
pub struct Excess {
    profile: Option<Name>,
    bound: Bound,
    /// Time after which it is worth trying again.
    pub wait: Duration,
    /// Whether it is the first one since refusals were last told.
    pub is_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    CallsAtOnce(u32),
    StreamsAtOnce(u32),
    PerMinute(u32),
}

impl Excess {
    /// One word, for counting.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match (&self.profile, self.bound) {
            (Some(_), _) => "profile",
            (None, Bound::CallsAtOnce(_)) => "calls_at_once",
            (None, Bound::StreamsAtOnce(_)) => "streams",
            (None, Bound::PerMinute(_)) => "calls_per_minute",
        }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.profile {
            Some(profile) => write!(f, "profile `{profile}` permits ")?,
            None => f.write_str("too much: one user may have ")?,
        }
        match self.bound {
            Bound::CallsAtOnce(max) => write!(f, "{max} calls at once"),
            Bound::StreamsAtOnce(max) => write!(f, "{max} streams at once"),
            Bound::PerMinute(max) => write!(f, "{max} calls in a minute"),
        }
    }
}

/// Refusals that were not written down one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Whose.
    pub principal: Principal,
    /// How many.
    pub times: u64,
}

impl Rates {
    /// Nothing counted yet; `clock` tells the time.
    pub fn new(clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), tallies: Mutex::default() }
    }

    /// One more of `key`, which is `principal`'s, within `bounds`.
    pub(super) fn begin(self: &Arc<Self>, principal: &Principal, key: Key, bounds: Bounds) -> Result<Hold, Excess> {
        let now = (self.clock)();
        let mut tallies = self.lock();
        if tallies.len() >= TALLIES_MAX && !tallies.contains_key(&key) {
            tallies.retain(|_, tally| tally.says_something(now));
        }
        let fresh = || Tally { at_once: 0, saved: None, since: now, refused: 0, principal: principal.clone() };
        let tally = tallies.entry(key.clone()).or_insert_with(fresh);
        if let Err((bound, wait)) = tally.begin(&key, bounds, now) {
            tally.refused = tally.refused.saturating_add(1);
            return Err(Excess { profile: key.profile, bound, wait, is_first: tally.refused == 1 });
        }
        drop(tallies);
        Ok(Hold { rates: Arc::clone(self), key })
    }

    /// The refusals since this was last called that were not the first of theirs.
    pub fn take_refused(&self) -> Vec<Refused> {
        let mut tallies = self.lock();
        let told = tallies.values_mut().filter_map(|tally| {
            let times = std::mem::take(&mut tally.refused).saturating_sub(1);
            (times > 0).then(|| Refused { principal: tally.principal.clone(), times })
        });
        told.collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn begin(&mut self, key: &Key, bounds: Bounds, now: Instant) -> Result<(), (Bound, Duration)> {
        if let Some(max) = bounds.at_once.filter(|max| self.at_once >= *max) {
            let bound = if key.used == Use::Stream { Bound::StreamsAtOnce(max) } else { Bound::CallsAtOnce(max) };
            return Err((bound, AT_ONCE_WAIT));
        }
        if let Some(max) = bounds.per_minute {
            let (most, elapsed) = (f64::from(max), now.saturating_duration_since(self.since).as_secs_f64());
            let saved = self.saved.map_or(most, |saved| (saved + elapsed * most / MINUTE).min(most));
            (self.saved, self.since) = (Some(saved), now);
            if saved < 1.0 {
                let wait = Duration::try_from_secs_f64((1.0 - saved) * MINUTE / most).unwrap_or(Duration::MAX);
                return Err((Bound::PerMinute(max), wait));
            }
            self.saved = Some(saved - 1.0);
        }
        self.at_once += 1;
        Ok(())
    }

    /// Whether forgetting it would let anybody do more: not after a minute without a call.
    fn says_something(&self, now: Instant) -> bool {
        self.at_once > 0 || self.refused > 0 || now.saturating_duration_since(self.since).as_secs_f64() < MINUTE
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(tally) = self.rates.lock().get_mut(&self.key) {
            tally.at_once = tally.at_once.saturating_sub(1);
        }
    }
}

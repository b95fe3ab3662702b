//! How often a password may be tried: back-off by account and address, by address alone, and by account alone.
//!
//! The first two double up to a quarter of an hour. The third slows down guesses that come from many addresses, never for
//! longer than a minute, and not at all where the account was logged in to before: whoever attacks an account from elsewhere
//! does not lock its user out. An attempt counts as failed from its beginning, so that many at once gain nothing.
//! Time comes from outside; what is counted is forgotten with the process.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Wrong passwords for one account from one address before it has to wait.
pub(crate) const PAIR_FREE: u32 = 5;
/// Wrong passwords from one address, whatever the accounts, before it has to wait.
pub(crate) const ADDRESS_FREE: u32 = 50;
/// Wrong passwords for one account, whatever the addresses, before addresses that are new to it have to wait.
pub(crate) const ACCOUNT_FREE: u32 = 20;
/// First wait, in milliseconds; doubles with every further wrong password.
const WAIT_MS: i64 = 5_000;
/// Longest wait, in milliseconds.
pub(crate) const WAIT_MS_MAX: i64 = 900_000;
/// Longest wait for an account whatever the address, in milliseconds.
pub(crate) const ACCOUNT_WAIT_MS_MAX: i64 = 60_000;
/// Time after which wrong passwords are forgotten, in milliseconds.
const MEMORY_MS: i64 = 3_600_000;
/// Time an address stays known to an account after a login, in milliseconds: 30 days.
const KNOWN_MS: i64 = 2_592_000_000;
/// Accounts and addresses remembered; beyond it the oldest are forgotten.
const REMEMBERED_MAX: usize = 65_536;

/// Remembers attempts.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    strikes: HashMap<Key, Strikes>,
    /// When an account was last logged in to from an address.
    known: HashMap<(String, IpAddr), i64>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, IpAddr),
    Address(IpAddr),
    Account(String),
}

#[derive(Clone, Copy, Default)]
struct Strikes {
    failures: u32,
    last: i64,
    until: i64,
}

/// Somebody who tries.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// Whose password, as it was typed.
    pub(crate) account: &'a str,
    pub(crate) address: IpAddr,
    /// Milliseconds since the epoch.
    pub(crate) now: i64,
}

impl Throttle {
    /// Lets an attempt through, counted as failed until [`Self::succeeded`] says otherwise.
    ///
    /// # Errors
    /// How long to wait before the next one.
    pub(crate) fn begin(&self, attempt: Attempt<'_>) -> Result<(), Duration> {
        let mut memory = self.memory();
        let keys = keys(attempt);
        let known = memory.knows(attempt);
        let binding = |key: &&Key| !(known && matches!(key, Key::Account(_)));
        let until = keys.iter().filter(binding).filter_map(|key| memory.strikes.get(key)).map(|s| s.until).max();
        if let Some(until) = until.filter(|until| *until > attempt.now) {
            return Err(Duration::from_millis(u64::try_from(until - attempt.now).unwrap_or_default()));
        }
        memory.make_room(attempt.now);
        for key in keys {
            let (free, longest) = key.bounds();
            memory.strikes.entry(key).or_default().add(attempt.now, free, longest);
        }
        Ok(())
    }

    /// The password was right: what was held against account and address together is forgotten, and the address is known.
    pub(crate) fn succeeded(&self, attempt: Attempt<'_>) {
        let mut memory = self.memory();
        let [pair, address, account] = keys(attempt);
        memory.strikes.remove(&pair);
        // Not forgotten, or an attacker's own account would buy attempts at those of others: only this one is taken back.
        for key in [address, account] {
            if let Some(strikes) = memory.strikes.get_mut(&key) {
                strikes.failures = strikes.failures.saturating_sub(1);
                strikes.until = strikes.until.min(attempt.now);
            }
        }
        memory.known.insert((attempt.account.to_owned(), network(attempt.address)), attempt.now);
    }

    /// A panic while holding the lock leaves nothing half-done: what it guards is changed in single steps.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn knows(&self, attempt: Attempt<'_>) -> bool {
        let last = self.known.get(&(attempt.account.to_owned(), network(attempt.address)));
        last.is_some_and(|last| attempt.now - last < KNOWN_MS)
    }

    fn make_room(&mut self, now: i64) {
        if self.strikes.len() + 3 > REMEMBERED_MAX {
            self.strikes.retain(|_, strikes| strikes.until > now || now - strikes.last < MEMORY_MS);
        }
        if self.strikes.len() + 3 > REMEMBERED_MAX {
            let mut ages: Vec<i64> = self.strikes.values().map(|strikes| strikes.last).collect();
            // The older half: the price is paid once for many attempts.
            let middle = ages.len() / 2;
            let (_, median, _) = ages.select_nth_unstable(middle);
            let median = *median;
            self.strikes.retain(|_, strikes| strikes.last > median);
        }
        if self.known.len() >= REMEMBERED_MAX {
            self.known.retain(|_, last| now - *last < KNOWN_MS / 30);
        }
    }
}

impl Key {
    /// Failures without a wait, and the longest wait.
    fn bounds(&self) -> (u32, i64) {
        match self {
            Self::Pair(..) => (PAIR_FREE, WAIT_MS_MAX),
            Self::Address(_) => (ADDRESS_FREE, WAIT_MS_MAX),
            Self::Account(_) => (ACCOUNT_FREE, ACCOUNT_WAIT_MS_MAX),
        }
    }
}

impl Strikes {
    fn add(&mut self, now: i64, free: u32, longest: i64) {
        if now - self.last >= MEMORY_MS {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        if let Some(beyond) = self.failures.checked_sub(free) {
            let wait = WAIT_MS.checked_shl(beyond.min(20)).unwrap_or(longest).min(longest);
            self.until = now + wait;
        }
    }
}

fn keys(attempt: Attempt<'_>) -> [Key; 3] {
    let (account, address) = (attempt.account.to_owned(), network(attempt.address));
    [Key::Pair(account.clone(), address), Key::Address(address), Key::Account(account)]
}

/// An IPv6 network of 64 bits is one household's: it counts as one address. IPv4 inside IPv6 is IPv4.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests;

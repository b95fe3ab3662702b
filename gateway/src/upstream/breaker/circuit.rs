//! The decision of a breaker: whether a request may go to its server now. No clock of its own.

use control_plane_api::limits::Limits;
use parking_lot::Mutex;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// One server's breaker.
pub(super) struct Circuit {
    at_once_max: u32,
    failures_max: u32,
    rest: Duration,
    silence_max: Duration,
    state: Mutex<State>,
}

struct State {
    at_once: u32,
    /// Failures in a row.
    failures: u32,
    reason: String,
    /// Set while the server is left alone.
    resting_until: Option<Instant>,
    /// A request is out to see whether the server is back.
    trying: bool,
    /// When it last answered, or had nothing to answer.
    heard: Instant,
}

/// Stands for one request at the server, until it is dropped.
pub(super) struct Ticket {
    circuit: Arc<Circuit>,
    /// It is the one that sees whether the server is back.
    tries: bool,
}

/// Why a request does not go to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It keeps failing.
    Resting { reason: String, next: Duration },
    /// It has enough to do.
    Busy { at_once_max: u32 },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resting { reason, next } => {
                write!(f, "it is failing ({reason}); it is tried again in {:.1} s", next.as_secs_f64())
            }
            Self::Busy { at_once_max } => {
                write!(f, "{at_once_max} requests wait for it already (`upstream_calls_at_once_max`); try again later")
            }
        }
    }
}

impl Circuit {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let state = State {
            at_once: 0,
            failures: 0,
            reason: String::new(),
            resting_until: None,
            trying: false,
            heard: Instant::now(),
        };
        Arc::new(Self {
            at_once_max: limits.upstream_calls_at_once_max.max(1),
            failures_max: limits.upstream_failures_max.max(1),
            rest: Duration::from_millis(limits.upstream_rest_ms),
            silence_max: Duration::from_millis(limits.upstream_silence_timeout_ms),
            state: Mutex::new(state),
        })
    }

    /// A place at the server for one request. Whoever finds its rest over tries it for everybody.
    pub(super) fn admit(self: &Arc<Self>, now: Instant) -> Result<Ticket, Refusal> {
        let mut state = self.state.lock();
        if let Some(until) = state.resting_until {
            if now < until || state.trying {
                return Err(resting(&state, until, now));
            }
            state.trying = true;
            state.at_once += 1;
            drop(state);
            return Ok(Ticket { circuit: Arc::clone(self), tries: true });
        }
        if state.at_once == 0 {
            state.heard = now;
        }
        if state.at_once >= self.at_once_max {
            // All its places are taken, and it says nothing to anybody: it hangs.
            if now.saturating_duration_since(state.heard) >= self.silence_max {
                let silence = self.silence_max.as_millis();
                state.reason = format!("it answered none of {} requests for {silence} ms", self.at_once_max);
                let until = now + self.rest;
                state.resting_until = Some(until);
                return Err(resting(&state, until, now));
            }
            return Err(Refusal::Busy { at_once_max: self.at_once_max });
        }
        state.at_once += 1;
        drop(state);
        Ok(Ticket { circuit: Arc::clone(self), tries: false })
    }

    /// Why no request would go to the server now; none while it is not left alone.
    pub(super) fn refusal(&self, now: Instant) -> Option<Refusal> {
        let state = self.state.lock();
        state.resting_until.map(|until| resting(&state, until, now))
    }
}

fn resting(state: &State, until: Instant, now: Instant) -> Refusal {
    Refusal::Resting { reason: state.reason.clone(), next: until.saturating_duration_since(now) }
}

impl Ticket {
    /// The server said something.
    pub(super) fn answered(&self, now: Instant) {
        let mut state = self.circuit.state.lock();
        state.heard = now;
        // What was asked before it began to fail says nothing about now.
        if self.tries || state.resting_until.is_none() {
            state.failures = 0;
            state.resting_until = None;
            state.trying = false;
        }
    }

    /// The server failed for that `reason`.
    pub(super) fn failed(&self, reason: &str, now: Instant) {
        let mut state = self.circuit.state.lock();
        state.failures = state.failures.saturating_add(1);
        reason.clone_into(&mut state.reason);
        if self.tries || (state.resting_until.is_none() && state.failures >= self.circuit.failures_max) {
            state.resting_until = Some(now + self.circuit.rest);
        }
        if self.tries {
            state.trying = false;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.circuit.state.lock();
        state.at_once = state.at_once.saturating_sub(1);
        // Its client went away before anything was known: somebody else tries.
        if self.tries && state.resting_until.is_some() {
            state.trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circuit() -> (Arc<Circuit>, Instant) {
        let limits = Limits {
            upstream_failures_max: 3,
            upstream_rest_ms: 5_000,
            upstream_calls_at_once_max: 2,
            upstream_silence_timeout_ms: 4_000,
            ..Limits::default()
        };
        (Circuit::new(&limits), Instant::now())
    }

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    /// What `admit` says at `ms`: nothing if it admits.
    fn check(circuit: &Arc<Circuit>, now: Instant) -> String {
        circuit.admit(now).err().map(|refusal| refusal.to_string()).unwrap_or_default()
    }

    #[test]
    fn u06_failures_in_a_row_open_it_and_one_request_closes_it_again() {
        let (circuit, start) = circuit();
        for _ in 0..3 {
            circuit.admit(start).ok().unwrap().failed("no connection", start);
        }
        assert_eq!(check(&circuit, at(start, 1_000)), "it is failing (no connection); it is tried again in 4.0 s");
        let trying = circuit.admit(at(start, 5_000)).ok().unwrap();
        assert!(check(&circuit, at(start, 5_001)).contains("is failing"), "one request tries, the others wait");
        trying.failed("no connection", at(start, 6_000));
        drop(trying);
        assert!(check(&circuit, at(start, 10_999)).contains("is failing"));
        circuit.admit(at(start, 11_000)).ok().unwrap().answered(at(start, 11_001));
        assert_eq!(check(&circuit, at(start, 11_002)), "");
        assert_eq!(circuit.refusal(at(start, 11_002)), None);
    }

    #[test]
    fn failures_that_do_not_run_on_open_nothing() {
        let (circuit, start) = circuit();
        for _ in 0..10 {
            let admitted = || circuit.admit(start).ok().unwrap();
            admitted().failed("late", start);
            admitted().failed("late", start);
            admitted().answered(start);
        }
        assert_eq!(check(&circuit, start), "");
    }

    #[test]
    fn who_goes_away_while_trying_leaves_the_try_to_another() {
        let (circuit, start) = circuit();
        for _ in 0..3 {
            circuit.admit(start).ok().unwrap().failed("late", start);
        }
        drop(circuit.admit(at(start, 5_000)));
        assert_eq!(check(&circuit, at(start, 5_001)), "");
    }

    #[test]
    fn u06_one_that_answers_nobody_is_found_out_before_its_calls_time_out() {
        let (circuit, start) = circuit();
        let held = [circuit.admit(start), circuit.admit(start)];
        assert!(check(&circuit, at(start, 3_999)).contains("2 requests wait for it already"));
        assert!(check(&circuit, at(start, 4_000)).contains("answered none of 2 requests for 4000 ms"));
        drop(held);
    }

    #[test]
    fn one_that_is_busy_and_answers_is_not_failing() {
        let (circuit, start) = circuit();
        let held = [circuit.admit(start).ok().unwrap(), circuit.admit(start).ok().unwrap()];
        held[0].answered(at(start, 3_000));
        assert!(check(&circuit, at(start, 5_000)).contains("wait for it already"));
    }
}

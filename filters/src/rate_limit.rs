//! Rate limit: how much one user may use at once and in a minute, of the whole gateway and of one profile.
//!
//! Two filters over the same counts. [`RateLimit`] stands behind authentication, so that a flood costs little more than
//! that; [`ProfileLimit`] behind permissions, which find the profile. What is counted outlives configurations; the bounds
//! are those of the configuration in force.
//!
//! A refusal is not written down each time: the first one is, and how many followed it is told later on
//! ([`Rates::take_refused`]). Otherwise who is refused could fill the disk.

mod rates;

pub use rates::{Excess, Hold, Rates, Refused};

use crate::{Cause, Exchange, Filter, LocalReply, exchange::Limited};
use control_plane_api::{limits::Limits, name::Name, profile::ProfileLimits, snapshot::Snapshot};
use http::{HeaderValue, StatusCode, header};
use protocol::{RpcError, code, method};
use rates::{Bounds, Key, Use};
use serde_json::json;
use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

/// Bounds what one user does through this gateway.
pub struct RateLimit {
    rates: Arc<Rates>,
    calls: Bounds,
    streams: Bounds,
}

impl RateLimit {
    /// Within `limits`, counting in `rates`.
    #[must_use]
    pub fn new(rates: Arc<Rates>, limits: &Limits) -> Self {
        let per_minute = Some(limits.principal_calls_per_minute_max);
        let calls = Bounds { at_once: Some(limits.principal_calls_at_once_max), per_minute };
        let streams = Bounds { at_once: Some(limits.principal_streams_max), per_minute };
        Self { rates, calls, streams }
    }
}

impl Filter for RateLimit {
    fn name(&self) -> &'static str {
        "rate_limit"
    }

    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let Some(user) = exchange.principal.name().cloned() else {
            return ControlFlow::Continue(());
        };
        let (used, bounds) = match exchange.request.method.as_str() {
            method::LISTEN => (Use::Stream, self.streams),
            _ => (Use::Call, self.calls),
        };
        take(&self.rates, exchange, Key { user, profile: None, used }, bounds)
    }
}

/// Bounds what one user does with one profile.
pub struct ProfileLimit {
    rates: Arc<Rates>,
    profiles: HashMap<Name, ProfileLimits>,
}

impl ProfileLimit {
    /// With the limits of the profiles in `snapshot`, counting in `rates`.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, rates: Arc<Rates>) -> Self {
        let limited = snapshot.profiles().filter(|(_, spec)| !spec.limits.is_default());
        Self { rates, profiles: limited.map(|(name, spec)| (name.clone(), spec.limits)).collect() }
    }
}

impl Filter for ProfileLimit {
    fn name(&self) -> &'static str {
        "profile_limit"
    }

    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let limited = exchange.allowed_by.as_ref().and_then(|profile| self.profiles.get_key_value(profile));
        let (Some((profile, limits)), Some(user)) = (limited, exchange.principal.name().cloned()) else {
            return ControlFlow::Continue(());
        };
        let bounds = Bounds { at_once: limits.calls_at_once, per_minute: limits.calls_per_minute };
        let key = Key { user, profile: Some(profile.clone()), used: Use::Call };
        take(&self.rates, exchange, key, bounds)
    }
}

/// Counts the exchange until it ends, or refuses it.
fn take(rates: &Arc<Rates>, exchange: &mut Exchange, key: Key, bounds: Bounds) -> ControlFlow<LocalReply> {
    match rates.begin(&exchange.principal, key, bounds) {
        Ok(hold) => {
            exchange.holds.push(hold);
            ControlFlow::Continue(())
        }
        Err(excess) => {
            exchange.limited = Some(Limited { reason: excess.reason(), counted: !excess.is_first });
            ControlFlow::Break(refusal(&excess))
        }
    }
}

/// 429 with the time after which it is worth trying again (RFC 6585 §4, RFC 9110 §10.2.3), in the error's data as well.
fn refusal(excess: &Excess) -> LocalReply {
    let wait_ms = u64::try_from(excess.wait.as_millis()).unwrap_or(u64::MAX);
    let told = format!("{excess}; try again in {:.1} s", excess.wait.as_secs_f64());
    let error = RpcError::new(code::INTERNAL_ERROR, told).with_data(&json!({"retryAfterMs": wait_ms}));
    let seconds = HeaderValue::from(wait_ms.div_ceil(1_000).max(1));
    let headers = vec![(header::RETRY_AFTER, seconds)];
    LocalReply {
        status: StatusCode::TOO_MANY_REQUESTS,
        headers,
        error,
        reason: excess.to_string(),
        cause: Cause::Limited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::{
        sync::{Mutex, PoisonError},
        time::{Duration, Instant},
    };

    /// Time as a test has it.
    #[derive(Clone)]
    struct Now(Arc<Mutex<Instant>>);

    impl Now {
        fn rates() -> (Self, Arc<Rates>) {
            let now = Self(Arc::new(Mutex::new(Instant::now())));
            let clock = now.clone();
            (now, Arc::new(Rates::new(move || *clock.0.lock().unwrap_or_else(PoisonError::into_inner))))
        }

        fn pass(&self, ms: u64) {
            *self.0.lock().unwrap() += Duration::from_millis(ms);
        }
    }

    fn limits(at_once: u32, per_minute: u32) -> Limits {
        let limits = Limits { principal_calls_at_once_max: at_once, principal_streams_max: 1, ..Limits::default() };
        Limits { principal_calls_per_minute_max: per_minute, ..limits }
    }

    /// One more exchange of `who`: it, and what it was refused with.
    async fn check(filter: &dyn Filter, who: &str, method: &str) -> (Exchange, Option<LocalReply>) {
        let mut exchange = testing::request(method, "{}");
        exchange.principal = testing::user(who, &[]);
        exchange.allowed_by = "p".parse().ok();
        let refused = match filter.on_request(&mut exchange).await {
            ControlFlow::Break(reply) => Some(reply),
            ControlFlow::Continue(()) => None,
        };
        (exchange, refused)
    }

    #[tokio::test]
    async fn nobody_does_more_at_once_than_permitted_and_others_do_not_notice() {
        let (_, rates) = Now::rates();
        let filter = RateLimit::new(rates, &limits(2, 100));
        let (first, second) = (check(&filter, "ada", "tools/call").await, check(&filter, "ada", "tools/list").await);
        let (_, refused) = check(&filter, "ada", "tools/call").await;
        let refused = refused.unwrap();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers[0], (header::RETRY_AFTER, HeaderValue::from_static("1")));
        assert!(refused.error.message.contains("2 calls at once"), "{}", refused.error.message);
        assert!(check(&filter, "bob", "tools/call").await.1.is_none());
        drop((first, second));
        assert!(check(&filter, "ada", "tools/call").await.1.is_none());
    }

    #[tokio::test]
    async fn calls_of_a_minute_are_saved_up_and_come_back_with_time() {
        let (now, rates) = Now::rates();
        let filter = RateLimit::new(rates, &limits(100, 60));
        for _ in 0..60 {
            assert!(check(&filter, "ada", "tools/call").await.1.is_none());
        }
        let refused = check(&filter, "ada", "tools/call").await.1.unwrap();
        assert!(refused.error.message.contains("60 calls in a minute") && refused.error.message.contains("in 1.0 s"));
        assert_eq!(refused.error.data.unwrap().get(), r#"{"retryAfterMs":1000}"#);
        now.pass(1_000);
        assert!(check(&filter, "ada", "tools/call").await.1.is_none());
        assert!(check(&filter, "ada", "tools/call").await.1.is_some());
        now.pass(3_600_000);
        for _ in 0..60 {
            assert!(check(&filter, "ada", "tools/call").await.1.is_none(), "no more is saved up than a minute's");
        }
        assert!(check(&filter, "ada", "tools/call").await.1.is_some());
    }

    #[tokio::test]
    async fn o02_streams_are_bounded_apart_from_calls() {
        let (_, rates) = Now::rates();
        let filter = RateLimit::new(rates, &limits(1, 100));
        let stream = check(&filter, "eve", method::LISTEN).await;
        assert!(check(&filter, "eve", method::LISTEN).await.1.unwrap().error.message.contains("1 streams at once"));
        assert!(stream.1.is_none() && check(&filter, "eve", "tools/call").await.1.is_none());
    }

    #[tokio::test]
    async fn a_new_configuration_forgets_nothing() {
        let (_, rates) = Now::rates();
        let held = check(&RateLimit::new(rates.clone(), &limits(1, 100)), "ada", "tools/call").await;
        let next = RateLimit::new(rates, &limits(1, 100));
        assert!(check(&next, "ada", "tools/call").await.1.is_some());
        drop(held);
        assert!(check(&next, "ada", "tools/call").await.1.is_none());
    }

    #[tokio::test]
    async fn a_profile_bounds_each_of_its_users() {
        let (_, rates) = Now::rates();
        let spec = serde_json::json!({"server": "s", "limits": {"calls_per_minute": 1}});
        let snapshot = testing::snapshot(serde_json::json!([{"kind": "profile", "name": "p", "spec": spec}]));
        let filter = ProfileLimit::compile(&snapshot, rates);
        assert!(check(&filter, "ada", "tools/call").await.1.is_none());
        let refused = check(&filter, "ada", "tools/call").await.1.unwrap();
        assert!(refused.error.message.contains("profile `p` permits 1 calls in a minute"), "{}", refused.error.message);
        assert!(check(&filter, "bob", "tools/call").await.1.is_none());
    }

    #[tokio::test]
    async fn o01_a_flood_is_written_down_once_and_counted() {
        let (_, rates) = Now::rates();
        let filter = RateLimit::new(rates.clone(), &limits(1, 100));
        let _held = check(&filter, "eve", "tools/call").await;
        let counted: Vec<bool> = {
            let mut counted = Vec::new();
            for _ in 0..1_000 {
                counted.push(check(&filter, "eve", "tools/call").await.0.limited.unwrap().counted);
            }
            counted
        };
        assert!(!counted[0] && counted[1..].iter().all(|counted| *counted));
        let told = rates.take_refused();
        assert_eq!((told.len(), &told[0].principal, told[0].times), (1, &testing::user("eve", &[]), 999));
        assert!(rates.take_refused().is_empty());
        assert!(!check(&filter, "eve", "tools/call").await.0.limited.unwrap().counted, "a new flood begins");
    }
}

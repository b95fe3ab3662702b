//! Waiting until every gateway has a revision in force, and saying which has not and why.

use crate::{client::Client, failure::Failure, output::Output, pause::Deadline};
use control_plane_api::{
    gateway::{ConfigState, GatewayState, GatewaySummary},
    timestamp::Timestamp,
};

/// Waits at most `seconds`, where that was asked for, until every gateway has `revision` in force. Gateways that refuse it, and
/// those that are gone, are not waited for once they are all that is missing.
pub(crate) async fn wait(revision: u64, seconds: Option<u64>, client: &Client, output: Output) -> Result<(), Failure> {
    let Some(seconds) = seconds else { return Ok(()) };
    let deadline = Deadline::after_secs(seconds);
    output.note(format!("waiting until every gateway has revision {revision} …"));
    loop {
        let gateways = client.serving_gateways().await?;
        let now = Timestamp::now();
        let missing: Vec<Missing<'_>> = gateways.iter().filter_map(|one| Missing::of(one, revision, now)).collect();
        if missing.is_empty() {
            output.note(match gateways.len() {
                0 => "there is no gateway yet".to_owned(),
                all => format!("revision {revision} is in force at all gateways ({all})"),
            });
            return Ok(());
        }
        if missing.iter().all(|one| one.is_hopeless) || !deadline.step().await {
            let told = format!("{} of {} gateways do not have revision {revision}", missing.len(), gateways.len());
            let first = missing.first().map_or("", |one| one.gateway.name.as_str());
            let details = missing.iter().flat_map(Missing::why).collect::<Vec<_>>();
            return Err(Failure::unhealthy(told)
                .details(details)
                .hint(format!("the change is made; `mcpctl gateway describe {first}` says more")));
        }
    }
}

/// A gateway that does not have the revision.
struct Missing<'a> {
    gateway: &'a GatewaySummary,
    state: GatewayState,
    /// Waiting alone changes nothing.
    is_hopeless: bool,
}

impl<'a> Missing<'a> {
    fn of(gateway: &'a GatewaySummary, revision: u64, now: Timestamp) -> Option<Self> {
        if gateway.revision() >= revision {
            return None;
        }
        let refused = |config: &ConfigState| matches!(config, ConfigState::Rejected { revision: refused, .. } if *refused >= revision);
        let state = gateway.state(revision, now);
        let refused = gateway.status.as_ref().is_some_and(|status| refused(&status.config));
        Some(Self { gateway, state, is_hopeless: refused || state == GatewayState::Gone })
    }

    /// Why it does not, in words.
    fn why(&self) -> Vec<String> {
        let (name, state) = (&self.gateway.name, self.state);
        let seen = self.gateway.seen_at.map_or("never seen".to_owned(), |seen| format!("last seen {seen}"));
        match self.gateway.status.as_ref().map(|status| &status.config) {
            Some(ConfigState::Rejected { revision, violations, .. }) if state == GatewayState::Rejected => {
                let violations = violations.iter().map(|violation| format!("  {violation}"));
                std::iter::once(format!("{name}: rejected revision {revision}")).chain(violations).collect()
            }
            _ => vec![format!("{name}: {state}, at revision {}, {seen}", self.gateway.revision())],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(config: Option<Value>, seen_s_ago: i64, expected: Option<(bool, &str)>) {
        let now = Timestamp::from_millis(10_000_000);
        let status = config.map(|config| {
            json!({"config": config, "role": "local", "version": "1", "started_at": now, "listen_url": "",
                "audit_backlog": 0, "model": {"state": "unused"}, "servers": []})
        });
        let seen = now.plus_millis(-1_000 * seen_s_ago);
        let gateway = json!({"name": "g", "enrolled_at": seen, "seen_at": seen, "status": status});
        let gateway: GatewaySummary = serde_json::from_value(gateway).unwrap();
        let missing = Missing::of(&gateway, 7, now);
        let found = missing.as_ref().map(|one| (one.is_hopeless, one.why().join("\n")));
        match (found, expected) {
            (None, None) => {}
            (Some((hopeless, why)), Some((expected, words))) => {
                assert_eq!(hopeless, expected, "{why}");
                assert!(why.contains(words), "{why} / {words}");
            }
            (found, expected) => panic!("{found:?} / {expected:?}"),
        }
    }

    #[test]
    fn who_has_not_applied_a_revision_is_named_with_the_reason() {
        let applied = |revision: u64| Some(json!({"state": "applied", "revision": revision}));
        let violation = json!({"object": {"kind": "server", "name": "s"}, "field": "transport", "message": "is bad"});
        let rejected = |revision: u64| {
            Some(json!({"state": "rejected", "revision": revision, "in_force": 5, "violations": [violation]}))
        };
        check(applied(7), 1, None);
        check(applied(9), 5_000, None);
        check(applied(6), 1, Some((false, "g: behind, at revision 6, last seen 1970")));
        check(applied(6), 100, Some((false, "g: stale")));
        check(applied(6), 5_000, Some((true, "g: gone")));
        check(rejected(7), 1, Some((true, "g: rejected revision 7\n  server/s spec.transport: is bad")));
        check(rejected(6), 1, Some((false, "rejected revision 6")));
        check(None, 1, Some((false, "g: behind, at revision 0")));
    }
}

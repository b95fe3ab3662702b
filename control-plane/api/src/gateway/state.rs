//! How a gateway is, in one word, and whether its version goes with the control plane's. One place for `mcpctl gateway`,
//! `mcpctl status` and whoever waits for gateways.

use super::{ConfigState, GatewaySummary};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Time without a report after which a gateway counts as cut off, in milliseconds: six reports are missing.
const STALE_AFTER_MS: i64 = 60_000;
/// Time without a report after which it counts as gone, in milliseconds.
const GONE_AFTER_MS: i64 = 900_000;

/// How a gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayState {
    /// It has the newest configuration.
    Running,
    /// It has yet to report the newest configuration.
    Behind,
    /// It has not reported for a minute: it is cut off, and decides by what it has.
    Stale,
    /// It refuses the newest configuration, and decides by the one before.
    Rejected,
    /// It takes nothing new, as it was asked.
    Draining,
    /// It has not reported for a quarter of an hour.
    Gone,
}

impl GatewayState {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Running, Self::Behind, Self::Stale, Self::Rejected, Self::Draining, Self::Gone];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Behind => "behind",
            Self::Stale => "stale",
            Self::Rejected => "rejected",
            Self::Draining => "draining",
            Self::Gone => "gone",
        }
    }

    /// Of a gateway that was last heard of at `heard_at` and then had `reported` what it has in force, and whether it takes
    /// nothing new; at `now`, with `newest` as the newest revision.
    #[must_use]
    pub fn of(reported: Option<(&ConfigState, bool)>, heard_at: Timestamp, newest: u64, now: Timestamp) -> Self {
        let silent_ms = now.as_millis().saturating_sub(heard_at.as_millis());
        match reported {
            _ if silent_ms > GONE_AFTER_MS => Self::Gone,
            _ if silent_ms > STALE_AFTER_MS => Self::Stale,
            None => Self::Behind,
            Some((ConfigState::Rejected { .. }, _)) => Self::Rejected,
            Some((ConfigState::Applied { .. }, true)) => Self::Draining,
            Some((ConfigState::Applied { revision }, false)) if *revision < newest => Self::Behind,
            Some((ConfigState::Applied { .. }, false)) => Self::Running,
        }
    }
}

impl fmt::Display for GatewayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the versions of a gateway and its control plane go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// They are the same.
    None,
    /// They are tested together: the same minor version, or the gateway one minor version before the control plane.
    Supported,
    /// They are not.
    Unsupported,
}

impl Skew {
    /// Of a gateway of version `gateway` and a control plane of version `control_plane`.
    #[must_use]
    pub fn of(control_plane: &str, gateway: &str) -> Self {
        if control_plane == gateway {
            return Self::None;
        }
        match (minor(control_plane), minor(gateway)) {
            (Some((major, here)), Some((same, there))) if major == same && (here == there || here == there + 1) => {
                Self::Supported
            }
            _ => Self::Unsupported,
        }
    }
}

fn minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl GatewaySummary {
    /// How it is at `now`, with `newest` as the newest revision.
    #[must_use]
    pub fn state(&self, newest: u64, now: Timestamp) -> GatewayState {
        let reported = self.status.as_ref().map(|status| (&status.config, status.draining));
        GatewayState::of(reported, self.seen_at.unwrap_or(self.enrolled_at), newest, now)
    }

    /// The revision it has in force, as far as it has reported; 0 before its first report.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.config.in_force())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_000_000_000;

    fn check(seen_ms_ago: Option<i64>, config: &serde_json::Value, draining: bool, expected: GatewayState) {
        let status = json!({"config": config, "role": "local", "version": "1", "started_at": Timestamp::from_millis(0),
            "listen_url": "", "audit_backlog": 0, "model": {"state": "unused"}, "servers": [], "draining": draining});
        let gateway: GatewaySummary = serde_json::from_value(json!({"name": "g", "status": status,
            "enrolled_at": Timestamp::from_millis(NOW - 5), "seen_at": seen_ms_ago.map(|ago| Timestamp::from_millis(NOW - ago))}))
        .unwrap();
        assert_eq!(gateway.state(7, Timestamp::from_millis(NOW)), expected, "{gateway:?}");
    }

    #[test]
    fn a_gateway_is_what_it_last_reported_as_long_as_it_reports() {
        let applied = |revision: u64| json!({"state": "applied", "revision": revision});
        let rejected = json!({"state": "rejected", "revision": 7, "in_force": 6, "violations": []});
        check(Some(10_000), &applied(7), false, GatewayState::Running);
        check(Some(10_000), &applied(6), false, GatewayState::Behind);
        check(Some(10_000), &applied(7), true, GatewayState::Draining);
        check(Some(10_000), &rejected, true, GatewayState::Rejected);
        check(Some(60_001), &rejected, true, GatewayState::Stale);
        check(Some(900_001), &applied(7), false, GatewayState::Gone);
        check(None, &applied(7), false, GatewayState::Running);
    }

    #[test]
    fn who_never_reported_is_behind_and_then_gone() {
        let gateway = GatewaySummary {
            owner: None,
            name: "g".parse().unwrap(),
            enrolled_at: Timestamp::from_millis(NOW),
            seen_at: None,
            drained_at: None,
            status: None,
        };
        for (after, expected) in
            [(5_000, GatewayState::Behind), (70_000, GatewayState::Stale), (1_000_000, GatewayState::Gone)]
        {
            assert_eq!(gateway.state(1, Timestamp::from_millis(NOW + after)), expected);
        }
        assert_eq!(gateway.revision(), 0);
    }

    #[test]
    fn a_gateway_may_be_one_minor_version_behind() {
        for (control_plane, gateway, expected) in [
            ("0.4.1", "0.4.1", Skew::None),
            ("0.4.1", "0.4.0", Skew::Supported),
            ("0.4.0", "0.3.9", Skew::Supported),
            ("0.4.0", "0.2.0", Skew::Unsupported),
            ("0.4.0", "0.5.0", Skew::Unsupported),
            ("1.0.0", "0.9.0", Skew::Unsupported),
            ("0.4.0", "dev", Skew::Unsupported),
        ] {
            assert_eq!(Skew::of(control_plane, gateway), expected, "{control_plane} {gateway}");
        }
    }
}

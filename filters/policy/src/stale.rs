//! What a profile still grants while the configuration is not confirmed: what was revoked since then is not known here.

use crate::Deed;
use control_plane_api::{
    limits::Limits,
    server::ToolClass,
    stale::{StaleRule, StaleThen},
};
use std::fmt;

/// What is refused for the age of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Whatever is not known to read only.
    Writes,
    /// Everything.
    Everything,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writes => "writes",
            Self::Everything => "every call",
        })
    }
}

/// A duration for people: in whole minutes, below two of them in seconds, and unknown where it is beyond all bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            u64::MAX => f.write_str("an unknown time"),
            ms if ms < 120_000 => write!(f, "{} seconds", ms / 1_000),
            ms => write!(f, "{} minutes", ms / 60_000),
        }
    }
}

/// From which age on a profile refuses what, in milliseconds; none: at no age.
#[derive(Debug)]
pub(crate) struct Staleness {
    writes_after_ms: Option<u64>,
    reads_after_ms: Option<u64>,
}

impl Staleness {
    pub(crate) fn compile(rule: StaleRule, limits: &Limits) -> Self {
        let after = |default| Some(rule.after_ms.unwrap_or(default));
        let (writes, reads) = match rule.then {
            StaleThen::Serve => (None, None),
            StaleThen::DenyWrites => (after(limits.stale_writes_after_ms), None),
            StaleThen::Deny => (after(limits.stale_writes_after_ms), after(limits.stale_reads_after_ms)),
        };
        Self { writes_after_ms: writes, reads_after_ms: reads }
    }

    /// What is refused of `deed`, a tool of this `class`, with a configuration of this age, and from which age on.
    pub(crate) fn refuses(&self, deed: Deed<'_>, class: Option<ToolClass>, age_ms: u64) -> Option<(Refused, u64)> {
        let over = |after: Option<u64>| after.filter(|after_ms| age_ms > *after_ms);
        if let Some(after_ms) = over(self.reads_after_ms) {
            return Some((Refused::Everything, after_ms));
        }
        let writes = match deed {
            Deed::See(_) | Deed::Call(_) => class != Some(ToolClass::Read),
            // Nobody knows what it does.
            Deed::Method(_) => true,
            // A task was begun by a call that was granted; the rest reads.
            Deed::Prompt(_) | Deed::Resource(_) | Deed::Connect | Deed::Task => false,
        };
        over(self.writes_after_ms).filter(|_| writes).map(|after_ms| (Refused::Writes, after_ms))
    }
}

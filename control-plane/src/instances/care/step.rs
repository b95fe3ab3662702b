//! What is to be there, and the one thing to do about what is there instead. Pure.

use super::super::{
    Wanted,
    runtime::{Observed, Phase},
};
use control_plane_api::runtime::Desired;

/// What is to be there, as `handled` of a row names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::instances) enum Goal {
    /// The server is gone, or no longer in this engine.
    Gone,
    /// It is there, and is not to run.
    Stopped,
    /// It runs, by the configuration with this digest.
    Running(String),
}

impl Goal {
    pub(in crate::instances) fn of(wanted: Option<&Wanted<'_>>) -> Self {
        match wanted {
            None => Self::Gone,
            Some(wanted) if wanted.server.spec.desired == Desired::Stopped => Self::Stopped,
            Some(wanted) => Self::Running(wanted.config()),
        }
    }

    pub(in crate::instances) fn as_str(&self) -> &str {
        match self {
            Self::Gone => "gone",
            Self::Stopped => "stopped",
            Self::Running(config) => config,
        }
    }
}

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Start,
    /// Another configuration runs.
    Replace,
    /// It is on its way; what is in its way, if anything.
    Await(Option<String>),
    Ask,
    /// It ended, for that reason.
    Bury(String),
}

/// What to do about what is there. Pure.
pub(super) fn step(config: &str, observed: Option<&Observed>, restarts_itself: bool) -> Step {
    match observed {
        None => Step::Start,
        Some(observed) if observed.config != config => Step::Replace,
        Some(observed) => match &observed.phase {
            Phase::Running => Step::Ask,
            Phase::Ended(reason) => Step::Bury(reason.clone()),
            // Whoever made it did not come to starting it.
            Phase::Starting(_) if !restarts_itself => Step::Start,
            Phase::Starting(reason) => Step::Await(reason.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(observed: Option<(&str, Phase)>, restarts_itself: bool, expected: &Step) {
        let observed = observed.map(|(config, phase)| Observed {
            runtime_id: "c".to_owned(),
            config: config.to_owned(),
            phase,
            restarts: 0,
            endpoint: None,
        });
        assert_eq!(step("now", observed.as_ref(), restarts_itself), *expected);
    }

    #[test]
    fn one_thing_is_done_about_what_is_there() {
        check(None, false, &Step::Start);
        check(Some(("before", Phase::Running)), false, &Step::Replace);
        check(Some(("before", Phase::Ended("x".to_owned()))), true, &Step::Replace);
        check(Some(("now", Phase::Running)), false, &Step::Ask);
        check(Some(("now", Phase::Starting(None))), false, &Step::Start);
        check(Some(("now", Phase::Starting(None))), true, &Step::Await(None));
        check(Some(("now", Phase::Ended("x".to_owned()))), false, &Step::Bury("x".to_owned()));
    }
}

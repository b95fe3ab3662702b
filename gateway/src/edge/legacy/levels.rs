//! `logging/setLevel`: said once per session by legacy clients, with every request inside.

use super::session::Session;
use protocol::{Members, RpcError, code};

/// The levels of log messages, the least first (RFC 5424).
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// A level by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level(&'static str);

impl Level {
    /// The wire form.
    pub(super) fn as_str(self) -> &'static str {
        self.0
    }
}

/// Remembers the level that `params` name.
///
/// # Errors
/// What the client is told when they name none.
pub(super) fn set(session: &Session, params: &Members) -> Result<(), RpcError> {
    let wanted = params.read::<String>("level").unwrap_or_default();
    match LEVELS.iter().find(|level| **level == wanted) {
        Some(level) => {
            session.set_level(Level(level));
            Ok(())
        }
        None => {
            let told = format!("`level` must be one of {}", LEVELS.join(", "));
            Err(RpcError::new(code::INVALID_PARAMS, told))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::limits::Limits;

    #[test]
    fn only_the_protocols_levels_are_remembered() {
        let session = Session::new("ada".parse().unwrap(), None, false, &Limits::default());
        let check = |params: &str| {
            let params: Members = serde_json::from_str(params).unwrap();
            set(&session, &params).map(|()| session.level().map(Level::as_str)).map_err(|error| error.code)
        };
        assert_eq!(check(r#"{"level":"warning"}"#), Ok(Some("warning")));
        for params in [r#"{"level":"Warning"}"#, r#"{"level":7}"#, "{}"] {
            assert_eq!(check(params), Err(code::INVALID_PARAMS), "{params}");
        }
        assert_eq!(session.level().map(Level::as_str), Some("warning"));
    }
}

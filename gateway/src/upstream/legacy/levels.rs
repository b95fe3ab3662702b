//! Levels of log messages: set once per session towards a legacy server, wished for request by request on the other side.

use super::Session;
use protocol::{Members, method};

/// Levels of log messages, the least first (RFC 5424).
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// The place of `level` among the levels.
pub(super) fn rank(level: &str) -> Option<usize> {
    LEVELS.iter().position(|known| *known == level)
}

/// Sees to it that the server logs at least what is `wanted`. Never raised again: what others do not want is filtered
/// per request.
pub(super) async fn settle(session: &dyn Session, wanted: Option<usize>) {
    let Some((wanted, level)) = wanted.and_then(|rank| Some((rank, LEVELS.get(rank)?))) else {
        return;
    };
    if session.welcome().capabilities().get("logging").is_none() {
        return;
    }
    let mut set = session.memory().level.lock().await;
    if set.is_some_and(|set| set <= wanted) {
        return;
    }
    // Before it is asked: a server that does not answer is not waited for by every call.
    *set = Some(wanted);
    let mut params = Members::new();
    params.set("level", level);
    if let Err(error) = session.ask(method::SET_LEVEL, params).await {
        tracing::debug!(%error, level, "a server did not take its log level");
    }
}

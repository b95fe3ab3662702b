//! The reply of a modern server, out of what is heard from it. Modern servers ask nothing (2026-07-28 transports): a request
//! of theirs is nobody's.

use super::{
    Reply, Said, UpstreamError,
    legacy::session::{Heard, Hearing},
};
use futures::{StreamExt as _, stream};
use protocol::{Message, method};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A listen is opened anew after this, in milliseconds: a connection that died silently would be trusted for ever.
const LISTEN_LIFETIME_MS: u64 = 3_600_000;

/// How long a server may go on about a request of `method`, where a call may take `call`: a listen is meant to last.
pub(super) fn patience(method: &str, call: Duration) -> Duration {
    if lasts(method) { call.max(Duration::from_millis(LISTEN_LIFETIME_MS)) } else { call }
}

/// Whether a request of `method` is meant to last.
pub(super) fn lasts(method: &str) -> bool {
    method == method::LISTEN
}

/// `hearing` as a reply that is over by `deadline`; `late` is said when it is not.
pub(super) fn reply(hearing: Hearing, deadline: Instant, late: UpstreamError) -> Reply {
    Box::pin(stream::unfold(Some((hearing, late)), move |state| async move {
        let (mut hearing, late) = state?;
        loop {
            // A server that always has something to say never lets the clock be looked at otherwise.
            let in_time = Instant::now() < deadline;
            let heard = match timeout_at(deadline, hearing.next()).await {
                Ok(heard) if in_time => heard?,
                _ => return Some((Err(late), None)),
            };
            match heard {
                Ok(Heard::Note(note)) => return Some((Ok(Message::Notification(note).into()), Some((hearing, late)))),
                Ok(Heard::Response(response)) => return Some((Ok(Message::Response(response).into()), None)),
                Ok(Heard::Long(long)) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    return Some((Ok(Said::Long(long.within(left))), None));
                }
                Ok(Heard::Question(_)) => {}
                Err(error) => return Some((Err(error), None)),
            }
        }
    }))
}

//! Servers of the era before 2026-07-28: a modern request goes in, a modern reply comes out.
//!
//! What such a server asks while it works is *parked*: its caller gets the questions as `input_required`, the call stays
//! open, and the retry with the answers goes on with it. Deliberately unknown here: the transport, which is a
//! [`Session`].

mod answers;
mod call;
mod conversation;
mod declared;
mod levels;
mod listen;
mod memory;
mod park;
mod questions;
pub(super) mod session;
mod tasks;
#[cfg(test)]
mod tests;
mod visits;
mod welcome;

pub(super) use call::Call;
pub(super) use declared::Declared;
pub(super) use memory::Memory;
pub(super) use questions::answer;
pub(super) use session::Session;
pub(super) use welcome::{Welcome, initialize, initialized};

use super::{Caller, Reply, UpstreamError};
use control_plane_api::{limits::Limits, name::Name};
use conversation::Conversation;
use futures::stream;
use park::Park;
use protocol::{Id, Members, Message, Notification, Request, Response, RpcError, code, method};
use std::{sync::Arc, time::Duration};
use tasks::Tools;

/// `notifications/message`.
pub(super) const LOG_MESSAGE: &str = "notifications/message";
/// Notifications that a list of the server is not what it was.
const LIST_CHANGED: [&str; 3] = [method::TOOLS_CHANGED, listen::PROMPTS_CHANGED, listen::RESOURCES_CHANGED];

/// The legacy side of one upstream, over all of its sessions.
pub(super) struct Rim {
    server: Name,
    bounds: Bounds,
    park: Park,
    tools: Tools,
}

/// What of the limits binds here.
struct Bounds {
    /// Time the server may work on one call, waiting for answers not counted.
    call_timeout: Duration,
    /// Time a caller has to answer.
    question_timeout: Duration,
    /// Resources one listener may watch.
    subscriptions_max: usize,
}

impl Rim {
    /// Of the upstream `server`.
    pub(super) fn new(server: Name, limits: &Limits) -> Arc<Self> {
        let bounds = Bounds {
            call_timeout: Duration::from_millis(limits.upstream_call_timeout_ms),
            question_timeout: Duration::from_millis(limits.question_timeout_ms),
            subscriptions_max: usize::try_from(limits.subscriptions_max).unwrap_or(usize::MAX),
        };
        let park = Park::new(usize::try_from(limits.parked_calls_max).unwrap_or(usize::MAX));
        Arc::new(Self { server, bounds, park, tools: Tools::default() })
    }

    /// What the server of `session`, opened with what the client of `request` declared, answers to it.
    ///
    /// # Errors
    /// As the session's; [`UpstreamError::Forgotten`] is told here and never in the reply.
    pub(super) async fn call(
        self: &Arc<Self>,
        session: Arc<dyn Session>,
        request: Request,
        caller: &Caller,
    ) -> Result<Reply, UpstreamError> {
        if request.params.get("requestState").is_some() {
            // A call that is parked would have been resumed.
            return Ok(unknown_state(request.id));
        }
        match request.method.as_str() {
            method::DISCOVER => {
                let discovery = session.welcome().discovery();
                Ok(only(Response::ok(request.id, discovery)))
            }
            method::LISTEN => listen::open(self, session, request).await,
            _ => match visits::refused(&request) {
                Some(response) => Ok(only(response)),
                None => Ok(Conversation::begin(self, session, request, caller).await?.into_reply()),
            },
        }
    }

    /// Goes on with the parked call that `request` is the retry of; none if it is the retry of none that was parked
    /// here. To be tried before a session is chosen: the call has its own.
    pub(super) async fn resume(
        self: &Arc<Self>,
        request: &Request,
        caller: &Caller,
    ) -> Option<Result<Reply, UpstreamError>> {
        let state = request.params.read::<String>("requestState").filter(|state| park::is_state(state))?;
        match self.park.take(&state, &park::Claim::of(request, caller)).await {
            Some(mut conversation) => {
                conversation.resume(request).await;
                Some(Ok(conversation.into_reply()))
            }
            None => Some(Ok(unknown_state(request.id.clone()))),
        }
    }

    /// Gives up all calls that are parked: the upstream is let go of.
    pub(super) fn close(&self) {
        self.park.close();
    }
}

impl Rim {
    fn timed_out(&self) -> UpstreamError {
        UpstreamError::TimedOut { server: self.server.clone(), after: self.bounds.call_timeout }
    }

    fn lost(&self, reason: &str) -> UpstreamError {
        UpstreamError::Lost { server: self.server.clone(), reason: reason.to_owned() }
    }
}

impl Bounds {
    /// How long a task is kept by its server: for as long as somebody may wait for it.
    fn task_ttl(&self) -> Duration {
        self.call_timeout.saturating_add(self.question_timeout)
    }
}

/// A reply of one message.
pub(super) fn only(response: Response) -> Reply {
    Box::pin(stream::iter([Ok(Message::Response(response).into())]))
}

/// One answer for states that never were, are used up, are another's or too old: it tells nobody which.
fn unknown_state(id: Id) -> Reply {
    let text = "`requestState` is unknown or no longer valid; call again without `requestState` and `inputResponses`";
    only(Response::error(Some(id), RpcError::new(code::INVALID_PARAMS, text)))
}

/// Takes back the request `id`.
pub(super) fn cancelled(id: i64) -> Message {
    let mut params = Members::new();
    params.set("requestId", &id);
    params.set("reason", "the client went away or the time was up");
    Message::Notification(Notification { method: method::CANCELLED.to_owned(), params })
}

/// Whether `notification` says that a list of the server changed.
pub(super) fn is_list_change(notification: &Notification) -> bool {
    LIST_CHANGED.contains(&notification.method.as_str())
}

/// A server's words, short enough for a message of ours.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

//! Beside the calls: a stream on which the server tells of changed lists. `subscriptions/listen` on a modern server, a GET
//! on a legacy one (2025-11-25 transports, listening for messages).
//!
//! It lasts as long as its session. A server that offers none is asked once; lists then age by themselves.

use super::{
    answer::{self, Answer},
    connection::Broken,
    remote::{Fault, Remote},
    session::Session,
};
use crate::upstream::{Caller, era, legacy};
use futures::StreamExt as _;
use protocol::{Id, Message, Response, sse::Decoder};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// A stream is opened anew after this, in milliseconds: a connection that died silently would be trusted for ever.
const STREAM_LIFETIME_MS: u64 = 3_600_000;
/// Wait before a broken stream is opened again, in milliseconds.
const REOPEN_WAIT_MS: u64 = 5_000;

/// Why a stream ended.
enum End {
    /// There is none to be had.
    Refused,
    /// It was there, or may be there later.
    Broken,
}

/// Listens in a task until `session` is given up or the upstream is closed. `discovery` is a modern server's.
pub(super) fn start(remote: &Arc<Remote>, session: &Session, discovery: Option<Response>) {
    let wanted = match (session.welcome(), &discovery) {
        (Some(welcome), _) => welcome.tells_changes(),
        (None, Some(discovery)) => era::listen(Id::Number(0), discovery).is_some(),
        (None, None) => false,
    };
    if !wanted {
        return;
    }
    let (remote, session) = (Arc::clone(remote), session.clone());
    let tasks = remote.tasks.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = remote.stop.cancelled() => {}
            () = session.given_up() => {}
            () = follow(&remote, &session, discovery.as_ref()) => {}
        }
    });
}

async fn follow(remote: &Arc<Remote>, session: &Session, discovery: Option<&Response>) {
    loop {
        let lifetime = Duration::from_millis(STREAM_LIFETIME_MS);
        let stream = async {
            match discovery {
                Some(discovery) if session.welcome().is_none() => subscribe(remote, session, discovery, lifetime).await,
                _ => get(remote, session).await,
            }
        };
        if let Ok(End::Refused) = timeout(lifetime, stream).await {
            tracing::debug!(server = %remote.endpoint.name, "the server offers no stream of changes");
            return;
        }
        // Nothing ends this wait early but the end of the task.
        let _ = timeout(Duration::from_millis(REOPEN_WAIT_MS), std::future::pending::<()>()).await;
        // What changed in between was not told.
        remote.pulse.lists_changed();
    }
}

async fn subscribe(remote: &Arc<Remote>, session: &Session, discovery: &Response, lifetime: Duration) -> End {
    let Some(request) = era::listen(Id::Number(0), discovery) else {
        return End::Refused;
    };
    let mut reply = match remote.request(session, request, lifetime, &Caller::GATEWAY).await {
        Ok(posted) => posted.reply,
        Err(Fault::Failed(_)) => return End::Broken,
        Err(Fault::SessionGone | Fault::Foreign(_)) => return End::Refused,
    };
    // Changes are counted where messages are sorted; nothing else on this stream matters here.
    while let Some(message) = reply.next().await {
        if let Ok(Message::Response(Response { payload: Err(_), .. })) = message {
            return End::Refused;
        }
    }
    End::Broken
}

async fn get(remote: &Arc<Remote>, session: &Session) -> End {
    let mut connection = match remote.get(session).await {
        Ok(connection) => connection,
        Err(Broken::Unsent(_) | Broken::Lost(_)) => return End::Broken,
    };
    if answer::read(connection.status(), |name| connection.header(name)) != Answer::Events {
        return End::Refused;
    }
    let mut decoder = Decoder::new(remote.message_bytes_max());
    while let Ok(Some(chunk)) = connection.chunk().await {
        if decoder.push(&chunk).is_err() {
            return End::Broken;
        }
        while let Some(event) = decoder.next_event() {
            match Message::parse(event.data.as_bytes()) {
                Ok(Message::Notification(note)) if legacy::is_list_change(&note) => remote.pulse.lists_changed(),
                Ok(Message::Request(request)) => remote.tell_later(session, legacy::answer(&request)),
                _ => {}
            }
        }
    }
    End::Broken
}

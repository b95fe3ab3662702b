//! Beside the calls: a stream on which the server tells of what belongs to none. `subscriptions/listen` on a modern server
//! (for its lists), a GET on a legacy one (2025-11-25 transports, listening for messages).
//!
//! It lasts as long as what was agreed with the server. One that offers none is asked once; lists then age by themselves.

use super::{
    agreement::Agreement,
    connection::Connection,
    heed::Bookmark,
    remote::{Fault, Remote},
    streamable::Streamable,
};
use crate::upstream::{Caller, era, legacy::session::Heard};
use futures::StreamExt as _;
use protocol::{Id, Response, sse::Decoder};
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::timeout};

/// A stream is opened anew after this, in milliseconds: a connection that died silently would be trusted for ever.
const STREAM_LIFETIME_MS: u64 = 3_600_000;
/// Time in which a server usually answers for the stream, in milliseconds. Some answer only with the first event.
const FIRST_WORD_TIMEOUT_MS: u64 = 250;
/// Wait before a broken stream is opened again, in milliseconds.
const REOPEN_WAIT_MS: u64 = 5_000;

/// Why a stream ended.
enum End {
    /// There is none to be had.
    Refused,
    /// It was there, or may be there later.
    Broken,
}

/// Listens for changed lists of a modern server in a task, for as long as `agreement` holds.
pub(super) fn subscribe(remote: &Arc<Remote>, agreement: &Agreement, discovery: Response) {
    if era::listen(Id::Number(0), &discovery).is_none() {
        return;
    }
    let (remote, agreement) = (Arc::clone(remote), agreement.clone());
    let tasks = remote.tasks.clone();
    tasks.spawn(async move {
        let listening = async {
            while !matches!(Box::pin(lasting(subscription(&remote, &agreement, &discovery))).await, End::Refused) {
                pause().await;
                // What changed in between was not told.
                remote.pulse.lists_changed();
            }
        };
        tokio::select! {
            () = remote.stop.cancelled() => {}
            () = agreement.over() => {}
            () = listening => {}
        }
    });
}

/// Listens on the stream of a legacy session in a task, until the session is over. Returns once the server has answered for
/// the stream, or soon: what it says of the first call may come there.
pub(super) async fn follow(session: &Arc<Streamable>) {
    let (opening, opened) = oneshot::channel::<()>();
    let mut opening = Some(opening);
    let (weak, over) = (Arc::downgrade(session), session.over().clone());
    let (stop, tasks) = (session.remote.stop.clone(), session.remote.tasks.clone());
    tasks.spawn(async move {
        let listening = async {
            let mut bookmark = Bookmark::default();
            while let Some(session) = weak.upgrade() {
                let opened = session.stream(bookmark.last()).await;
                opening = None;
                drop(session);
                match opened {
                    // It cannot go on there; whether it offers a stream at all is another question.
                    Ok(None) if bookmark.forget() => {}
                    Ok(None) => return,
                    Ok(Some(connection)) => {
                        lasting(heard_on(&weak, connection, &mut bookmark)).await;
                    }
                    Err(_) => {}
                }
                bookmark.pause(REOPEN_WAIT_MS).await;
                if bookmark.last().is_none()
                    && let Some(session) = weak.upgrade()
                {
                    // What is said in between is not said again.
                    session.remote.pulse.lists_changed();
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = over.cancelled() => {}
            () = listening => {}
        }
    });
    // Resolves when the other end is dropped.
    let _ = timeout(Duration::from_millis(FIRST_WORD_TIMEOUT_MS), opened).await;
}

async fn lasting(stream: impl Future<Output = End>) -> End {
    timeout(Duration::from_millis(STREAM_LIFETIME_MS), stream).await.unwrap_or(End::Broken)
}

async fn pause() {
    // Nothing ends this wait early but the end of the task.
    let _ = timeout(Duration::from_millis(REOPEN_WAIT_MS), std::future::pending::<()>()).await;
}

async fn subscription(remote: &Arc<Remote>, agreement: &Agreement, discovery: &Response) -> End {
    let Some(request) = era::listen(Id::Number(0), discovery) else {
        return End::Refused;
    };
    let mut hearing = match remote.modern(request, &Caller::GATEWAY).await {
        Ok(hearing) => hearing,
        Err(Fault::Failed(_)) => return End::Broken,
        Err(Fault::SessionGone | Fault::AtOdds(_)) => {
            agreement.give_up();
            return End::Refused;
        }
        Err(Fault::Foreign(_)) => return End::Refused,
    };
    // Changes are counted where messages are sorted; nothing else on this stream matters here.
    while let Some(heard) = hearing.next().await {
        if let Ok(Heard::Response(Response { payload: Err(_), .. })) = heard {
            return End::Refused;
        }
    }
    End::Broken
}

async fn heard_on(session: &std::sync::Weak<Streamable>, mut connection: Connection, bookmark: &mut Bookmark) -> End {
    let Some(max) = session.upgrade().map(|session| session.remote.message_bytes_max()) else {
        return End::Refused;
    };
    let mut decoder = Decoder::new(max);
    while let Ok(Some(chunk)) = connection.chunk().await {
        if decoder.push(&chunk).is_err() {
            return End::Broken;
        }
        while let Some(event) = decoder.next_event() {
            bookmark.note(&event);
            if let Some(session) = session.upgrade()
                && let Some(message) = session.remote.message(&event)
            {
                session.hear(message);
            }
        }
    }
    End::Broken
}

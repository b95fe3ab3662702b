//! What one POST of a legacy client asks for: one request, or the requests of a batch (2025-03-26), each judged and
//! written down alone. It runs beside the connection and ends by itself, when cancelled, or with its session.

use super::{
    Answer, Session,
    call::{Call, Voice},
    refuse,
    session::Running,
    streams::{Follower, Writer},
};
use crate::edge::{Edge, classify::Body, places::Place, request::Inbound};
use filters::LocalReply;
use futures::{StreamExt as _, stream};
use http::StatusCode;
use protocol::{Id, Message, Request, code};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Requests of one batch that run at the same time.
const AT_ONCE: usize = 8;

/// See the module.
pub(super) enum Work {
    /// Answered with an object.
    One(Request),
    /// Answered with an array.
    Batch(Vec<Request>),
}

/// Work that runs.
pub(super) struct Started {
    /// The connection's end of its stream.
    pub(super) follower: Follower,
    /// What is asked.
    pub(super) ids: Vec<Id>,
}

impl Work {
    /// The requests of `body`; none when there are none.
    pub(super) fn of(body: Body) -> Option<Self> {
        let request = |message| match message {
            Message::Request(request) => Some(request),
            _ => None,
        };
        match body {
            Body::One(message) => request(message).map(Self::One),
            Body::Batch(messages) => {
                let requests: Vec<_> = messages.into_iter().filter_map(request).collect();
                (!requests.is_empty()).then_some(Self::Batch(requests))
            }
        }
    }

    fn requests(self) -> (Vec<Request>, bool) {
        match self {
            Self::One(request) => (vec![request], false),
            Self::Batch(requests) => (requests, true),
        }
    }

    /// Starts it, to be answered on a stream of its own.
    ///
    /// # Errors
    /// The refusal when an id is in use.
    pub(super) fn start(
        self,
        edge: &Arc<Edge>,
        session: &Arc<Session>,
        inbound: &Arc<Inbound>,
        (streams, place): (bool, Place),
    ) -> Result<Started, LocalReply> {
        let (writer, follower) = session.streams.open();
        let voice = Voice { writer: Arc::new(writer), streams };
        let ids = self.begin(edge, (session, inbound), voice, place)?;
        Ok(Started { follower, ids })
    }

    /// Starts it, to be answered on the one stream of an HTTP+SSE session.
    ///
    /// # Errors
    /// The refusal when an id is in use.
    pub(super) fn start_on(
        self,
        writer: Writer,
        edge: &Arc<Edge>,
        of: (&Arc<Session>, &Arc<Inbound>),
        place: Place,
    ) -> Result<(), LocalReply> {
        let voice = Voice { writer: Arc::new(writer), streams: true };
        self.begin(edge, of, voice, place).map(|_| ())
    }

    fn begin(
        self,
        edge: &Arc<Edge>,
        (session, inbound): (&Arc<Session>, &Arc<Inbound>),
        voice: Voice,
        place: Place,
    ) -> Result<Vec<Id>, LocalReply> {
        let (requests, batch) = self.requests();
        let running = running(session, &requests)?;
        let ids = requests.iter().map(|request| request.id.clone()).collect();
        let call = |(request, running): (Request, &Running)| {
            let (edge, session, inbound, voice) = (edge.clone(), session.clone(), inbound.clone(), voice.clone());
            (running.token().clone(), Call { edge, session, inbound, request, voice })
        };
        let calls: Vec<_> = requests.into_iter().zip(&running).map(call).collect();
        let ended = session.ended.clone();
        tokio::spawn(async move {
            let work = async {
                if let Some((json, refusal)) = answers(calls, batch).await {
                    // Nobody reads any more: nothing is left to be done.
                    let _ = voice.writer.answer(json, refusal).await;
                }
            };
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = work => {}
            }
            drop((running, place));
        });
        Ok(ids)
    }
}

/// Marks all `requests` as running, or none of them.
fn running(session: &Session, requests: &[Request]) -> Result<Vec<Running>, LocalReply> {
    let in_use = || refuse(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, "a request with this id is still running");
    requests.iter().map(|request| session.started(&request.id).ok_or_else(in_use)).collect()
}

/// Runs `calls`; none when all of them were cancelled.
async fn answers(calls: Vec<(CancellationToken, Call)>, batch: bool) -> Option<(String, Option<Arc<LocalReply>>)> {
    let answer = |(cancelled, call): (CancellationToken, Call)| async move {
        tokio::select! {
            biased;
            () = cancelled.cancelled() => None,
            answer = Box::pin(call.run()) => Some(answer),
        }
    };
    let answered: Vec<Answer> =
        stream::iter(calls).map(answer).buffered(AT_ONCE).filter_map(std::future::ready).collect().await;
    if !batch {
        return answered.into_iter().next().map(Answer::parts);
    }
    let all: Vec<String> = answered.into_iter().map(|answer| answer.parts().0).collect();
    (!all.is_empty()).then(|| (format!("[{}]", all.join(",")), None))
}

//! One request of a legacy session: through the pipeline once, or once more for every round of questions.
//!
//! Every round is an exchange of its own, under the pipeline in force: authenticated, judged and written down again.

use super::{
    Answer, ask, envelope, levels,
    session::Session,
    shape,
    shim::{self, InputRequired},
    streams::Writer,
    subscriptions,
};
use crate::{
    edge::{Edge, OUTGOING_MAX, not_ready, request::Inbound},
    pipeline::Outgoing,
};
use protocol::{Members, Message, Request, Response, RpcError, code, method};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Wait before a retry that has nothing to wait for; grows with every round.
const PACE: Duration = Duration::from_millis(200);

/// Where the messages of a call go.
#[derive(Clone)]
pub(super) struct Voice {
    /// The stream.
    pub(super) writer: Arc<Writer>,
    /// Whether the client reads it as a stream; otherwise it gets the answer alone.
    pub(super) streams: bool,
}

/// One request and what answering it needs.
pub(super) struct Call {
    /// The edge, for the pipeline in force.
    pub(super) edge: Arc<Edge>,
    /// Whose request it is.
    pub(super) session: Arc<Session>,
    /// What it came with.
    pub(super) inbound: Arc<Inbound>,
    /// The request as the client sent it.
    pub(super) request: Request,
    /// Where messages go.
    pub(super) voice: Voice,
}

impl Call {
    /// Answers the request.
    pub(super) async fn run(&self) -> Answer {
        let empty = || Ok(Members::new().to_raw());
        let payload = match self.request.method.as_str() {
            method::PING => empty(),
            _ if !self.session.is_open() => Err(RpcError::new(code::LEGACY_SERVER, "send `initialize` first")),
            method::SET_LEVEL => levels::set(&self.session, &self.request.params).and_then(|()| empty()),
            subscriptions::SUBSCRIBE => subscriptions::subscribe(self).await.and_then(|()| empty()),
            subscriptions::UNSUBSCRIBE => subscriptions::unsubscribe(self).await.and_then(|()| empty()),
            method::DISCOVER | method::LISTEN | method::INITIALIZE => {
                let told = format!("method `{}` does not belong to this revision", self.request.method);
                Err(RpcError::new(code::METHOD_NOT_FOUND, told))
            }
            _ => return self.rounds().await,
        };
        Answer::Message(Response { id: Some(self.request.id.clone()), payload })
    }

    async fn rounds(&self) -> Answer {
        let limits = self.edge.live.limits();
        let patience = Duration::from_millis(limits.question_timeout_ms);
        let mut params = self.request.params.clone();
        for round in 0..=limits.question_rounds_max {
            let response = match self.round(params).await {
                Answer::Message(response) => response,
                refused => return refused,
            };
            let asked = match InputRequired::read(&self.request.method, &response) {
                Ok(None) => return self.shaped(response),
                Ok(Some(asked)) if round < limits.question_rounds_max => asked,
                Ok(Some(_)) => {
                    let told = format!("the server went on asking after {round} rounds of questions");
                    return self.failed(RpcError::new(code::INTERNAL_ERROR, told));
                }
                Err(error) => return self.failed(error),
            };
            let answers = if asked.requests.is_empty() {
                pace(round).await;
                Members::new()
            } else {
                match ask::ask(self, &asked, patience).await {
                    Ok(answers) => answers,
                    Err(error) => return self.failed(error),
                }
            };
            params = asked.retry(&self.request.params, &answers);
        }
        self.failed(RpcError::new(code::INTERNAL_ERROR, "the server asked too often"))
    }

    /// One exchange; what comes before its answer goes out at once.
    async fn round(&self, mut params: Members) -> Answer {
        let Some(pipeline) = self.edge.live.pipeline() else {
            return Answer::Refused(self.request.id.clone(), Box::new(not_ready()));
        };
        envelope::modernise(&mut params, Some(&self.session));
        let request = Request { id: self.request.id.clone(), method: self.request.method.clone(), params };
        let mut exchange = self.inbound.exchange(request);
        exchange.affinity = Some(self.session.id.clone());
        let record = pipeline.record(exchange, &self.request.method, self.inbound.bytes);
        let (client, mut outgoing) = mpsc::channel::<Outgoing>(OUTGOING_MAX);
        let mut serve = Box::pin(pipeline.serve(record, client));
        let mut served = false;
        loop {
            tokio::select! {
                biased;
                told = outgoing.recv() => match told {
                    Some(Outgoing::Local(reply)) => return Answer::Refused(self.request.id.clone(), Box::new(reply)),
                    Some(Outgoing::Message(Message::Response(response))) => return Answer::Message(response),
                    Some(Outgoing::Message(other)) => self.tell(other).await,
                    // Not to a session.
                    Some(Outgoing::Piece { .. }) => {}
                    None => return self.failed(RpcError::new(code::INTERNAL_ERROR, "the exchange ended without an answer")),
                },
                () = &mut serve, if !served => served = true,
            }
        }
    }

    /// A message on the way to the answer.
    async fn tell(&self, message: Message) {
        let Message::Notification(note) = message else {
            return;
        };
        if let (true, Some(note)) = (self.voice.streams, shape::notification(self.session.revision(), note)) {
            // Nobody reads any more: the answer is still awaited, for the record.
            let _ = self.voice.writer.push(Message::Notification(note).to_json()).await;
        }
    }

    fn shaped(&self, mut response: Response) -> Answer {
        let (method, revision) = (self.request.method.as_str(), self.session.revision());
        response.payload = match response.payload {
            Ok(result) => Ok(shape::result(method, revision, &result)),
            Err(error) => Err(shape::error(method, error)),
        };
        Answer::Message(response)
    }

    fn failed(&self, error: RpcError) -> Answer {
        Answer::Message(shim::failed(self.request.id.clone(), &self.request.method, error))
    }
}

/// Waits before a retry that has nothing to wait for.
#[expect(clippy::disallowed_methods, reason = "the server asks to be asked again, and says nothing of when")]
async fn pace(round: u32) {
    tokio::time::sleep(PACE * (round + 1)).await;
}

//! Asking a legacy client what a server wants to know: all questions at once, on the stream of the call they belong to.

use super::{
    call::Call,
    questions::Question,
    shim::{self, InputRequired},
    streams::Writer,
};
use futures::future::try_join_all;
use protocol::{Members, Message, Notification, RpcError, code, method};
use std::{sync::Arc, time::Duration};

/// Asks everything that `wanted` holds and waits for the answers.
///
/// # Errors
/// Why the call cannot go on.
pub(super) async fn ask(call: &Call, wanted: &InputRequired, patience: Duration) -> Result<Members, RpcError> {
    let session = &call.session;
    let writer = stream(call)?;
    let mut open = Vec::new();
    for (key, entry) in &wanted.requests {
        let asked = shim::question(session, entry)?;
        open.push((key, asked.0.clone(), asked));
    }
    let mut asked = Asked { questions: Vec::new(), writer };
    let answers = async {
        for (key, method, request) in open {
            let question = session.questions.ask();
            let message = Message::Request(shim::request(question.id.clone(), request));
            asked.questions.push((key.clone(), method, question));
            asked.writer.push(message.to_json()).await.map_err(|_| gone())?;
        }
        let answers = asked.questions.iter_mut().map(|(key, method, question)| async move {
            let response = question.answer().await.ok_or_else(gone)?;
            Ok::<_, RpcError>((key.clone(), shim::answer(method, response)?))
        });
        try_join_all(answers).await
    };
    let answers = tokio::time::timeout(patience, answers).await.map_err(|_| late())??;
    let mut members = Members::new();
    for (key, answer) in answers {
        members.set_raw(&key, answer);
    }
    Ok(members)
}

/// The call's own stream where the client reads it as one, else the stream that belongs to no request.
fn stream(call: &Call) -> Result<Arc<Writer>, RpcError> {
    if call.voice.streams {
        return Ok(call.voice.writer.clone());
    }
    let standalone = call.session.standalone();
    if standalone.is_followed() {
        return Ok(Arc::new(standalone));
    }
    let told = "the server asks the client something, and there is no stream to ask it on: accept `text/event-stream`";
    Err(RpcError::new(code::INTERNAL_ERROR, told))
}

/// What was asked. Dropped with questions still open, the client is told that their answers are of no use any more.
struct Asked {
    questions: Vec<(String, String, Question)>,
    writer: Arc<Writer>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        for (_, _, question) in self.questions.iter().filter(|(_, _, question)| question.is_open()) {
            let mut params = Members::new();
            params.set("requestId", &question.id);
            params.set("reason", "the answer is of no use any more");
            let message = Message::Notification(Notification { method: method::CANCELLED.to_owned(), params });
            self.writer.push_lossy(message.to_json());
        }
    }
}

fn gone() -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, "the client went away before it answered the server's question")
}

fn late() -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, "the client did not answer the server's question in time")
}

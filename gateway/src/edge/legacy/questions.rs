//! What a session's client was asked and has not answered: ids, and who waits for the answers.

use super::{lock, session};
use protocol::{Id, Response};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::oneshot;

/// Open questions to one client.
#[derive(Default)]
pub(super) struct Questions {
    open: Mutex<HashMap<Id, oneshot::Sender<Response>>>,
}

impl Questions {
    /// A fresh, unguessable id, and where the answer to it arrives.
    pub(super) fn ask(self: &Arc<Self>) -> Question {
        let id = Id::Text(session::random());
        let (sender, answer) = oneshot::channel();
        lock(&self.open).insert(id.clone(), sender);
        Question { id, answer, all: self.clone() }
    }

    /// The client answers; an answer to nothing that was asked is ignored.
    pub(super) fn answer(&self, response: Response) {
        let waiting = response.id.as_ref().and_then(|id| lock(&self.open).remove(id));
        if let Some(waiting) = waiting {
            let _ = waiting.send(response);
        }
    }
}

/// One open question; dropping it means that the answer is of no use any more.
pub(super) struct Question {
    /// The id it is asked under.
    pub(super) id: Id,
    answer: oneshot::Receiver<Response>,
    all: Arc<Questions>,
}

impl Question {
    /// The client's answer; none when the question was given up.
    pub(super) async fn answer(&mut self) -> Option<Response> {
        (&mut self.answer).await.ok()
    }

    /// Whether it is still to be answered.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.all.open).contains_key(&self.id)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        lock(&self.all.open).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{RpcError, code};

    #[tokio::test]
    async fn an_answer_reaches_who_asked_and_nobody_else() {
        let (here, elsewhere) = (Arc::new(Questions::default()), Arc::new(Questions::default()));
        let mut question = here.ask();
        assert_ne!(question.id, here.ask().id);
        let answer = || Response::error(Some(question.id.clone()), RpcError::new(code::INTERNAL_ERROR, "no"));
        elsewhere.answer(answer());
        assert!(question.is_open(), "questions of another session");
        here.answer(answer());
        here.answer(answer());
        assert!(!question.is_open());
        assert!(question.answer().await.unwrap().payload.is_err());
    }
}

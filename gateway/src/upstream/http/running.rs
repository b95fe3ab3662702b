//! The requests that work in one legacy session, for what the server says on a channel of its own. Progress there says which
//! of them it is about; a question or a log message does not.

use crate::upstream::{
    duplex,
    legacy::{self, session::Heard},
    remap::{self, Remap},
};
use parking_lot::Mutex;
use protocol::{Id, Notification, Request, Response, method};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc;

/// What waits for one caller to hear it; beyond it notifications are lost, and questions are refused.
const SAID_MAX: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct Running(Mutex<Vec<Entry>>);

struct Entry {
    own: i64,
    askable: bool,
    remap: Remap,
    answered: Arc<AtomicBool>,
    said: mpsc::Sender<Heard>,
}

/// Takes the request out when dropped.
pub(super) struct Mark {
    running: Arc<Running>,
    own: i64,
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.running.0.lock().retain(|entry| entry.own != self.own);
    }
}

impl Running {
    /// Notes that request `own`, a `method`, works; gives what is said to it elsewhere. `answered` is set with its answer.
    pub(super) fn enter(
        self: &Arc<Self>,
        own: i64,
        method: &str,
        (remap, answered): (Remap, Arc<AtomicBool>),
    ) -> (Mark, mpsc::Receiver<Heard>) {
        let (said, heard) = mpsc::channel(SAID_MAX);
        self.0.lock().push(Entry { own, askable: duplex::is_askable(method), remap, answered, said });
        (Mark { running: Arc::clone(self), own }, heard)
    }

    /// Gives an answer that came elsewhere to the request it is for: some servers answer on whatever stream is open.
    pub(super) fn answer(&self, response: Response) {
        let entries = self.0.lock();
        let mine = |entry: &&Entry| response.id == Some(Id::Number(entry.own));
        if let Some(entry) = entries.iter().find(mine) {
            entry.answered.store(true, Ordering::Relaxed);
            let _ = entry.said.try_send(Heard::Response(entry.remap.response(response)));
        }
    }

    /// Carries `question` to the latest request whose client can be asked; gives it back if there is none.
    pub(super) fn ask(&self, question: Request) -> Option<Request> {
        let entries = self.0.lock();
        let Some(latest) = entries.iter().filter(|entry| entry.askable).max_by_key(|entry| entry.own) else {
            return Some(question);
        };
        match latest.said.try_send(Heard::Question(question)) {
            Err(mpsc::error::TrySendError::Full(Heard::Question(question)))
            | Err(mpsc::error::TrySendError::Closed(Heard::Question(question))) => Some(question),
            _ => None,
        }
    }

    /// Carries progress to the request it is about, and a log message, or the word that a question is taken back, to the
    /// only request it can be about; gives back what is another's or nobody's.
    pub(super) fn tell(&self, note: Notification) -> Option<Notification> {
        let entries = self.0.lock();
        if note.method == remap::PROGRESS {
            progress(&entries, note);
            return None;
        }
        match (entries.as_slice(), note.method.as_str()) {
            ([only], legacy::LOG_MESSAGE | method::CANCELLED) => {
                // A client too slow for its log misses some of it.
                let _ = only.said.try_send(Heard::Note(note));
                None
            }
            _ => Some(note),
        }
    }
}

/// Progress of none of them is that of a request which was answered or given up meanwhile: it is dropped.
fn progress(entries: &[Entry], note: Notification) {
    let own = remap::token_of(&note.params);
    if let Some(entry) = entries.iter().find(|entry| own == Some(entry.own))
        && let Some(note) = entry.remap.progress(note)
    {
        // A client too slow for its progress misses some of it.
        let _ = entry.said.try_send(Heard::Note(note));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Members;

    fn enter(running: &Arc<Running>, own: i64, method: &str) -> (Mark, mpsc::Receiver<Heard>) {
        let params = serde_json::from_str(r#"{"_meta":{"progressToken":"t"}}"#).unwrap();
        let mut request = Request { id: Id::Text("client".to_owned()), method: method.to_owned(), params };
        let remap = Remap::outgoing(&mut request, own);
        running.enter(own, method, (remap, Arc::default()))
    }

    fn question() -> Request {
        Request { id: Id::Number(1), method: "elicitation/create".to_owned(), params: Members::new() }
    }

    fn log() -> Notification {
        Notification { method: legacy::LOG_MESSAGE.to_owned(), params: Members::new() }
    }

    #[test]
    fn the_latest_that_can_be_asked_is_asked() {
        let running = Arc::new(Running::default());
        assert!(running.ask(question()).is_some());
        let (_first, mut one) = enter(&running, 1, method::TOOLS_CALL);
        let (second, mut two) = enter(&running, 2, method::PROMPTS_GET);
        let (_list, _) = enter(&running, 3, method::TOOLS_LIST);
        assert!(running.ask(question()).is_none());
        assert!(one.try_recv().is_err() && two.try_recv().is_ok());
        drop(second);
        assert!(running.ask(question()).is_none());
        assert!(one.try_recv().is_ok());
    }

    #[test]
    fn an_answer_on_another_stream_finds_its_request() {
        let running = Arc::new(Running::default());
        let (_first, mut one) = enter(&running, 1, method::TOOLS_CALL);
        let (_second, mut two) = enter(&running, 2, method::TOOLS_CALL);
        for id in [2, 9] {
            running.answer(Response::ok(Id::Number(id), Members::new().to_raw()));
        }
        let Ok(Heard::Response(response)) = two.try_recv() else { panic!("a response") };
        assert_eq!(response.id, Some(Id::Text("client".to_owned())));
        assert!(one.try_recv().is_err());
    }

    #[test]
    fn progress_goes_to_its_request_under_the_clients_token() {
        let running = Arc::new(Running::default());
        let (_first, mut one) = enter(&running, 1, method::TOOLS_CALL);
        let (_second, mut two) = enter(&running, 2, method::TOOLS_CALL);
        for own in [2, 9] {
            let mut params = Members::new();
            params.set("progressToken", &own);
            assert!(running.tell(Notification { method: remap::PROGRESS.to_owned(), params }).is_none());
        }
        let Ok(Heard::Note(note)) = two.try_recv() else { panic!("progress") };
        assert_eq!(note.params.read::<String>("progressToken").as_deref(), Some("t"));
        assert!(one.try_recv().is_err() && two.try_recv().is_err());
    }

    #[test]
    fn a_log_message_goes_to_the_only_one() {
        let running = Arc::new(Running::default());
        let (_first, mut one) = enter(&running, 1, method::TOOLS_LIST);
        assert!(running.tell(log()).is_none());
        assert!(one.try_recv().is_ok());
        let (_second, _two) = enter(&running, 2, method::TOOLS_LIST);
        assert!(running.tell(log()).is_some());
    }
}

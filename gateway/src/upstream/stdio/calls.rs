//! The requests a child is working on, and what its messages mean to them. No I/O.

use super::super::{UpstreamError, legacy, remap, remap::Remap};
use protocol::{Id, Message, Notification, Request, Response, method};
use std::collections::HashMap;
use tokio::sync::{mpsc, oneshot};

/// A request on its way to the child, and where its answer goes.
pub(super) struct Outgoing {
    /// The id it has towards the child.
    pub(super) own: i64,
    /// Not yet renamed.
    pub(super) request: Request,
    /// Whether its client asked for log messages.
    pub(super) wants_logs: bool,
    /// Takes what the child tells about it.
    pub(super) notes: mpsc::Sender<Message>,
    /// Takes the answer.
    pub(super) response: oneshot::Sender<Result<Response, UpstreamError>>,
}

/// What came of a message from the child.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is on its way, or was nobody's.
    Done,
    /// A list of the server changed.
    ListsChanged,
    /// To be written back.
    Answer(Message),
    /// About no request in particular.
    Unattributed(Notification),
}

struct Waiting {
    remap: Remap,
    wants_logs: bool,
    /// Stands open for changes; it never causes a log message.
    listens: bool,
    notes: mpsc::Sender<Message>,
    response: oneshot::Sender<Result<Response, UpstreamError>>,
}

/// The requests in flight, by their ids towards the child.
#[derive(Default)]
pub(super) struct Calls(HashMap<i64, Waiting>);

impl Calls {
    /// Takes the request in; gives what is to be written. None when nobody waits for it any more.
    pub(super) fn begin(&mut self, outgoing: Outgoing) -> Option<Message> {
        let Outgoing { own, mut request, wants_logs, notes, response } = outgoing;
        if response.is_closed() {
            return None;
        }
        let listens = request.method == method::LISTEN;
        let remap = Remap::outgoing(&mut request, own);
        self.0.insert(own, Waiting { remap, wants_logs, listens, notes, response });
        Some(Message::Request(request))
    }

    /// Gives the request up; whether it was still in flight.
    pub(super) fn cancel(&mut self, own: i64) -> bool {
        self.0.remove(&own).is_some()
    }

    /// Sorts a message of the child.
    pub(super) fn hear(&mut self, message: Message) -> Heard {
        match message {
            Message::Response(response) => {
                self.finish(response);
                Heard::Done
            }
            Message::Request(request) => Heard::Answer(legacy::answer(&request, &legacy::Declared::default())),
            Message::Notification(note) if legacy::is_list_change(&note) => Heard::ListsChanged,
            Message::Notification(note) if note.method == remap::PROGRESS => {
                self.progress(note);
                Heard::Done
            }
            Message::Notification(note) => self.note(note),
        }
    }

    fn finish(&mut self, response: Response) {
        let Some(Id::Number(own)) = response.id else {
            return;
        };
        // Unknown ids are late answers to requests that were given up.
        if let Some(waiting) = self.0.remove(&own) {
            let response = waiting.remap.response(response);
            let _ = waiting.response.send(Ok(response));
        }
    }

    fn progress(&self, note: Notification) {
        let waiting = remap::token_of(&note.params).and_then(|own| self.0.get(&own));
        if let Some(waiting) = waiting
            && let Some(note) = waiting.remap.progress(note)
        {
            // A client too slow for its progress misses some of it; nobody else waits.
            let _ = waiting.notes.try_send(Message::Notification(note));
        }
    }

    /// A log message has no word on its request: it is the client's only if it cannot be another's.
    fn note(&self, note: Notification) -> Heard {
        let mut working = self.0.values().filter(|waiting| !waiting.listens);
        match (working.next(), working.next()) {
            (Some(waiting), None) if waiting.wants_logs && note.method == legacy::LOG_MESSAGE => {
                let _ = waiting.notes.try_send(Message::Notification(note));
                Heard::Done
            }
            _ => Heard::Unattributed(note),
        }
    }

    /// Ends request `own`, or all of them if that one is unknown, with `error`.
    pub(super) fn fail(&mut self, own: Option<i64>, error: &UpstreamError) {
        match own.and_then(|own| self.0.remove(&own)) {
            Some(waiting) => {
                let _ = waiting.response.send(Err(error.clone()));
            }
            None => {
                for (_, waiting) in self.0.drain() {
                    let _ = waiting.response.send(Err(error.clone()));
                }
            }
        }
    }
}

/// The request a message answers of which only the two ends are known: writers put the id first or last.
pub(super) fn answered_by(head: &[u8], tail: &[u8]) -> Option<i64> {
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    let first = head.split("\"result\"").next().and_then(|head| head.rsplit_once("\"id\":"));
    let last = tail.trim_end().strip_suffix('}').and_then(|tail| tail.rsplit_once("\"id\":"));
    let number = |text: &str| text.trim().trim_end_matches(',').trim_end().parse::<i64>().ok();
    first.and_then(|(_, text)| number(text)).or_else(|| last.and_then(|(_, text)| number(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Client {
        notes: mpsc::Receiver<Message>,
        response: oneshot::Receiver<Result<Response, UpstreamError>>,
    }

    /// Begins a request with `meta` under the id `own`.
    fn check(calls: &mut Calls, own: i64, meta: &str) -> Client {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"same","method":"tools/call","params":{{"_meta":{meta}}}}}"#);
        let Message::Request(request) = Message::parse(text.as_bytes()).unwrap() else { panic!("a request") };
        let ((notes, notes_rx), (response, response_rx)) = (mpsc::channel(2), oneshot::channel());
        let wants_logs = meta.contains("logLevel");
        calls.begin(Outgoing { own, request, wants_logs, notes, response }).unwrap();
        Client { notes: notes_rx, response: response_rx }
    }

    fn hear(calls: &mut Calls, text: &str) -> Heard {
        calls.hear(Message::parse(text.as_bytes()).unwrap())
    }

    fn progress(calls: &mut Calls, own: i64) {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{own},"progress":1}}}}"#
        );
        hear(calls, &text);
    }

    #[test]
    fn two_clients_with_the_same_id_and_token_get_their_own() {
        let mut calls = Calls::default();
        let mut a = check(&mut calls, 1, r#"{"progressToken":"t"}"#);
        let mut b = check(&mut calls, 2, r#"{"progressToken":"t"}"#);
        progress(&mut calls, 2);
        assert!(a.notes.try_recv().is_err());
        assert!(b.notes.try_recv().unwrap().to_json().contains(r#""progressToken":"t""#));
        hear(&mut calls, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
        assert!(a.response.try_recv().is_err());
        let response = b.response.try_recv().unwrap().unwrap();
        assert_eq!(response.id, Some(Id::Text("same".to_owned())));
    }

    #[test]
    fn a_slow_client_misses_progress_and_nothing_else() {
        let mut calls = Calls::default();
        let mut a = check(&mut calls, 1, r#"{"progressToken":"t"}"#);
        (0..10).for_each(|_| progress(&mut calls, 1));
        hear(&mut calls, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        assert_eq!(std::iter::from_fn(|| a.notes.try_recv().ok()).count(), 2);
        assert!(a.response.try_recv().unwrap().is_ok());
    }

    #[test]
    fn late_and_foreign_answers_are_ignored() {
        let mut calls = Calls::default();
        let mut a = check(&mut calls, 1, "{}");
        assert!(calls.cancel(1) && !calls.cancel(1));
        for id in ["1", "9", "\"1\"", "null"] {
            hear(&mut calls, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
        }
        assert!(a.response.try_recv().is_err());
    }

    #[test]
    fn a_log_message_is_given_to_the_only_one_who_asked() {
        let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;
        let mut calls = Calls::default();
        let mut a = check(&mut calls, 1, r#"{"io.modelcontextprotocol/logLevel":"debug"}"#);
        assert!(matches!(hear(&mut calls, log), Heard::Done));
        assert!(a.notes.try_recv().is_ok());
        let mut b = check(&mut calls, 2, r#"{"io.modelcontextprotocol/logLevel":"debug"}"#);
        assert!(matches!(hear(&mut calls, log), Heard::Unattributed(_)));
        assert!(a.notes.try_recv().is_err() && b.notes.try_recv().is_err());
    }

    #[test]
    fn the_servers_own_requests_are_answered() {
        let heard = hear(&mut Calls::default(), r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#);
        assert!(matches!(heard, Heard::Answer(answer) if answer.to_json().contains("-32601")));
        let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        assert!(matches!(hear(&mut Calls::default(), changed), Heard::ListsChanged));
    }

    #[test]
    fn a_message_is_recognised_by_its_ends() {
        let check = |head: &str, tail: &str| answered_by(head.as_bytes(), tail.as_bytes());
        assert_eq!(check(r#"{"jsonrpc":"2.0","id":7,"result":{"id":9,"#, "xxx"), Some(7));
        assert_eq!(check(r#"{"result":{"content":[{"id":9,"#, r#"]},"jsonrpc":"2.0","id": 7}"#), Some(7));
        assert_eq!(check("xxxx", "yyyy"), None);
    }
}

//! The requests a server is working on, and what its messages mean to them.

use super::super::{
    UpstreamError,
    legacy::{self, Declared, session::Heard},
    remap::{self, Remap},
};
use protocol::{Id, Message, Notification, Request, Response, meta, method};
use std::collections::HashMap;
use tokio::sync::{mpsc, oneshot};

/// A request on its way to the server, and where its answer goes.
pub(in crate::upstream) struct Outgoing {
    /// The id it has towards the server.
    pub(in crate::upstream) own: i64,
    /// Not yet renamed.
    pub(in crate::upstream) request: Request,
    /// Takes what the server says about it.
    pub(in crate::upstream) said: mpsc::Sender<Heard>,
    /// Takes the answer.
    pub(in crate::upstream) response: oneshot::Sender<Result<Response, UpstreamError>>,
}

/// What came of a message from the server.
#[derive(Debug)]
pub(in crate::upstream) enum Sorted {
    /// It is on its way, or was nobody's.
    Done,
    /// A list of the server changed.
    ListsChanged(Notification),
    /// To be written back.
    Answer(Message),
    /// About no request in particular.
    Notice(Notification),
}

struct Waiting {
    remap: Remap,
    /// Stands open for changes; it never causes a log message.
    listens: bool,
    /// A question of the server can be carried to who waits.
    askable: bool,
    /// Log messages mean something to who waits; on the way to a legacy server only its rim knows.
    wants_logs: bool,
    said: mpsc::Sender<Heard>,
    response: oneshot::Sender<Result<Response, UpstreamError>>,
}

/// The requests in flight, by their ids towards the server.
pub(in crate::upstream) struct Calls {
    waiting: HashMap<i64, Waiting>,
    /// What the server was told its client can be asked; none for a modern server, which asks nothing.
    declared: Option<Declared>,
}

impl Calls {
    /// None in flight; `declared` to a legacy server.
    pub(in crate::upstream) fn new(declared: Option<Declared>) -> Self {
        Self { waiting: HashMap::new(), declared }
    }

    /// The server is a legacy one, and was told that its client can be asked this.
    pub(in crate::upstream) fn declared(&mut self, declared: Declared) {
        self.declared = Some(declared);
    }

    /// Takes the request in; gives what is to be written. None when nobody waits for it any more.
    pub(in crate::upstream) fn begin(&mut self, outgoing: Outgoing) -> Option<Message> {
        let Outgoing { own, mut request, said, response } = outgoing;
        if response.is_closed() {
            return None;
        }
        let listens = request.method == method::LISTEN;
        let askable = is_askable(&request.method);
        let wants_logs = self.declared.is_some() || meta::view(&request.params).get(meta::LOG_LEVEL).is_some();
        let remap = Remap::outgoing(&mut request, own);
        self.waiting.insert(own, Waiting { remap, listens, askable, wants_logs, said, response });
        Some(Message::Request(request))
    }

    /// Gives the request up; whether it was still in flight.
    pub(in crate::upstream) fn cancel(&mut self, own: i64) -> bool {
        self.waiting.remove(&own).is_some()
    }

    /// Sorts a message of the server.
    pub(in crate::upstream) fn hear(&mut self, message: Message) -> Sorted {
        match message {
            Message::Response(response) => {
                self.finish(response);
                Sorted::Done
            }
            Message::Request(request) => self.question(request),
            Message::Notification(note) if legacy::is_list_change(&note) => Sorted::ListsChanged(note),
            Message::Notification(note) if note.method == remap::PROGRESS => {
                self.progress(note);
                Sorted::Done
            }
            Message::Notification(note) => self.note(note),
        }
    }

    fn finish(&mut self, response: Response) {
        let Some(Id::Number(own)) = response.id else {
            return;
        };
        // Unknown ids are late answers to requests that were given up.
        if let Some(waiting) = self.waiting.remove(&own) {
            let response = waiting.remap.response(response);
            let _ = waiting.response.send(Ok(response));
        }
    }

    /// A question does not say which request it is about: it goes with the latest whose client can be asked. All of them
    /// are one user's, because a server that may ask is shared with nobody.
    fn question(&mut self, question: Request) -> Sorted {
        let Some(declared) = &self.declared else {
            return Sorted::Answer(legacy::answer(&question, &Declared::default()));
        };
        let latest = self.waiting.iter().filter(|(_, waiting)| waiting.askable).max_by_key(|(own, _)| **own);
        match latest {
            Some((_, waiting)) => match waiting.said.try_send(Heard::Question(question)) {
                Ok(()) => Sorted::Done,
                Err(mpsc::error::TrySendError::Full(heard) | mpsc::error::TrySendError::Closed(heard)) => match heard {
                    Heard::Question(question) => Sorted::Answer(legacy::answer(&question, declared)),
                    Heard::Note(_) | Heard::Response(_) | Heard::Long(_) => Sorted::Done,
                },
            },
            None => Sorted::Answer(legacy::answer(&question, declared)),
        }
    }

    fn progress(&self, note: Notification) {
        let waiting = remap::token_of(&note.params).and_then(|own| self.waiting.get(&own));
        if let Some(waiting) = waiting
            && let Some(note) = waiting.remap.progress(note)
        {
            // A client too slow for its progress misses some of it; nobody else waits.
            let _ = waiting.said.try_send(Heard::Note(note));
        }
    }

    /// What belongs to a subscription says so. A log message says nothing: it is the client's only if it cannot be
    /// another's. So is the word that a question is taken back.
    fn note(&self, note: Notification) -> Sorted {
        if let Some(waiting) = remap::subscription_of(&note.params).and_then(|own| self.waiting.get(&own)) {
            let _ = waiting.said.try_send(Heard::Note(waiting.remap.subscription(note)));
            return Sorted::Done;
        }
        let mut working = self.waiting.values().filter(|waiting| !waiting.listens);
        match (working.next(), working.next(), note.method.as_str()) {
            (Some(waiting), None, legacy::LOG_MESSAGE | method::CANCELLED) if waiting.wants_logs => {
                let _ = waiting.said.try_send(Heard::Note(note));
                Sorted::Done
            }
            _ => Sorted::Notice(note),
        }
    }

    /// Ends request `own`, or all of them if that one is unknown, with `error`.
    pub(in crate::upstream) fn fail(&mut self, own: Option<i64>, error: &UpstreamError) {
        match own.and_then(|own| self.waiting.remove(&own)) {
            Some(waiting) => {
                let _ = waiting.response.send(Err(error.clone()));
            }
            None => {
                for (_, waiting) in self.waiting.drain() {
                    let _ = waiting.response.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Whether somebody who waits for `method` can be asked something meanwhile (2026-07-28 basic/patterns/mrtr; the results
/// of 2025-11-25 tasks).
pub(in crate::upstream) fn is_askable(method: &str) -> bool {
    matches!(method, method::TOOLS_CALL | method::PROMPTS_GET | method::RESOURCES_READ | "tasks/result")
}

/// The request a message answers of which only the two ends are known: writers put the id first or last.
pub(in crate::upstream) fn answered_by(head: &[u8], tail: &[u8]) -> Option<i64> {
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
        said: mpsc::Receiver<Heard>,
        response: oneshot::Receiver<Result<Response, UpstreamError>>,
    }

    /// Begins a request with `meta` under the id `own`.
    fn check(calls: &mut Calls, own: i64, meta: &str) -> Client {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"same","method":"tools/call","params":{{"_meta":{meta}}}}}"#);
        let Message::Request(request) = Message::parse(text.as_bytes()).unwrap() else { panic!("a request") };
        let ((said, said_rx), (response, response_rx)) = (mpsc::channel(2), oneshot::channel());
        calls.begin(Outgoing { own, request, said, response }).unwrap();
        Client { said: said_rx, response: response_rx }
    }

    fn hear(calls: &mut Calls, text: &str) -> Sorted {
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
        let mut calls = Calls::new(None);
        let mut a = check(&mut calls, 1, r#"{"progressToken":"t"}"#);
        let mut b = check(&mut calls, 2, r#"{"progressToken":"t"}"#);
        progress(&mut calls, 2);
        assert!(a.said.try_recv().is_err());
        let Ok(Heard::Note(note)) = b.said.try_recv() else { panic!("progress") };
        assert_eq!(note.params.read::<String>("progressToken").as_deref(), Some("t"));
        hear(&mut calls, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
        assert!(a.response.try_recv().is_err());
        let response = b.response.try_recv().unwrap().unwrap();
        assert_eq!(response.id, Some(Id::Text("same".to_owned())));
    }

    #[test]
    fn a_slow_client_misses_progress_and_nothing_else() {
        let mut calls = Calls::new(None);
        let mut a = check(&mut calls, 1, r#"{"progressToken":"t"}"#);
        (0..10).for_each(|_| progress(&mut calls, 1));
        hear(&mut calls, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        assert_eq!(std::iter::from_fn(|| a.said.try_recv().ok()).count(), 2);
        assert!(a.response.try_recv().unwrap().is_ok());
    }

    #[test]
    fn late_and_foreign_answers_are_ignored() {
        let mut calls = Calls::new(None);
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
        let mut calls = Calls::new(None);
        let mut a = check(&mut calls, 1, r#"{"io.modelcontextprotocol/logLevel":"debug"}"#);
        assert!(matches!(hear(&mut calls, log), Sorted::Done));
        assert!(a.said.try_recv().is_ok());
        let mut b = check(&mut calls, 2, r#"{"io.modelcontextprotocol/logLevel":"debug"}"#);
        assert!(matches!(hear(&mut calls, log), Sorted::Notice(_)));
        assert!(a.said.try_recv().is_err() && b.said.try_recv().is_err());
    }

    #[test]
    fn the_servers_own_requests_are_answered() {
        let heard = hear(&mut Calls::new(None), r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#);
        assert!(matches!(heard, Sorted::Answer(answer) if answer.to_json().contains("-32601")));
        let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        assert!(matches!(hear(&mut Calls::new(None), changed), Sorted::ListsChanged(_)));
    }

    #[test]
    fn a_question_goes_with_the_latest_call_that_can_be_asked() {
        let mut calls = Calls::new(Some(Declared::default()));
        let mut first = check(&mut calls, 1, "{}");
        let mut second = check(&mut calls, 2, "{}");
        let ask = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create"}"#;
        assert!(matches!(hear(&mut calls, ask), Sorted::Done));
        assert!(first.said.try_recv().is_err());
        assert!(
            matches!(second.said.try_recv(), Ok(Heard::Question(question)) if question.id == Id::Text("q".to_owned()))
        );
        calls.cancel(1);
        calls.cancel(2);
        assert!(matches!(hear(&mut calls, ask), Sorted::Answer(_)));
    }

    #[test]
    fn what_belongs_to_a_subscription_goes_there() {
        let mut calls = Calls::new(None);
        let text = r#"{"jsonrpc":"2.0","id":"s","method":"subscriptions/listen","params":{}}"#;
        let Message::Request(request) = Message::parse(text.as_bytes()).unwrap() else { panic!("a request") };
        let ((said, mut told), (response, _answer)) = (mpsc::channel(2), oneshot::channel());
        calls.begin(Outgoing { own: 5, request, said, response }).unwrap();
        let of = |own: i64| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{own}}}}}}}"#
            )
        };
        assert!(matches!(hear(&mut calls, &of(6)), Sorted::Notice(_)));
        assert!(matches!(hear(&mut calls, &of(5)), Sorted::Done));
        let Ok(Heard::Note(note)) = told.try_recv() else { panic!("a notification") };
        assert_eq!(meta::of(&note.params).read::<String>(meta::SUBSCRIPTION_ID).as_deref(), Some("s"));
    }

    #[test]
    fn a_message_is_recognised_by_its_ends() {
        let check = |head: &str, tail: &str| answered_by(head.as_bytes(), tail.as_bytes());
        assert_eq!(check(r#"{"jsonrpc":"2.0","id":7,"result":{"id":9,"#, "xxx"), Some(7));
        assert_eq!(check(r#"{"result":{"content":[{"id":9,"#, r#"]},"jsonrpc":"2.0","id": 7}"#), Some(7));
        assert_eq!(check("xxxx", "yyyy"), None);
    }
}

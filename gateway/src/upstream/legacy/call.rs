//! One request on its way to a legacy server, and its answer on the way back: what is taken off and put on.

use super::{LOG_MESSAGE, levels, listen};
use crate::upstream::remap::PROGRESS;
use protocol::{Members, Notification, Request, Response, Revision, code, meta, method};
use serde_json::value::RawValue;

/// `resources/read` of something that is not there, as legacy servers say it (2025-11-25 server/resources).
const RESOURCE_NOT_FOUND: i64 = -32_002;
/// An address of an elicitation was visited; modern clients know no such message.
const ELICITED: &str = "notifications/elicitation/complete";

/// What is remembered of a request while a legacy server works on it.
#[derive(Debug)]
pub(in crate::upstream) struct Call {
    pub(super) method: String,
    uri: Option<String>,
    log_level: Option<usize>,
    token: Option<Box<RawValue>>,
}

impl Call {
    /// Makes `request` one that a server of that `revision` understands.
    pub(in crate::upstream) fn outgoing(request: &mut Request, revision: Revision) -> Self {
        let (log_level, token) = wishes(request);
        meta::strip_envelope(&mut request.params);
        request.params.remove("inputResponses");
        request.params.remove("requestState");
        if request.method == method::COMPLETE && revision < Revision::V2025_06_18 {
            request.params.remove("context");
        }
        let uri = if request.method == method::RESOURCES_READ { request.params.read("uri") } else { None };
        Self { method: request.method.clone(), uri, log_level, token }
    }

    /// The same call goes on under `request`, which repeats it.
    pub(super) fn repeated(&mut self, request: &Request) {
        (self.log_level, self.token) = wishes(request);
    }

    /// The level of log messages wanted, as a rank.
    pub(super) fn level(&self) -> Option<usize> {
        self.log_level
    }

    /// Makes the answer a modern one.
    pub(in crate::upstream) fn incoming(&self, response: &mut Response) {
        match &mut response.payload {
            Ok(result) => {
                if let Ok(mut members) = Members::open(result) {
                    self.complete(&mut members);
                    *result = members.to_raw();
                }
            }
            Err(error) if error.code == RESOURCE_NOT_FOUND => {
                error.code = code::INVALID_PARAMS;
                if error.data.is_none()
                    && let Some(uri) = &self.uri
                {
                    let mut data = Members::new();
                    data.set("uri", uri);
                    error.data = Some(data.to_raw());
                }
            }
            Err(_) => {}
        }
    }

    /// Legacy servers have no other kind of result, and no word on how long it is good for.
    pub(super) fn complete(&self, result: &mut Members) {
        result.set("resultType", "complete");
        if method::list_member(&self.method).is_some() || self.method == method::RESOURCES_READ {
            if result.read::<u64>("ttlMs").is_none() {
                result.set("ttlMs", &0);
            }
            if result.get("cacheScope").is_none() {
                result.set("cacheScope", "private");
            }
        }
    }

    /// Whether a notification that came with the answer is meant for the client: modern clients get log messages only
    /// of the level they asked for.
    pub(in crate::upstream) fn wants(&self, notification: &Notification) -> bool {
        if notification.method != LOG_MESSAGE {
            return true;
        }
        let level = notification.params.read::<String>("level").and_then(|level| levels::rank(&level));
        matches!((self.log_level, level), (Some(wanted), Some(level)) if level >= wanted)
    }

    /// What the client is told of `notification` in its reply; none if it is not the client's, or belongs elsewhere.
    pub(super) fn told(&self, mut notification: Notification) -> Option<Notification> {
        match notification.method.as_str() {
            ELICITED | method::CANCELLED | listen::UPDATED => None,
            _ if super::is_list_change(&notification) => None,
            PROGRESS => {
                notification.params.set_raw("progressToken", self.token.clone()?);
                Some(notification)
            }
            _ => self.wants(&notification).then_some(notification),
        }
    }
}

/// Level of log messages, and the token for progress.
fn wishes(request: &Request) -> (Option<usize>, Option<Box<RawValue>>) {
    let meta = meta::of(&request.params);
    let level = meta.read::<String>(meta::LOG_LEVEL).and_then(|level| levels::rank(&level));
    (level, meta.get(meta::PROGRESS_TOKEN).map(ToOwned::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Message;

    fn request(text: &str) -> Request {
        match Message::parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            _ => panic!("a request"),
        }
    }

    /// `request` as it is sent, and `payload` as it comes back.
    fn check(sent: &str, revision: Revision, payload: &str) -> (String, String) {
        let mut request = request(sent);
        let call = Call::outgoing(&mut request, revision);
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,{payload}}}"#);
        let Message::Response(mut response) = Message::parse(text.as_bytes()).unwrap() else { panic!("a response") };
        call.incoming(&mut response);
        (Message::Request(request).to_json(), Message::Response(response).to_json())
    }

    #[test]
    fn only_what_is_modern_is_taken_off_and_put_on() {
        let (sent, back) = check(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","inputResponses":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{},"io.modelcontextprotocol/logLevel":"info","traceparent":"t"}}}"#,
            Revision::LEGACY,
            r#""result":{"content":[{"n":1.0}],"x":1e400}"#,
        );
        assert_eq!(
            sent,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"traceparent":"t"}}}"#
        );
        assert_eq!(
            back,
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"n":1.0}],"x":1e400,"resultType":"complete"}}"#
        );
    }

    #[test]
    fn what_may_be_kept_says_for_how_long() {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let (_, back) = check(list, Revision::LEGACY, r#""result":{"tools":[]}"#);
        assert!(back.ends_with(r#""result":{"tools":[],"resultType":"complete","ttlMs":0,"cacheScope":"private"}}"#));
        let (_, back) = check(list, Revision::LEGACY, r#""result":{"ttlMs":5,"cacheScope":"public","tools":[]}"#);
        assert!(back.contains(r#""ttlMs":5,"cacheScope":"public""#));
        // A legacy server cannot pass its result off as a question.
        let (_, back) = check(list, Revision::LEGACY, r#""result":{"resultType":"input_required"}"#);
        assert!(back.contains(r#""resultType":"complete""#));
    }

    #[test]
    fn older_servers_complete_without_context() {
        let complete = r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"context":{}}}"#;
        let with = |revision| check(complete, revision, r#""result":{}"#).0.contains("context");
        assert!(!with(Revision::V2025_03_26) && with(Revision::V2025_06_18));
    }

    #[test]
    fn a_missing_resource_is_said_the_modern_way() {
        let read = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:b"}}"#;
        let (_, back) = check(read, Revision::LEGACY, r#""error":{"code":-32002,"message":"no"}"#);
        assert_eq!(back, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"uri":"a:b"}}}"#);
        let (_, back) = check(read, Revision::LEGACY, r#""error":{"code":-32000,"message":"no"}"#);
        assert!(back.contains("-32000"));
    }

    #[test]
    fn log_messages_reach_only_who_asked_for_their_level() {
        let with = |level: Option<&str>| {
            let mut request = request(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
            let mut meta = Members::new();
            if let Some(level) = level {
                meta.set(meta::LOG_LEVEL, level);
            }
            request.params.set("_meta", &meta);
            Call::outgoing(&mut request, Revision::LEGACY)
        };
        let mut params = Members::new();
        params.set("level", "warning");
        let message = Notification { method: LOG_MESSAGE.to_owned(), params };
        assert!(with(Some("info")).wants(&message) && with(Some("warning")).told(message.clone()).is_some());
        assert!(
            !with(Some("error")).wants(&message) && !with(None).wants(&message) && !with(Some("x")).wants(&message)
        );
    }

    #[test]
    fn progress_follows_the_call_to_its_repetition() {
        let call = |token: &str| {
            request(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{{"progressToken":{token}}}}}}}"#
            ))
        };
        let mut running = Call::outgoing(&mut call("1"), Revision::LEGACY);
        running.repeated(&call("\"b\""));
        let mut params = Members::new();
        params.set("progressToken", &1);
        let told = running.told(Notification { method: PROGRESS.to_owned(), params }).unwrap();
        assert_eq!(told.params.get("progressToken").unwrap().get(), "\"b\"");
        for elsewhere in [ELICITED, method::CANCELLED, listen::UPDATED, method::TOOLS_CHANGED] {
            let note = Notification { method: elsewhere.to_owned(), params: Members::new() };
            assert!(running.told(note).is_none(), "{elsewhere}");
        }
    }
}

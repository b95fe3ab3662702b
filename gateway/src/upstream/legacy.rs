//! Servers of the era before 2026-07-28: a modern request is made one they understand, their answer a modern one.
//!
//! The gateway declares no client capabilities to them, so nothing they may ask for needs an answer but `ping`. Carrying
//! their questions to a client starts at [`answer`]. Deliberately unknown here: the transport.

pub(super) mod session;

use super::era;
use protocol::{Id, Members, Message, Notification, Request, Response, Revision, RpcError, code, meta, method};
use serde_json::value::RawValue;

/// `resources/read` of something that is not there, as legacy servers say it (2025-11-25 server/resources).
const RESOURCE_NOT_FOUND: i64 = -32_002;
/// `notifications/message`.
pub(super) const LOG_MESSAGE: &str = "notifications/message";
/// Levels of log messages, the least first (RFC 5424).
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
/// Notifications that a list of the server is not what it was.
const LIST_CHANGED: [&str; 3] =
    [method::TOOLS_CHANGED, "notifications/prompts/list_changed", "notifications/resources/list_changed"];

/// What a server said to `initialize`.
#[derive(Debug, Clone)]
pub(super) struct Welcome {
    /// The revision it chose.
    pub(super) revision: Revision,
    result: Members,
}

impl Welcome {
    /// Reads the answer to [`initialize`].
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn read(response: &Response) -> Result<Self, String> {
        let result = match &response.payload {
            Ok(result) => {
                Members::open(result).map_err(|_| "its answer to `initialize` is not an object".to_owned())?
            }
            Err(error) => return Err(format!("it refuses `initialize`: {} ({})", excerpt(&error.message), error.code)),
        };
        let version = result.read::<String>("protocolVersion").unwrap_or_default();
        match Revision::parse(&version) {
            Some(revision) if !revision.is_modern() => Ok(Self { revision, result }),
            _ => Err(format!("it chose the protocol version `{}`, which is not one of MCP's", excerpt(&version))),
        }
    }

    /// Whether the server tells of changed lists.
    pub(super) fn tells_changes(&self) -> bool {
        self.result.object("capabilities").is_some_and(|capabilities| !era::told_lists(&capabilities).is_empty())
    }

    /// The answer to `server/discover` such a server would give.
    pub(super) fn discovery(&self) -> Box<RawValue> {
        let mut capabilities = self.result.object("capabilities").unwrap_or_default();
        // Tasks of 2025-11-25 and of the modern extension differ in who decides; neither side is told of the other's.
        capabilities.remove("tasks");
        let mut discovery = Members::new();
        discovery.set("resultType", "complete");
        discovery.set("supportedVersions", &[Revision::MODERN.as_str()]);
        discovery.set("capabilities", &capabilities);
        if let Some(instructions) = self.result.get("instructions") {
            discovery.set_raw("instructions", instructions.to_owned());
        }
        discovery.set("ttlMs", &0);
        discovery.set("cacheScope", "private");
        if let Some(server) = self.result.get("serverInfo") {
            let mut meta = Members::new();
            meta.set_raw(meta::SERVER_INFO, server.to_owned());
            discovery.set("_meta", &meta);
        }
        discovery.to_raw()
    }
}

/// The opening request.
pub(super) fn initialize(id: Id) -> Request {
    let mut params = Members::new();
    params.set("protocolVersion", Revision::LEGACY.as_str());
    params.set("capabilities", &Members::new());
    params.set("clientInfo", &era::implementation());
    Request { id, method: method::INITIALIZE.to_owned(), params }
}

/// The end of the opening.
pub(super) fn initialized() -> Message {
    Message::Notification(Notification { method: method::INITIALIZED.to_owned(), params: Members::new() })
}

/// Takes back the request `id`.
pub(super) fn cancelled(id: i64) -> Message {
    let mut params = Members::new();
    params.set("requestId", &id);
    params.set("reason", "the client went away or the time was up");
    Message::Notification(Notification { method: method::CANCELLED.to_owned(), params })
}

/// The answer to a request of the server. It was told that there is nobody to ask, so all but `ping` is refused.
pub(super) fn answer(request: &Request) -> Message {
    Message::Response(if request.method == method::PING {
        Response::ok(request.id.clone(), Members::new().to_raw())
    } else {
        let text = format!("the client has not declared a capability for `{}`", excerpt(&request.method));
        Response::error(Some(request.id.clone()), RpcError::new(code::METHOD_NOT_FOUND, text))
    })
}

/// Whether `notification` says that a list of the server changed.
pub(super) fn is_list_change(notification: &Notification) -> bool {
    LIST_CHANGED.contains(&notification.method.as_str())
}

/// What is remembered of a request while a legacy server works on it.
#[derive(Debug)]
pub(super) struct Call {
    uri: Option<String>,
    log_level: Option<usize>,
}

impl Call {
    /// Makes `request` one that a legacy server understands.
    pub(super) fn outgoing(request: &mut Request) -> Self {
        let level = meta::of(&request.params).read::<String>(meta::LOG_LEVEL);
        meta::strip_envelope(&mut request.params);
        let uri = if request.method == method::RESOURCES_READ { request.params.read("uri") } else { None };
        Self { uri, log_level: level.and_then(|level| rank(&level)) }
    }

    /// Makes the answer a modern one.
    pub(super) fn incoming(&self, response: &mut Response) {
        match &mut response.payload {
            Ok(result) => {
                if let Ok(mut members) = Members::open(result)
                    && members.get("resultType").is_none()
                {
                    members.set("resultType", "complete");
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

    /// Whether a notification that came with the answer is meant for the client: modern clients get log messages only
    /// of the level they asked for.
    pub(super) fn wants(&self, notification: &Notification) -> bool {
        if notification.method != LOG_MESSAGE {
            return true;
        }
        let level = notification.params.read::<String>("level").and_then(|level| rank(&level));
        matches!((self.log_level, level), (Some(wanted), Some(level)) if level >= wanted)
    }
}

fn rank(level: &str) -> Option<usize> {
    LEVELS.iter().position(|known| *known == level)
}

/// A server's words, short enough for a message of ours.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        match Message::parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            _ => panic!("a request"),
        }
    }

    fn response(payload: &str) -> Response {
        match Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,{payload}}}"#).as_bytes()).unwrap() {
            Message::Response(response) => response,
            _ => panic!("a response"),
        }
    }

    /// `request` as it is sent, and `payload` as it comes back.
    fn check(sent: &str, payload: &str) -> (String, String) {
        let mut request = request(sent);
        let call = Call::outgoing(&mut request);
        let mut response = response(payload);
        call.incoming(&mut response);
        (Message::Request(request).to_json(), Message::Response(response).to_json())
    }

    #[test]
    fn only_the_envelope_is_taken_off_and_only_the_type_put_on() {
        let (sent, back) = check(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{},"io.modelcontextprotocol/logLevel":"info","traceparent":"t"}}}"#,
            r#""result":{"content":[{"n":1.0}]}"#,
        );
        assert_eq!(
            sent,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"traceparent":"t"}}}"#
        );
        assert_eq!(back, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"n":1.0}],"resultType":"complete"}}"#);
    }

    #[test]
    fn a_missing_resource_is_said_the_modern_way() {
        let read = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:b"}}"#;
        let (_, back) = check(read, r#""error":{"code":-32002,"message":"no"}"#);
        assert_eq!(back, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"uri":"a:b"}}}"#);
        let (_, back) = check(read, r#""error":{"code":-32042,"message":"no"}"#);
        assert!(back.contains("-32042"));
    }

    #[test]
    fn log_messages_reach_only_who_asked_for_their_level() {
        let with = |level: &str| {
            let mut request = request(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
            let mut meta = Members::new();
            meta.set(meta::LOG_LEVEL, level);
            request.params.set("_meta", &meta);
            Call::outgoing(&mut request)
        };
        let mut params = Members::new();
        params.set("level", "warning");
        let message = Notification { method: LOG_MESSAGE.to_owned(), params };
        assert!(with("info").wants(&message));
        assert!(!with("error").wants(&message));
        assert!(!Call { uri: None, log_level: None }.wants(&message));
    }

    #[test]
    fn a_welcome_becomes_a_discovery() {
        let payload = r#""result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true},"tasks":{}},"serverInfo":{"name":"s","version":"1"},"instructions":"be nice"}"#;
        let welcome = Welcome::read(&response(payload)).unwrap();
        assert_eq!(welcome.revision, Revision::V2024_11_05);
        assert_eq!(
            welcome.discovery().get(),
            r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"instructions":"be nice","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}"#
        );
    }

    #[test]
    fn a_welcome_in_no_legacy_revision_is_refused() {
        for payload in [
            r#""result":{"protocolVersion":"2026-07-28"}"#,
            r#""result":{"protocolVersion":"1"}"#,
            r#""result":{}"#,
            r#""result":3"#,
            r#""error":{"code":-32601,"message":"no"}"#,
        ] {
            assert!(Welcome::read(&response(payload)).is_err(), "{payload}");
        }
    }

    #[test]
    fn a_ping_is_answered_and_questions_for_a_client_are_refused() {
        let ping = answer(&request(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#));
        assert_eq!(ping.to_json(), r#"{"jsonrpc":"2.0","id":"p","result":{}}"#);
        let roots = answer(&request(r#"{"jsonrpc":"2.0","id":0,"method":"roots/list"}"#)).to_json();
        assert!(roots.contains("-32601"));
    }
}

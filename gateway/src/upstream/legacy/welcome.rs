//! The handshake of the legacy era, and what the server says in it.

use super::{Declared, excerpt};
use crate::upstream::era;
use protocol::{Id, Members, Message, Notification, Request, Response, Revision, meta, method};
use serde_json::value::RawValue;

/// What a server said to `initialize`.
#[derive(Debug, Clone)]
pub(in crate::upstream) struct Welcome {
    /// The revision it chose.
    pub(in crate::upstream) revision: Revision,
    result: Members,
}

impl Welcome {
    /// Reads the answer to [`initialize`].
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(in crate::upstream) fn read(response: &Response) -> Result<Self, String> {
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

    /// What the server can do, in its own words.
    pub(super) fn capabilities(&self) -> Members {
        self.result.object("capabilities").unwrap_or_default()
    }

    /// Whether calls of its tools can be made tasks (2025-11-25 basic/utilities/tasks).
    pub(super) fn runs_tasks(&self) -> bool {
        let requests = self.capabilities().object("tasks").and_then(|tasks| tasks.object("requests"));
        let tools = requests.and_then(|requests| requests.object("tools"));
        self.revision == Revision::V2025_11_25 && tools.is_some_and(|tools| tools.get("call").is_some())
    }

    /// The answer to `server/discover` such a server would give. Tasks of 2025-11-25 stay in it: who may see them is
    /// decided where clients are known.
    pub(in crate::upstream) fn discovery(&self) -> Box<RawValue> {
        let capabilities = self.capabilities();
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

/// The opening request, with what the client of the session `declared`.
pub(in crate::upstream) fn initialize(id: Id, declared: &Declared) -> Request {
    let mut params = Members::new();
    params.set("protocolVersion", Revision::LEGACY.as_str());
    params.set("capabilities", &declared.capabilities());
    params.set("clientInfo", &era::implementation());
    Request { id, method: method::INITIALIZE.to_owned(), params }
}

/// The end of the opening.
pub(in crate::upstream) fn initialized() -> Message {
    Message::Notification(Notification { method: method::INITIALIZED.to_owned(), params: Members::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(payload: &str) -> Response {
        match Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,{payload}}}"#).as_bytes()).unwrap() {
            Message::Response(response) => response,
            _ => panic!("a response"),
        }
    }

    #[test]
    fn a_welcome_becomes_a_discovery() {
        let payload = r#""result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true},"tasks":{}},"serverInfo":{"name":"s","version":"1"},"instructions":"be nice"}"#;
        let welcome = Welcome::read(&response(payload)).unwrap();
        assert_eq!(welcome.revision, Revision::V2024_11_05);
        assert_eq!(
            welcome.discovery().get(),
            r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"tasks":{}},"instructions":"be nice","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}"#
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
}

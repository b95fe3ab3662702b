//! Which era a server speaks: the question, and how its answer is read (2026-07-28 basic/versioning, stdio and
//! Streamable HTTP, backward compatibility).
//!
//! Deliberately unknown here: what carried the answer. A refused credential, a server error and a broken connection are
//! no evidence; the transports keep them away.

use protocol::{Id, Members, Request, Response, Revision, code, meta, method};
use serde::Serialize;

/// What an answer to [`probe`] says about the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It speaks the gateway's own revision.
    Modern,
    /// It wants `initialize`.
    Legacy,
    /// It is modern, and shares no revision with the gateway: the ones it named.
    Stranger(Vec<String>),
}

/// The question: `server/discover`, which every modern server answers.
pub(super) fn probe(id: Id) -> Request {
    let own = serde_json::value::to_raw_value(&implementation()).ok();
    let meta = meta::modern(own.as_deref(), None);
    Request { id, method: method::DISCOVER.to_owned(), params: method::params_with_meta(&meta) }
}

/// What the gateway calls itself towards servers.
pub(super) fn implementation() -> impl Serialize {
    serde_json::json!({ "name": "mcp-gateway", "version": env!("CARGO_PKG_VERSION") })
}

/// Reads the answer. Only a list of revisions speaks for the modern era; every error without one means legacy, whatever
/// its code.
pub(super) fn judge(response: &Response) -> Verdict {
    let named: Option<Vec<String>> = match &response.payload {
        Ok(result) => Members::open(result).ok().and_then(|result| result.read("supportedVersions")),
        Err(error) if error.code == code::UNSUPPORTED_VERSION => {
            error.data.as_deref().and_then(|data| Members::open(data).ok()).and_then(|data| data.read("supported"))
        }
        Err(_) => None,
    };
    let Some(named) = named else {
        return Verdict::Legacy;
    };
    let known: Vec<Revision> = named.iter().filter_map(|text| Revision::parse(text)).collect();
    if known.contains(&Revision::MODERN) {
        Verdict::Modern
    } else if known.is_empty() {
        Verdict::Stranger(named)
    } else {
        Verdict::Legacy
    }
}

/// Lists whose changes a server may tell of: the capability, and the member that asks for it (2026-07-28
/// basic/patterns/subscriptions).
const LISTS: [(&str, &str); 3] =
    [("tools", "toolsListChanged"), ("prompts", "promptsListChanged"), ("resources", "resourcesListChanged")];

/// What to ask for to be told of changed lists, of a server with these `capabilities`; empty if it tells of none.
pub(super) fn told_lists(capabilities: &Members) -> Members {
    let mut wanted = Members::new();
    for (capability, member) in LISTS {
        let declared = capabilities.object(capability).and_then(|it| it.read::<bool>("listChanged"));
        if declared == Some(true) {
            wanted.set(member, &true);
        }
    }
    wanted
}

/// The request by which a modern server tells of changed lists, made from its answer to [`probe`]; none if it tells of
/// none.
pub(super) fn listen(id: Id, discovery: &Response) -> Option<Request> {
    let wanted = told_lists(&discovery.result()?.object("capabilities")?);
    let mut request = probe(id);
    method::LISTEN.clone_into(&mut request.method);
    request.params.set("notifications", &wanted);
    (!wanted.is_empty()).then_some(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Message;

    fn check(payload: &str, verdict: &Verdict) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,{payload}}}"#);
        let Message::Response(response) = Message::parse(text.as_bytes()).unwrap() else { panic!("a response") };
        assert_eq!(&judge(&response), verdict, "{payload}");
    }

    #[test]
    fn only_what_is_declared_is_listened_for() {
        let ask = |capabilities: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"capabilities":{capabilities}}}}}"#);
            let Message::Response(response) = Message::parse(text.as_bytes()).unwrap() else { panic!("a response") };
            let asked = listen(Id::Number(0), &response)?;
            Some(asked.params.get("notifications").unwrap().get().to_owned())
        };
        let all = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":false},"resources":{"listChanged":true}}"#;
        assert_eq!(ask(all).unwrap(), r#"{"toolsListChanged":true,"resourcesListChanged":true}"#);
        assert_eq!(ask(r#"{"tools":{}}"#), None);
    }

    #[test]
    fn a_list_with_the_own_revision_means_modern() {
        check(r#""result":{"supportedVersions":["2025-11-25","2026-07-28"]}"#, &Verdict::Modern);
        let refused = r#""error":{"code":-32022,"message":"","data":{"supported":["2026-07-28"],"requested":"x"}}"#;
        check(refused, &Verdict::Modern);
    }

    #[test]
    fn every_other_error_means_legacy() {
        for code in [-32_601, -32_602, -32_600, -32_000, -32_001, -32_020, -32_021, -32_022, -32_603, 0] {
            check(&format!(r#""error":{{"code":{code},"message":"no"}}"#), &Verdict::Legacy);
        }
        check(r#""error":{"code":-32022,"message":"","data":{"supported":["2025-11-25"]}}"#, &Verdict::Legacy);
        check(r#""result":{}"#, &Verdict::Legacy);
        check(r#""result":[]"#, &Verdict::Legacy);
    }

    #[test]
    fn a_list_without_a_shared_revision_is_no_reason_to_initialize() {
        let stranger = Verdict::Stranger(vec!["2031-01-01".to_owned()]);
        check(r#""result":{"supportedVersions":["2031-01-01"]}"#, &stranger);
        check(r#""error":{"code":-32022,"message":"","data":{"supported":["2031-01-01"]}}"#, &stranger);
    }
}

//! `initialize`: answered from `server/discover`, in the words of the revision agreed on.

use super::{
    Answer, envelope,
    session::{Session, Told},
};
use crate::{
    edge::{OUTGOING_MAX, request::Inbound},
    pipeline::{Outgoing, Pipeline},
    servers::lists::implementation,
};
use filters::Exchange;
use protocol::{Members, Message, Request, Response, Revision, RpcError, code, method};
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What `request` tells. The client's revision where it is a legacy one, else the newest legacy one.
pub(super) fn told(request: &Request) -> Told {
    let offered = request.params.read::<String>("protocolVersion").unwrap_or_default();
    let revision = Revision::parse(&offered).filter(|r| !r.is_modern()).unwrap_or(Revision::LEGACY);
    Told {
        revision,
        client: request.params.get("clientInfo").map(ToOwned::to_owned),
        capabilities: envelope::declared(request.params.get("capabilities"), revision),
    }
}

/// Answers `request` for `session`; none for a caller who could not be recognised and gets nothing but a refusal.
pub(super) async fn answer(
    pipeline: &Arc<Pipeline>,
    inbound: &Inbound,
    request: &Request,
    session: Option<&Session>,
) -> Answer {
    let mut params = Members::new();
    envelope::modernise(&mut params, session);
    let discover = Request { id: request.id.clone(), method: method::DISCOVER.to_owned(), params };
    let mut exchange = inbound.exchange(discover);
    exchange.affinity = session.map(|session| session.id.clone());
    match once(pipeline, exchange, method::INITIALIZE, inbound.bytes).await {
        Answer::Message(mut response) => {
            response.payload = response.payload.map(|result| initialized(&result, session));
            Answer::Message(response)
        }
        refused @ Answer::Refused(..) => refused,
    }
}

/// A request of a caller who could not be recognised: refused and written down.
pub(super) async fn unrecognised(pipeline: &Arc<Pipeline>, inbound: &Inbound, mut request: Request) -> Answer {
    envelope::modernise(&mut request.params, None);
    let method = request.method.clone();
    once(pipeline, inbound.exchange(request), &method, inbound.bytes).await
}

/// One exchange of which only the answer matters.
async fn once(pipeline: &Arc<Pipeline>, exchange: Exchange, method: &str, bytes: usize) -> Answer {
    let id = exchange.request.id.clone();
    let record = pipeline.record(exchange, method, bytes);
    let (client, mut outgoing) = mpsc::channel::<Outgoing>(OUTGOING_MAX);
    let answer = async {
        while let Some(told) = outgoing.recv().await {
            match told {
                Outgoing::Local(reply) => return Answer::Refused(id, Box::new(reply)),
                Outgoing::Message(Message::Response(response)) => return Answer::Message(response),
                Outgoing::Message(_) | Outgoing::Piece { .. } => {}
            }
        }
        let error = RpcError::new(code::INTERNAL_ERROR, "the exchange ended without an answer");
        Answer::Message(Response::error(Some(id), error))
    };
    let ((), answer) = tokio::join!(Box::pin(pipeline.serve(record, client)), answer);
    answer
}

/// A `DiscoverResult` as the `InitializeResult` it stands for.
fn initialized(discovered: &RawValue, session: Option<&Session>) -> Box<RawValue> {
    let discovered = Members::open(discovered).unwrap_or_default();
    let revision = session.map_or(Revision::LEGACY, Session::revision);
    let mut result = Members::new();
    result.set("protocolVersion", revision.as_str());
    result.set("capabilities", &offered(&discovered.object("capabilities").unwrap_or_default(), revision));
    result.set_raw("serverInfo", implementation());
    if let Some(instructions) = discovered.get("instructions") {
        result.set("instructions", instructions);
    }
    result.to_raw()
}

/// What a client of `revision` can use of `capabilities`; what no revision knows is passed on.
fn offered(capabilities: &Members, revision: Revision) -> Members {
    let mut offered = capabilities.clone();
    if revision < Revision::V2025_03_26 {
        offered.remove("completions");
    }
    if revision < Revision::V2025_11_25 {
        offered.remove("tasks");
    }
    offered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_legacy_revision_is_agreed_to() {
        let check = |version: &str| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}}}}}}"#
            );
            let Ok(Message::Request(request)) = Message::parse(body.as_bytes()) else { panic!("a request") };
            told(&request).revision.as_str()
        };
        for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
            assert_eq!(check(version), version);
        }
        assert_eq!(check("2026-07-28"), "2025-11-25");
        assert_eq!(check("2099-01-01"), "2025-11-25");
    }

    #[test]
    fn capabilities_are_those_of_the_revision() {
        let all = r#"{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{},"completions":{},"tasks":{"list":{}},"extensions":{"a/b":{}}}"#;
        let check = |revision| {
            let capabilities: Members = serde_json::from_str(all).unwrap();
            offered(&capabilities, revision).to_raw().get().to_owned()
        };
        assert_eq!(check(Revision::V2025_11_25), all);
        assert_eq!(check(Revision::V2025_03_26), all.replace(r#","tasks":{"list":{}}"#, ""));
        let oldest = all.replace(r#","tasks":{"list":{}}"#, "").replace(r#","completions":{}"#, "");
        assert_eq!(check(Revision::V2024_11_05), oldest);
    }
}

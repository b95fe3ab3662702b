//! A server's questions as a legacy client is asked them: `input_required` comes in, real requests go out, their answers
//! become `inputResponses` (2026-07-28 basic/patterns/mrtr on one side, client features of the older revisions on the
//! other). Nothing is sent here.

use super::session::{self, Session};
use protocol::{Members, Request, Response, Revision, RpcError, code, meta, method};
use serde_json::value::RawValue;

/// `elicitation/create`.
const ELICIT: &str = "elicitation/create";
/// `sampling/createMessage`.
const SAMPLE: &str = "sampling/createMessage";
/// `roots/list`.
const ROOTS: &str = "roots/list";
/// The methods whose result may be `input_required`.
const MAY_ASK: [&str; 3] = [method::TOOLS_CALL, method::PROMPTS_GET, method::RESOURCES_READ];

/// A result that is no result yet.
#[derive(Debug)]
pub(super) struct InputRequired {
    /// What is asked, under keys of the server's.
    pub(super) requests: Vec<(String, Members)>,
    /// Wanted back to the letter.
    state: Option<Box<RawValue>>,
}

impl InputRequired {
    /// Reads the answer to `method`; none when it is the final one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(method: &str, response: &Response) -> Result<Option<Self>, RpcError> {
        let Some(mut result) = response.result() else {
            return Ok(None);
        };
        if result.read::<String>("resultType").as_deref() != Some("input_required") {
            return Ok(None);
        }
        let unusable =
            |why: &str| RpcError::new(code::INTERNAL_ERROR, format!("the server's question is unusable: {why}"));
        if !MAY_ASK.contains(&method) {
            return Err(unusable("this method may not ask"));
        }
        let asked = match result.get("inputRequests") {
            Some(raw) => Members::open(raw).map_err(|_| unusable("`inputRequests` is not an object"))?,
            None => Members::new(),
        };
        let open = |(key, raw): (&str, &RawValue)| Members::open(raw).ok().map(|request| (key.to_owned(), request));
        let requests: Option<Vec<_>> = asked.iter().map(open).collect();
        let requests = requests.ok_or_else(|| unusable("an entry of `inputRequests` is not an object"))?;
        let state = result.remove("requestState");
        if requests.is_empty() && state.is_none() {
            return Err(unusable("it has neither `inputRequests` nor `requestState`"));
        }
        Ok(Some(Self { requests, state }))
    }

    /// The parameters of the retry: the client's own ones, the answers of this round, the server's state.
    pub(super) fn retry(&self, params: &Members, answers: &Members) -> Members {
        let mut retry = params.clone();
        retry.remove("inputResponses");
        retry.remove("requestState");
        if !self.requests.is_empty() {
            retry.set("inputResponses", answers);
        }
        if let Some(state) = &self.state {
            retry.set_raw("requestState", state.clone());
        }
        retry
    }
}

/// One entry of `inputRequests` as a request to the client of `session`, its id still to be given.
///
/// # Errors
/// Why this client cannot be asked.
pub(super) fn question(session: &Session, entry: &Members) -> Result<(String, Members), RpcError> {
    let method = entry.read::<String>("method").unwrap_or_default();
    let mut params = entry.object("params").unwrap_or_default();
    meta::strip_envelope(&mut params);
    let (capabilities, revision) = (session.capabilities(), session.revision());
    let declares = |name: &str| capabilities.object(name);
    let askable = match method.as_str() {
        ELICIT => match declares("elicitation") {
            Some(declared) => elicitation(&declared, revision, &mut params),
            None => false,
        },
        SAMPLE => declares("sampling").is_some(),
        ROOTS => declares("roots").is_some(),
        _ => {
            let told = format!("the server asks `{method}`, which clients are not asked");
            return Err(RpcError::new(code::INTERNAL_ERROR, told));
        }
    };
    if askable {
        return Ok((method, params));
    }
    let told = format!("the server needs an answer to `{method}`, which this client did not declare to give");
    Err(RpcError::new(code::INTERNAL_ERROR, told))
}

/// Writes an elicitation as `revision` has it; false when the client cannot be asked in this mode.
fn elicitation(declared: &Members, revision: Revision, params: &mut Members) -> bool {
    match params.read::<String>("mode").as_deref() {
        Some("url") => {
            // Later revisions have no such id; this one's clients need it.
            params.set("elicitationId", &session::random());
            revision >= Revision::V2025_11_25 && declared.get("url").is_some()
        }
        None | Some("form") => {
            if revision < Revision::V2025_11_25 {
                params.remove("mode");
            }
            declared.get("form").is_some() || declared.get("url").is_none()
        }
        Some(_) => false,
    }
}

/// The request as it is sent.
pub(super) fn request(id: protocol::Id, (method, params): (String, Members)) -> Request {
    Request { id, method, params }
}

/// What a client's answer to `method` becomes in `inputResponses`.
///
/// # Errors
/// Why the call cannot go on: there is no way to tell the server that its question failed.
pub(super) fn answer(method: &str, response: Response) -> Result<Box<RawValue>, RpcError> {
    match response.payload {
        Ok(result) if Members::open(&result).is_ok() => Ok(result),
        Ok(_) | Err(_) if method == ELICIT => Ok(cancelled()),
        // Old SDKs declare roots for clients that have none, and then refuse to list them.
        Err(_) if method == ROOTS => Ok(no_roots()),
        Ok(_) => {
            Err(RpcError::new(code::INTERNAL_ERROR, format!("the client's answer to `{method}` is not an object")))
        }
        Err(error) => {
            let told = format!("the client refused `{method}`: {}", error.message);
            Err(RpcError::new(code::INTERNAL_ERROR, told))
        }
    }
}

/// How a call ends that cannot go on: a tool's failure is for the model to read.
pub(super) fn failed(id: protocol::Id, method: &str, error: RpcError) -> Response {
    if method != method::TOOLS_CALL {
        return Response::error(Some(id), error);
    }
    let mut members = Members::new();
    members.set("content", &serde_json::json!([{"type": "text", "text": error.message}]));
    members.set("isError", &true);
    Response::ok(id, members.to_raw())
}

fn cancelled() -> Box<RawValue> {
    let mut result = Members::new();
    result.set("action", "cancel");
    result.to_raw()
}

fn no_roots() -> Box<RawValue> {
    let mut result = Members::new();
    result.set::<[Members]>("roots", &[]);
    result.to_raw()
}

#[cfg(test)]
mod tests;

use super::*;
use crate::edge::legacy::{envelope, session::Told};
use control_plane_api::limits::Limits;
use protocol::Id;

fn members(text: &str) -> Members {
    serde_json::from_str(text).unwrap()
}

fn session(revision: Revision, capabilities: &str) -> Session {
    let session = Session::new("ada".parse().unwrap(), None, false, &Limits::default());
    let raw: Box<RawValue> = serde_json::from_str(capabilities).unwrap();
    let capabilities = envelope::declared(Some(&raw), revision);
    session.told(Told { revision, client: None, capabilities });
    session
}

fn asked(revision: Revision, capabilities: &str, entry: &str) -> Option<String> {
    let question = question(&session(revision, capabilities), &members(entry)).ok()?;
    Some(question.1.to_raw().get().to_owned())
}

fn read(result: &str) -> Result<Option<InputRequired>, i64> {
    let response = Response::ok(Id::Number(1), serde_json::from_str(result).unwrap());
    InputRequired::read(method::TOOLS_CALL, &response).map_err(|error| error.code)
}

#[test]
fn only_input_required_is_a_question() {
    assert!(read(r#"{"content":[]}"#).unwrap().is_none());
    assert!(read(r#"{"resultType":"complete"}"#).unwrap().is_none());
    let one = read(r#"{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}}"#);
    assert_eq!(one.unwrap().unwrap().requests.len(), 1);
    assert!(read(r#"{"resultType":"input_required","requestState":"s"}"#).unwrap().unwrap().requests.is_empty());
    for broken in [
        r#"{"resultType":"input_required"}"#,
        r#"{"resultType":"input_required","inputRequests":[]}"#,
        r#"{"resultType":"input_required","inputRequests":{"a":1}}"#,
    ] {
        assert_eq!(read(broken).unwrap_err(), code::INTERNAL_ERROR, "{broken}");
    }
}

#[test]
fn a_retry_is_the_clients_request_with_this_rounds_answers_and_the_servers_state() {
    let params = members(r#"{"name":"x","arguments":{"n":1.0},"requestState":"forged","inputResponses":{}}"#);
    let with = read(r#"{"resultType":"input_required","inputRequests":{"a":{}},"requestState":"\u0041"}"#);
    let retry = with.unwrap().unwrap().retry(&params, &members(r#"{"a":{"roots":[]}}"#));
    assert_eq!(
        retry.to_raw().get(),
        r#"{"name":"x","arguments":{"n":1.0},"inputResponses":{"a":{"roots":[]}},"requestState":"\u0041"}"#
    );
    let without = read(r#"{"resultType":"input_required","inputRequests":{"a":{}}}"#).unwrap().unwrap();
    assert!(without.retry(&params, &Members::new()).get("requestState").is_none());
}

#[test]
fn nobody_is_asked_what_they_did_not_declare() {
    let form = r#"{"method":"elicitation/create","params":{"mode":"form","message":"m","requestedSchema":{}}}"#;
    let url = r#"{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://x"}}"#;
    let plain = r#"{"elicitation":{}}"#;
    let both = r#"{"elicitation":{"form":{},"url":{}}}"#;
    for (revision, capabilities, entry, askable) in [
        (Revision::V2025_11_25, "{}", form, false),
        (Revision::V2025_11_25, plain, form, true),
        (Revision::V2025_11_25, plain, url, false),
        (Revision::V2025_11_25, both, url, true),
        (Revision::V2025_11_25, r#"{"elicitation":{"url":{}}}"#, form, false),
        (Revision::V2025_06_18, both, url, false),
        (Revision::V2025_06_18, both, form, true),
        (Revision::V2025_03_26, both, form, false),
        (Revision::V2024_11_05, r#"{"sampling":{}}"#, r#"{"method":"sampling/createMessage"}"#, true),
        (Revision::V2024_11_05, r#"{"sampling":{}}"#, r#"{"method":"roots/list"}"#, false),
        (Revision::V2024_11_05, r#"{"roots":{"listChanged":true}}"#, r#"{"method":"roots/list"}"#, true),
        (Revision::V2025_11_25, r#"{"tools":{}}"#, r#"{"method":"tools/call"}"#, false),
    ] {
        assert_eq!(asked(revision, capabilities, entry).is_some(), askable, "{revision} {capabilities} {entry}");
    }
}

#[test]
fn an_elicitation_is_in_the_words_of_its_revision() {
    let form = r#"{"method":"elicitation/create","params":{"mode":"form","message":"m"}}"#;
    assert_eq!(asked(Revision::V2025_06_18, r#"{"elicitation":{}}"#, form).unwrap(), r#"{"message":"m"}"#);
    let newest = asked(Revision::V2025_11_25, r#"{"elicitation":{}}"#, form).unwrap();
    assert_eq!(newest, r#"{"mode":"form","message":"m"}"#);
    let url = r#"{"method":"elicitation/create","params":{"mode":"url","message":"m","url":"https://x"}}"#;
    let minted = asked(Revision::V2025_11_25, r#"{"elicitation":{"url":{}}}"#, url).unwrap();
    assert!(members(&minted).read::<String>("elicitationId").is_some_and(|id| id.len() == 64));
}

#[test]
fn answers_that_are_errors_cancel_or_end_the_call() {
    let refused = || Response::error(None, RpcError::new(-1, "user says no"));
    let given = || Response::ok(Id::Number(1), members(r#"{"action":"decline"}"#).to_raw());
    assert_eq!(answer(ELICIT, given()).unwrap().get(), r#"{"action":"decline"}"#);
    assert_eq!(answer(ELICIT, refused()).unwrap().get(), r#"{"action":"cancel"}"#);
    assert!(answer(SAMPLE, refused()).unwrap_err().message.contains("user says no"));
    assert_eq!(answer(ROOTS, refused()).unwrap().get(), r#"{"roots":[]}"#);
    assert!(answer(ROOTS, Response::ok(Id::Number(1), members("{}").to_raw())).is_ok());
    assert!(answer(ROOTS, Response::ok(Id::Number(1), serde_json::from_str("[]").unwrap())).is_err());
}

#[test]
fn a_call_that_cannot_go_on_is_a_failure_of_the_tool() {
    let failed = |method| failed(Id::Number(1), method, RpcError::new(code::INTERNAL_ERROR, "no")).payload;
    let result = failed(method::TOOLS_CALL).unwrap();
    assert_eq!(result.get(), r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#);
    assert_eq!(failed(method::PROMPTS_GET).unwrap_err().code, code::INTERNAL_ERROR);
}

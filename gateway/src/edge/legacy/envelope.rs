//! What every request carries inside and a legacy client says once: revision, client, capabilities, log level.

use super::session::Session;
use protocol::{Members, Revision, meta};
use serde_json::value::RawValue;

/// Adds it to `params`, from what the session told; keys of the client's own stay, but none can stand for these.
pub(super) fn modernise(params: &mut Members, session: Option<&Session>) {
    let capabilities = session.map(Session::capabilities).unwrap_or_default();
    let told = meta::modern(session.and_then(Session::client), Some(&capabilities.to_raw()));
    let mut meta = meta::of(params);
    for key in [meta::CLIENT_INFO, meta::LOG_LEVEL, meta::SUBSCRIPTION_ID] {
        meta.remove(key);
    }
    for (key, value) in told.iter() {
        meta.set_raw(key, value.to_owned());
    }
    if let Some(level) = session.and_then(Session::level) {
        meta.set(meta::LOG_LEVEL, level.as_str());
    }
    params.set("_meta", &meta);
}

/// What the client can do that is of use inside: nothing its revision has no words for, nothing only a session has.
pub(super) fn declared(capabilities: Option<&RawValue>, revision: Revision) -> Members {
    let mut declared = capabilities.and_then(|raw| Members::open(raw).ok()).unwrap_or_default();
    declared.remove("tasks");
    if let Some(mut roots) = declared.object("roots") {
        roots.remove("listChanged");
        declared.set("roots", &roots);
    }
    if let Some(mut elicitation) = declared.object("elicitation") {
        if revision < Revision::V2025_06_18 {
            declared.remove("elicitation");
        } else if revision < Revision::V2025_11_25 && elicitation.remove("url").is_some() {
            declared.set("elicitation", &elicitation);
        }
    }
    if revision < Revision::V2025_11_25
        && let Some(mut sampling) = declared.object("sampling")
        && sampling.remove("tools").is_some()
    {
        declared.set("sampling", &sampling);
    }
    declared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(revision: Revision, capabilities: &str, expected: &str) {
        let raw: Box<RawValue> = serde_json::from_str(capabilities).unwrap();
        assert_eq!(declared(Some(&raw), revision).to_raw().get(), expected);
    }

    #[test]
    fn only_what_the_revision_can_be_asked_for_is_declared() {
        let all = r#"{"roots":{"listChanged":true},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"tasks":{},"extensions":{"x":{}}}"#;
        check(
            Revision::V2025_11_25,
            all,
            r#"{"roots":{},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"extensions":{"x":{}}}"#,
        );
        check(
            Revision::V2025_06_18,
            all,
            r#"{"roots":{},"sampling":{},"elicitation":{"form":{}},"extensions":{"x":{}}}"#,
        );
        check(Revision::V2024_11_05, all, r#"{"roots":{},"sampling":{},"extensions":{"x":{}}}"#);
        assert!(declared(None, Revision::LEGACY).is_empty());
    }
}

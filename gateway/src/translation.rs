//! Answers of servers as clients may have them: an error that is the gateway's own fault is told as one, and a result says
//! that it came through the gateway (2026-07-28 transports, status table; caching).
//!
//! What legacy servers say was made modern at their rim; this is for what even modern servers say.

use filters::Exchange;
use protocol::{Members, Mention, RpcError, code, meta, method};
use serde_json::value::RawValue;
use std::sync::LazyLock;

use crate::servers::lists::implementation;

/// Where the name of the server itself goes in results.
const UPSTREAM_INFO: &str = "io.mcpctl/upstreamServerInfo";
/// A resource that is not there, as older revisions say it.
const RESOURCE_NOT_FOUND: i64 = -32_002;
/// Errors of older revisions that modern clients do not know.
const OUTDATED: [i64; 2] = [RESOURCE_NOT_FOUND, -32_042];

/// `payload` as the client of `exchange` may have it.
pub(crate) fn of(exchange: &Exchange, payload: Result<Box<RawValue>, RpcError>) -> Result<Box<RawValue>, RpcError> {
    match payload {
        Ok(result) => Ok(signed(result)),
        Err(mut error) => {
            let own_fault = match error.code {
                code::HEADER_MISMATCH | code::UNSUPPORTED_VERSION => true,
                code::MISSING_CAPABILITY => has_what_is_required(exchange, &error),
                RESOURCE_NOT_FOUND if exchange.request.method == method::RESOURCES_READ => {
                    error.code = code::INVALID_PARAMS;
                    false
                }
                other => OUTDATED.contains(&other),
            };
            if own_fault {
                error.code = code::INTERNAL_ERROR;
                error.data = None;
            }
            Err(error)
        }
    }
}

/// Whether the client declared everything that the server misses: then it was lost on the way.
fn has_what_is_required(exchange: &Exchange, error: &RpcError) -> bool {
    let data = error.data.as_deref().and_then(|data| Members::open(data).ok()).unwrap_or_default();
    let required = data.object("requiredCapabilities").unwrap_or_default();
    let declared = meta::of(&exchange.request.params).object(meta::CLIENT_CAPABILITIES).unwrap_or_default();
    !required.is_empty() && includes(&declared, &required)
}

/// Whether `declared` says at least what `required` says.
fn includes(declared: &Members, required: &Members) -> bool {
    required.iter().all(|(name, wanted)| {
        let Some(given) = declared.get(name) else { return false };
        match (Members::open(given), Members::open(wanted)) {
            (Ok(mut given), Ok(wanted)) => {
                if name == "elicitation" && given.is_empty() {
                    // To say nothing of it means forms (2025-11-25 client/elicitation).
                    given.set("form", &Members::new());
                }
                includes(&given, &wanted)
            }
            _ => given.get() == wanted.get(),
        }
    })
}

/// The result under the gateway's own name, and for nobody else to keep.
fn signed(result: Box<RawValue>) -> Box<RawValue> {
    static SAID_BY_THE_SERVER: LazyLock<Mention> = LazyLock::new(|| Mention::of(&[meta::SERVER_INFO, "cacheScope"]));
    if !SAID_BY_THE_SERVER.is_in(&result) {
        return result;
    }
    let Ok(mut members) = Members::open(&result) else {
        return result;
    };
    if members.get("cacheScope").is_some() {
        members.set("cacheScope", "private");
    }
    let mut meta = meta::of(&members);
    let own = implementation();
    if let Some(server) = meta.get(meta::SERVER_INFO).filter(|server| server.get() != own.get()).map(ToOwned::to_owned)
    {
        meta.set_raw(meta::SERVER_INFO, own);
        meta.set_raw(UPSTREAM_INFO, server);
        members.set("_meta", &meta);
    }
    members.to_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use filters::testing;

    const DECLARES: &str =
        r#"{"name":"x","_meta":{"io.modelcontextprotocol/clientCapabilities":{"sampling":{},"elicitation":{}}}}"#;

    fn check(error: i64, data: &str) -> i64 {
        let mut error = RpcError::new(error, "no");
        error.data = serde_json::from_str(data).ok();
        of(&testing::request("tools/call", DECLARES), Err(error)).unwrap_err().code
    }

    #[test]
    fn the_gateways_own_faults_are_told_as_such() {
        assert_eq!(check(code::HEADER_MISMATCH, "null"), code::INTERNAL_ERROR);
        assert_eq!(check(code::UNSUPPORTED_VERSION, "null"), code::INTERNAL_ERROR);
        assert_eq!(check(-32_002, "null"), code::INTERNAL_ERROR);
        assert_eq!(
            check(code::MISSING_CAPABILITY, r#"{"requiredCapabilities":{"sampling":{}}}"#),
            code::INTERNAL_ERROR
        );
        for missing in ["{\"roots\":{}}", "{\"sampling\":{\"tools\":{}}}", "{\"elicitation\":{\"url\":{}}}"] {
            let data = format!(r#"{{"requiredCapabilities":{missing}}}"#);
            assert_eq!(check(code::MISSING_CAPABILITY, &data), code::MISSING_CAPABILITY, "{missing}");
        }
        let forms = r#"{"requiredCapabilities":{"elicitation":{"form":{}}}}"#;
        assert_eq!(check(code::MISSING_CAPABILITY, forms), code::INTERNAL_ERROR);
        assert_eq!(check(code::INVALID_PARAMS, "null"), code::INVALID_PARAMS);
        let gone = RpcError::new(RESOURCE_NOT_FOUND, "no");
        let told = of(&testing::request("resources/read", r#"{"uri":"x://y"}"#), Err(gone)).unwrap_err();
        assert_eq!(told.code, code::INVALID_PARAMS);
    }

    #[test]
    fn a_result_carries_the_gateways_name_and_is_private() {
        let result = |text: &str| {
            let raw = serde_json::from_str::<Box<RawValue>>(text).unwrap();
            of(&testing::request("tools/call", DECLARES), Ok(raw)).unwrap()
        };
        let plain = r#"{"content":[{"n":1.0}]}"#;
        assert_eq!(result(plain).get(), plain);
        let hidden = r#"{"content":[],"\u0063acheScope":"public"}"#;
        assert_eq!(result(hidden).get(), r#"{"content":[],"cacheScope":"private"}"#);
        let named = result(
            r#"{"a":1.0,"cacheScope":"public","_meta":{"x":1,"io.modelcontextprotocol/serverInfo":{"name":"s"}}}"#,
        );
        let members = Members::open(&named).unwrap();
        assert_eq!(members.read::<String>("cacheScope").as_deref(), Some("private"));
        let meta = meta::of(&members);
        assert_eq!(meta.get(UPSTREAM_INFO).unwrap().get(), r#"{"name":"s"}"#);
        assert!(meta.get(meta::SERVER_INFO).unwrap().get().contains("mcp-gateway"));
    }
}

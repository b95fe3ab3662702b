//! JSON-RPC error codes used on the wire (JSON-RPC 2.0 §5.1; MCP 2026-07-28 basic and transports).

/// Not JSON.
pub const PARSE_ERROR: i64 = -32_700;
/// JSON, but not a JSON-RPC message.
pub const INVALID_REQUEST: i64 = -32_600;
/// No such method.
pub const METHOD_NOT_FOUND: i64 = -32_601;
/// Unknown tool, prompt, resource or cursor; bad or missing parameters.
pub const INVALID_PARAMS: i64 = -32_602;
/// The fault is on this side.
pub const INTERNAL_ERROR: i64 = -32_603;
/// A required header is missing or differs from the body (modern only).
pub const HEADER_MISMATCH: i64 = -32_020;
/// The request needs a capability the client did not declare (modern only).
pub const MISSING_CAPABILITY: i64 = -32_021;
/// The protocol version is not implemented (modern only).
pub const UNSUPPORTED_VERSION: i64 = -32_022;
/// Legacy implementations' code for a session that is not there.
pub const LEGACY_SESSION: i64 = -32_001;
/// Legacy implementations' code for a request that needs a session.
pub const LEGACY_SERVER: i64 = -32_000;

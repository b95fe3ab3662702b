//! MCP as bytes: strict JSON, the message envelope over raw payloads, header rules, the event-stream codec.
//!
//! Stands at both rims of the gateway and in the CLI's stdio bridge. No I/O. Payloads stay raw: what was checked is
//! what is forwarded; only `id`, names and `_meta` are spliced. Deliberately unknown here: policy, sockets, pingora.

pub mod code;
pub mod definition;
pub mod headers;
pub mod json;
pub mod members;
pub mod mention;
pub mod message;
pub mod meta;
pub mod method;
pub mod param_headers;
pub mod revision;
pub mod sse;
pub mod subscription;
pub mod transit;

pub use definition::Definition;
pub use members::{Members, View};
pub use mention::Mention;
pub use message::{Id, Message, Notification, Request, Response, RpcError};
pub use revision::Revision;

//! The filter chain: values in, verdict out. No socket, no file, no pingora.
//!
//! Stands between the edge and the upstreams. A filter sees a request on its way in and every message on its way out;
//! it decides, and cannot fail. What a filter needs of the world it takes as a one-method trait that the gateway
//! implements.

pub mod authentication;
pub mod cause;
pub mod chain;
pub mod exchange;
pub mod filter;
pub mod flow;
pub mod originals;
pub mod permissions;
pub mod rate_limit;
pub mod redaction;
pub mod relevance_policy;
pub mod testing;

pub use cause::Cause;
pub use chain::{Chain, Meter};
pub use exchange::{Credential, Exchange, Names, Principal, Target};
pub use filter::{Filter, LocalReply, Step, Verdict};

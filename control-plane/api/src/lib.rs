//! The contract between control plane, gateway and CLI: data only.
//!
//! The serde types here are the wire of the REST API, the `apply -f` file, the JSON in the store and the
//! constructor arguments of the filters. There is no second set of structs. Deliberately unknown here: HTTP,
//! databases, pingora, and how anything is enforced.

pub mod access;
pub mod apply;
pub mod argument;
pub mod audit;
pub mod flow;
pub mod gateway;
pub mod instance;
pub mod issuer;
pub mod laptop;
pub mod limits;
pub mod name;
pub mod oauth;
pub mod object;
pub mod pattern;
pub mod pepper;
pub mod pin;
pub mod problem;
pub mod profile;
pub mod project;
pub mod relevance;
pub mod runtime;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod snapshot;
pub mod stale;
pub mod ticket;
pub mod timestamp;
pub mod token;
pub mod validate;

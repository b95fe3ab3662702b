//! A fleet by simulation: one real mcpd on a real database, and as many gateways as are asked for.
//!
//! Each gateway is an HTTP client that enrols, follows its configuration stream, reports what it has in force and comes back
//! after a failure exactly as the real one does: requests and back-off are the gateway's own code. It checks no signature,
//! compiles nothing and keeps no file, because it is mcpd that is measured. Read [`story`] for what happens in which order.

mod admin;
mod arrivals;
mod company;
mod gateway;
mod mcpd;
mod measure;
mod options;
mod report;
mod scan;
mod story;

pub use options::{Database, Options};
pub use report::Report;
pub use story::run;

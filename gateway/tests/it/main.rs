//! The gateway as a whole: a real listener, a real child process, both eras.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod aggregation;
mod batches;
mod client;
mod company;
mod connecting;
mod connections;
mod consent;
mod control_plane;
mod crosstalk;
mod crowd;
mod eras;
mod flow;
mod http_sse;
mod legacy_streams;
mod life;
mod listen;
mod listing;
mod long;
mod more;
mod raw_http;
mod recorded;
mod refusals;
mod refused_tokens;
mod shim;
mod tiers;
mod tokens;
mod upstream;
mod world;

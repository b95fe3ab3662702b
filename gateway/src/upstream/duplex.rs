//! Channels on which everything goes both ways without order: a child's pipes, HTTP+SSE. What is in flight on one, and what
//! a message that comes in means to it. No I/O.

mod calls;
mod pending;

pub(super) use calls::{Calls, Outgoing, Sorted, answered_by, is_askable};
pub(super) use pending::{Pending, Withdraw};

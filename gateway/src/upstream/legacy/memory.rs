//! What the legacy rim remembers of one session: what the server was asked to do for as long as the session lasts.
//!
//! Both parts are locked while the server is asked, so that two callers cannot ask for opposite things at once.

use std::collections::HashMap;
use tokio::sync::Mutex;

/// Kept by the transport beside its session; nothing in it outlives the session.
#[derive(Debug, Default)]
pub(in crate::upstream) struct Memory {
    /// The level of log messages the server was asked for, as a rank; none when it was never asked.
    pub(super) level: Mutex<Option<usize>>,
    /// Resources the server was asked to watch, and for how many listeners.
    pub(super) watched: Mutex<HashMap<String, usize>>,
}

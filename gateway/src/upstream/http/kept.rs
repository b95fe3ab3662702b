//! Unencrypted HTTP/1.1 connections to one server that wait for their next request.
//!
//! pingora's own pool watches every waiting connection in a task, which costs each call two turns of the scheduler. Here one is
//! looked at when it is taken, and those that nobody takes are closed by a sweep. It is taken on the runtime that it is
//! registered with: elsewhere, whatever happens on it would have to be told across threads.

use futures::FutureExt as _;
use parking_lot::Mutex;
use pingora_core::protocols::Stream;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncReadExt as _,
    runtime::{Handle, Id},
};

/// Connections kept for one server.
const KEPT_MAX: usize = 256;
/// An unused connection is closed after this, in milliseconds, or up to as much later.
pub(super) const IDLE_TIMEOUT_MS: u64 = 60_000;

/// See the module.
#[derive(Default)]
pub(super) struct Kept(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// The one used last stands last.
    connections: Vec<Connection>,
    /// Whether a sweep is to come.
    swept: bool,
}

struct Connection {
    stream: Stream,
    address: SocketAddr,
    runtime: Id,
    since: Instant,
}

impl Kept {
    /// The connection used last of those to one of `addresses` that still stand.
    pub(super) fn take(&self, addresses: &[SocketAddr]) -> Option<(Stream, SocketAddr)> {
        let here = Handle::current().id();
        let fits = |one: &Connection| one.runtime == here && addresses.contains(&one.address);
        loop {
            let mut connection = {
                let mut waiting = self.0.lock();
                let place = waiting.connections.iter().rposition(fits)?;
                waiting.connections.remove(place)
            };
            if connection.is_fresh() && is_quiet(&mut connection.stream) {
                return Some((connection.stream, connection.address));
            }
        }
    }

    /// Keeps `stream`, which leads to `address` and has nothing left to be read or written.
    pub(super) fn keep(self: &Arc<Self>, stream: Stream, address: SocketAddr) {
        let mut waiting = self.0.lock();
        if waiting.connections.len() < KEPT_MAX {
            waiting.connections.push(Connection {
                stream,
                address,
                runtime: Handle::current().id(),
                since: Instant::now(),
            });
        }
        if !std::mem::replace(&mut waiting.swept, true) {
            let kept = Arc::downgrade(self);
            tokio::spawn(async move {
                let mut turns = tokio::time::interval(Duration::from_millis(IDLE_TIMEOUT_MS));
                turns.tick().await;
                loop {
                    turns.tick().await;
                    if kept.upgrade().is_none_or(|kept| kept.sweep()) {
                        return;
                    }
                }
            });
        }
    }

    /// Closes what waited too long or was closed by the server; whether nothing is left.
    fn sweep(&self) -> bool {
        let mut waiting = self.0.lock();
        waiting.connections.retain_mut(|one| one.is_fresh() && is_quiet(&mut one.stream));
        waiting.swept = !waiting.connections.is_empty();
        !waiting.swept
    }
}

impl Connection {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < Duration::from_millis(IDLE_TIMEOUT_MS)
    }
}

/// Whether the other side neither closed it nor says something that nobody asked for.
fn is_quiet(stream: &mut Stream) -> bool {
    stream.read(&mut [0]).now_or_never().is_none()
}

//! Unencrypted HTTP/1.1 connections to one server that wait for their next request.
//!
//! pingora's own pool watches every waiting connection in a task, which costs each call two turns of the scheduler. Here one is
//! looked at when it is taken, and those that nobody takes are closed by a sweep.

use futures::FutureExt as _;
use parking_lot::Mutex;
use pingora_core::protocols::Stream;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::io::AsyncReadExt as _;

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
    since: Instant,
}

impl Kept {
    /// The connection used last of those to one of `addresses` that still stand.
    pub(super) fn take(&self, addresses: &[SocketAddr]) -> Option<(Stream, SocketAddr)> {
        let fits = |one: &Connection| addresses.contains(&one.address);
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
            waiting.connections.push(Connection { stream, address, since: Instant::now() });
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

#[cfg(test)]
mod tests {
    use super::*;
    use pingora_core::protocols::l4;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn only_what_still_stands_is_taken_again_and_only_for_its_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let kept = Arc::new(Kept::default());
        kept.keep(Box::new(l4::stream::Stream::from(ours.unwrap())), address);
        assert!(kept.take(&["127.0.0.2:1".parse().unwrap()]).is_none());
        let (stream, home) = kept.take(&[address]).unwrap();
        assert!(home == address && kept.take(&[address]).is_none());
        kept.keep(stream, address);
        drop(theirs);
        while let Some((stream, _)) = kept.take(&[address]) {
            kept.keep(stream, address);
            tokio::task::yield_now().await;
        }
        assert!(kept.sweep(), "nothing is left");
    }

    #[tokio::test]
    async fn no_more_are_kept_than_may_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept::default());
        let mut theirs = Vec::new();
        for _ in 0..=KEPT_MAX {
            let (ours, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            theirs.push(accepted);
            kept.keep(Box::new(l4::stream::Stream::from(ours.unwrap())), address);
        }
        assert_eq!(kept.0.lock().connections.len(), KEPT_MAX);
        assert!(!kept.sweep(), "all of them stand");
    }
}

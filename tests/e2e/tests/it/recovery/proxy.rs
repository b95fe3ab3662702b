//! A piece of network that breaks on demand: what connects to it is connected to somebody else, until it is told otherwise.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What is wrong with the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Connections are ended, and new ones at once.
    Cut,
    /// Everything is swallowed without a word. A connection that was there meanwhile is forgotten for good, as by a firewall:
    /// neither side hears of the other again, nor of its end.
    Swallow,
    /// Each piece comes this much later.
    Slow(Duration),
    /// The server's word for one project reaches the client as the word for another, of the same length.
    Tamper(&'static str, &'static str),
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// In front of whoever listens at `upstream`.
    pub(crate) async fn start(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, faults) = watch::channel(Fault::None);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, upstream.clone(), faults.clone()));
            }
        });
        Self { address, fault, task }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn serve(mut client: TcpStream, upstream: String, faults: watch::Receiver<Fault>) {
    let now = *faults.borrow();
    match now {
        Fault::Cut => {}
        // Until the client gives up.
        Fault::Swallow => while client.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {},
        _ => {
            let Ok(server) = TcpStream::connect(&upstream).await else { return };
            client.set_nodelay(true).ok();
            server.set_nodelay(true).ok();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            // Both halves are held until both ways have ended: of a forgotten connection neither side hears the other's end.
            let there = Way { from: from_client, to: to_server, faults: faults.clone(), back: false };
            let back = Way { from: from_server, to: to_client, faults, back: true };
            let _ = tokio::join!(there.carry(), back.carry());
        }
    }
}

/// One direction of a connection.
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    faults: watch::Receiver<Fault>,
    back: bool,
}

impl Way {
    /// Gives its halves back when it has ended.
    async fn carry(mut self) -> Self {
        let (mut piece, mut forgotten) = ([0; 16 << 10], false);
        loop {
            let read = tokio::select! {
                read = self.from.read(&mut piece) => Some(read.unwrap_or(0)),
                changed = self.faults.changed() => if changed.is_ok() { None } else { return self },
            };
            let fault = *self.faults.borrow();
            forgotten |= fault == Fault::Swallow;
            match (read, fault) {
                (_, Fault::Cut) if !forgotten => {
                    self.to.shutdown().await.ok();
                    return self;
                }
                (Some(0), _) => {
                    if !forgotten {
                        self.to.shutdown().await.ok();
                    }
                    return self;
                }
                (Some(count), fault) if !forgotten => {
                    let mut piece = piece[..count].to_vec();
                    match fault {
                        Fault::Slow(by) => wait(by).await,
                        Fault::Tamper(word, other) if self.back => replace(&mut piece, word, other),
                        _ => {}
                    }
                    if self.to.write_all(&piece).await.is_err() {
                        return self;
                    }
                }
                _ => {}
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow network: time itself is the fault")]
async fn wait(by: Duration) {
    tokio::time::sleep(by).await;
}

fn replace(piece: &mut [u8], word: &str, other: &str) {
    let at: Vec<usize> =
        piece.windows(word.len()).enumerate().filter(|(_, seen)| *seen == word.as_bytes()).map(|(at, _)| at).collect();
    for at in at {
        piece[at..at + word.len()].copy_from_slice(other.as_bytes());
    }
}

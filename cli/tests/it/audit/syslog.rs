//! A syslog server on each of the transports.

use std::{
    io::Read as _,
    net::{TcpListener, UdpSocket},
    os::unix::net::UnixDatagram,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use crate::stub::PATIENCE;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    Tcp,
    Udp,
    Unix,
}

pub(crate) struct Server {
    pub(crate) target: String,
    messages: Receiver<String>,
}

impl Server {
    pub(crate) fn start(transport: Transport, dir: &Path) -> Self {
        let (sender, messages) = sync_channel(1_000);
        let target = match transport {
            Transport::Tcp => tcp(sender),
            Transport::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                let target = format!("syslog://{}", socket.local_addr().unwrap());
                thread::spawn(move || datagrams(|buffer| socket.recv(buffer), &sender));
                target
            }
            Transport::Unix => {
                let path = dir.join("log.socket");
                let socket = UnixDatagram::bind(&path).unwrap();
                thread::spawn(move || datagrams(|buffer| socket.recv(buffer), &sender));
                format!("syslog+unix://{}", path.display())
            }
        };
        Self { target, messages }
    }

    /// The next `count` messages, and not one more that is there already.
    pub(crate) fn messages(&self, count: usize) -> Vec<String> {
        let next = |_| self.messages.recv_timeout(PATIENCE).unwrap();
        let messages = (0..count).map(next).collect();
        assert!(self.messages.try_recv().is_err());
        messages
    }
}

fn datagrams(receive: impl Fn(&mut [u8]) -> std::io::Result<usize>, sender: &SyncSender<String>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length) = receive(&mut buffer) {
        if sender.send(String::from_utf8(buffer[..length].to_vec()).unwrap()).is_err() {
            return;
        }
    }
}

/// Octet counting (RFC 6587 §3.4.1).
fn tcp(sender: SyncSender<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("syslog+tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let mut text = text.as_slice();
        while let Some(at) = text.iter().position(|byte| *byte == b' ') {
            let length: usize = std::str::from_utf8(&text[..at]).unwrap().parse().unwrap();
            let message = &text[at + 1..=at + length];
            sender.send(String::from_utf8(message.to_vec()).unwrap()).unwrap();
            text = &text[at + 1 + length..];
        }
    });
    target
}

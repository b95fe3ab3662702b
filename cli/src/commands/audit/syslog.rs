//! Records to a syslog server: RFC 5424 over UDP (RFC 5426), a Unix socket, or TCP with octet counting (RFC 6587 §3.4.1).
//!
//! A message is the very text of a record. Delivery by UDP and by a Unix socket is not acknowledged, so it proves nothing.

use super::chains;
use crate::{
    client::Client,
    failure::{During as _, Failure},
};
use control_plane_api::{
    audit::{
        Decision,
        chain::{Body, Entry, Head},
    },
    name::Name,
};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    net::{TcpStream, ToSocketAddrs as _, UdpSocket},
    os::unix::net::UnixDatagram,
    path::Path,
    time::Duration,
};
use url::Url;

/// Time to connect, and for a message to be taken.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Facility 13, `log audit`; severities of RFC 5424 §6.2.1.
const FACILITY: u8 = 13;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;
const DEBUG: u8 = 7;

/// Where messages go.
enum Server {
    Udp(UdpSocket),
    Unix(UnixDatagram),
    Tcp(TcpStream),
}

/// Sends what `state` does not say was sent; how many records that were.
pub(super) async fn export(client: &Client, target: &str, state: Option<&Path>) -> Result<u64, Failure> {
    let mut server = Server::connect(target)?;
    let mut done: BTreeMap<Name, Head> = match state.map(fs::read) {
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Some(read) => {
            let text = read.during(|| "cannot read the state file".to_owned())?;
            serde_json::from_slice(&text)
                .map_err(|error| Failure::failed(format!("the state file is damaged: {error}")))?
        }
        None => BTreeMap::new(),
    };
    let heads = chains::open(&client.audit_heads().await?, None)?;
    let mut count = 0;
    for chain in &heads.chains {
        loop {
            let after = done.get(&chain.gateway).copied().unwrap_or(Head::NONE);
            let texts = chains::page(client, chain, after).await?;
            if texts.is_empty() {
                break;
            }
            for text in texts {
                let entry: Entry = serde_json::from_str(&text)
                    .map_err(|error| Failure::failed(format!("a record cannot be read: {error}")))?;
                server
                    .send(&message(&entry, &text))
                    .during(|| format!("cannot send record {} to `{target}`", entry.seq))?;
                done.insert(chain.gateway.clone(), entry.head(&text));
                count += 1;
            }
            if let Some(state) = state {
                let text = serde_json::to_vec(&done).map_err(|error| Failure::failed(error.to_string()))?;
                fs::write(state, text).during(|| format!("cannot write `{}`", state.display()))?;
            }
        }
    }
    Ok(count)
}

/// One message. Names are of letters, digits, `_` and `-`, so nothing in the structured data needs escaping.
fn message(entry: &Entry, text: &str) -> String {
    let (severity, time, id) = match &entry.body {
        Body::Event(event) => {
            let severity = if event.decision == Decision::Deny { WARNING } else { INFORMATIONAL };
            (severity, event.time, event.action.as_str())
        }
        Body::Checkpoint(checkpoint) => (DEBUG, checkpoint.time, "checkpoint"),
    };
    let Entry { gateway, epoch, seq, .. } = entry;
    let priority = FACILITY * 8 + severity;
    format!("<{priority}>1 {time} {gateway} mcpctl - {id} [mcpctl@32473 epoch=\"{epoch}\" seq=\"{seq}\"] {text}")
}

impl Server {
    fn connect(target: &str) -> Result<Self, Failure> {
        let bad = || {
            Failure::usage(format!("`{target}` is no syslog server"))
                .hint("use `syslog://host:514`, `syslog+tcp://host:601` or `syslog+unix:///dev/log`")
        };
        let url = Url::parse(target).map_err(|_| bad())?;
        let doing = || format!("cannot reach `{target}`");
        if url.scheme() == "syslog+unix" {
            let socket = UnixDatagram::unbound().during(doing)?;
            socket.connect(url.path()).during(doing)?;
            socket.set_write_timeout(Some(TIMEOUT)).during(doing)?;
            return Ok(Self::Unix(socket));
        }
        let port = url.port().unwrap_or(if url.scheme() == "syslog" { 514 } else { 601 });
        let host = url.host_str().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
        let address = (host, port).to_socket_addrs().during(doing)?.next().ok_or_else(bad)?;
        if url.scheme() == "syslog" {
            let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).during(doing)?;
            socket.connect(address).during(doing)?;
            return Ok(Self::Udp(socket));
        }
        let stream = TcpStream::connect_timeout(&address, TIMEOUT).during(doing)?;
        stream.set_write_timeout(Some(TIMEOUT)).during(doing)?;
        Ok(Self::Tcp(stream))
    }

    fn send(&mut self, message: &str) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message.as_bytes()).map(drop),
            Self::Unix(socket) => socket.send(message.as_bytes()).map(drop),
            Self::Tcp(stream) => stream.write_all(format!("{} {message}", message.len()).as_bytes()),
        }
    }
}

//! A request on its way over a connection, and the response to it.

use super::{dialer, kept::Kept, target::Target};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use pingora_core::{
    ErrorType,
    protocols::{
        Stream,
        http::{
            client::HttpSession,
            v1::client::{HttpSession as Http1Session, http_req_header_to_wire},
        },
    },
    upstreams::peer::HttpPeer,
};
use pingora_http::RequestHeader;
use std::{net::SocketAddr, sync::Arc};
use tokio::io::AsyncWriteExt as _;

/// Response headers that only announce the real ones; more are refused.
const INTERIM_RESPONSES_MAX: usize = 8;
/// Longest body that is written together with its head, in bytes; copying more costs more than a second write.
const WRITTEN_AT_ONCE_MAX: usize = 16 << 10;

/// Why a request got no response.
#[derive(Debug)]
pub(super) enum Broken {
    /// It never left completely: the server cannot have acted on it.
    Unsent(String),
    /// It left, and the connection ended without an answer.
    Unanswered(String),
    /// It left; what came of it is not known.
    Lost(String),
}

/// A request as it is written.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it may be written a second time when a kept connection turns out to be dead.
    pub(super) repeatable: bool,
}

/// What a request can be written to, and where it waits for the next one.
pub(super) enum Link {
    /// Bytes.
    Plain(Stream, Arc<Kept>, SocketAddr),
    /// What pingora made of them, behind TLS.
    Tls(Box<HttpSession>, Box<HttpPeer>),
}

/// A connection with a response on it. Dropped unfinished, it is closed, or its stream reset.
pub(super) struct Connection {
    session: HttpSession,
    home: Home,
}

/// Where a connection waits for its next request.
enum Home {
    Kept(Arc<Kept>, SocketAddr),
    Pool(Box<HttpPeer>),
}

impl Connection {
    /// Writes `request` to `link` and reads the head of the response.
    pub(super) async fn open(link: Link, target: &Target, request: &Outgoing) -> Result<Self, Broken> {
        let head = head(target, request).map_err(Broken::Unsent)?;
        let (session, home) = match link {
            Link::Plain(stream, kept, address) => {
                (HttpSession::H1(written(stream, &head, &request.body).await?), Home::Kept(kept, address))
            }
            Link::Tls(session, peer) => {
                let session = match *session {
                    HttpSession::H1(session) => {
                        HttpSession::H1(written(session.into_inner(), &head, &request.body).await?)
                    }
                    other => Box::pin(written_in_frames(other, head, request.body.clone())).await?,
                };
                (session, Home::Pool(peer))
            }
        };
        let mut connection = Self { session, home };
        for _ in 0..INTERIM_RESPONSES_MAX {
            connection.session.read_response_header().await.map_err(lost)?;
            if !connection.status().is_informational() {
                return Ok(connection);
            }
        }
        Err(Broken::Lost("it announces a response and does not send one".to_owned()))
    }

    pub(super) fn status(&self) -> StatusCode {
        self.session.response_header().map_or(StatusCode::BAD_GATEWAY, |head| head.status)
    }

    /// A header of the response, as text.
    pub(super) fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.session.response_header()?.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body; none at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        let chunk = self.session.read_response_body().await;
        chunk.map_err(|error| Broken::Lost(format!("the connection broke: {}", cause(&error))))
    }

    /// The rest of the body, and the connection kept for the next request. None if it is longer than `bytes_max`.
    pub(super) async fn collect(mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, Broken> {
        let mut body = Vec::new();
        if !self.fill(&mut body, bytes_max).await? {
            return Ok(None);
        }
        self.release().await;
        Ok(Some(body))
    }

    /// Reads into `body` until it has more than `bytes` bytes, or the body ends: whether it did.
    pub(super) async fn fill(&mut self, body: &mut Vec<u8>, bytes: usize) -> Result<bool, Broken> {
        while body.len() <= bytes {
            match self.chunk().await? {
                Some(chunk) => body.extend_from_slice(&chunk),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Keeps the connection, whose body was read to its end, for the next request.
    pub(super) async fn release(self) {
        match (self.home, self.session) {
            (Home::Kept(kept, address), HttpSession::H1(mut session)) => {
                session.respect_keepalive();
                if let Some(stream) = session.reuse().await {
                    kept.keep(stream, address);
                }
            }
            (Home::Pool(peer), session) => dialer::keep(session, &peer).await,
            // Only HTTP/1.1 is spoken without TLS.
            (Home::Kept(..), _) => {}
        }
    }
}

fn head(target: &Target, request: &Outgoing) -> Result<RequestHeader, String> {
    let build = || -> pingora_core::Result<RequestHeader> {
        let mut head = RequestHeader::build(request.method.clone(), target.path.as_bytes(), None)?;
        head.insert_header(http::header::HOST, target.authority.clone())?;
        head.insert_header(http::header::CONTENT_LENGTH, request.body.len())?;
        for (name, value) in &request.headers {
            head.insert_header(name.clone(), value.clone())?;
        }
        for (name, value) in &target.headers {
            head.insert_header(name.clone(), value.clone())?;
        }
        Ok(head)
    };
    build().map_err(|error| format!("the request cannot be written: {}", cause(&error)))
}

/// Writes a request as HTTP/1.1, head and body at once. A request of which any byte could not be written has no end, and the server cannot act on it.
async fn written(mut stream: Stream, head: &RequestHeader, body: &Bytes) -> Result<Http1Session, Broken> {
    let unsent = |error: std::io::Error| Broken::Unsent(format!("the connection broke: {error}"));
    let mut wire = http_req_header_to_wire(head)
        .ok_or_else(|| Broken::Unsent("the request cannot be written: its path holds what a path cannot".to_owned()))?;
    let at_once = body.len() <= WRITTEN_AT_ONCE_MAX;
    if at_once {
        wire.extend_from_slice(body);
    }
    stream.write_all(&wire).await.map_err(unsent)?;
    if !at_once {
        stream.write_all(body).await.map_err(unsent)?;
    }
    stream.flush().await.map_err(unsent)?;
    // A session that has not written its request itself reads the response as that of a request with a plain response.
    Ok(Http1Session::new(stream))
}

/// Writes a request as HTTP/2.
async fn written_in_frames(mut session: HttpSession, head: RequestHeader, body: Bytes) -> Result<HttpSession, Broken> {
    let unsent = |error: Box<pingora_core::Error>| Broken::Unsent(format!("the connection broke: {}", cause(&error)));
    session.write_request_header(Box::new(head)).await.map_err(unsent)?;
    if !body.is_empty() {
        session.write_request_body(body, true).await.map_err(lost)?;
    }
    session.finish_request_body().await.map_err(lost)?;
    Ok(session)
}

/// It broke after the request had left.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn lost(error: Box<pingora_core::Error>) -> Broken {
    let reason = format!("the connection broke: {}", cause(&error));
    match error.etype() {
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => Broken::Unanswered(reason),
        _ => Broken::Lost(reason),
    }
}

/// The reason people know: what the system said, else what pingora was doing.
pub(super) fn cause(error: &pingora_core::Error) -> String {
    let first = error.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
    let mut causes = std::iter::successors(first, |cause| cause.source());
    if let Some(io) = causes.find(|cause| cause.is::<std::io::Error>()) {
        return io.to_string();
    }
    let text = error.context.as_ref().map_or(error.etype().as_str(), |context| context.as_str());
    let text = text.strip_prefix("TLS connect() failed: ").unwrap_or(text);
    text.split(", SNI: ").next().unwrap_or(text).to_owned()
}

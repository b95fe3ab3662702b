//! A request on its way over a connection, and the response to it.

use super::{dialer, kept::Kept, target::Target};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use pingora_core::{
    ErrorType, OrErr as _,
    protocols::{
        Stream,
        http::{client::HttpSession, v1::client::HttpSession as Http1Session},
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
/// About how many bytes a head has.
const HEAD_BYTES: usize = 512;

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
    /// All but those of the connection.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it may be written a second time when a kept connection turns out to be dead.
    pub(super) repeatable: bool,
}

impl Outgoing {
    /// A request without a body.
    pub(super) fn empty(method: Method, headers: HeaderMap, repeatable: bool) -> Self {
        Self { method, headers, body: Bytes::new(), repeatable }
    }

    /// Every header at `target`, whose own come last and win.
    fn headers<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
        let own = |name: &HeaderName| target.headers.iter().any(|(configured, _)| configured == name);
        let given = self.headers.iter().filter(move |(name, _)| !own(name));
        given.chain(target.headers.iter().map(|(name, value)| (name, value)))
    }
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
        let (session, home) = match link {
            Link::Plain(stream, kept, address) => {
                (HttpSession::H1(written(stream, target, request).await?), Home::Kept(kept, address))
            }
            Link::Tls(session, peer) => {
                let session = match *session {
                    HttpSession::H1(session) => HttpSession::H1(written(session.into_inner(), target, request).await?),
                    other => Box::pin(written_in_frames(other, target, request)).await?,
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

/// Writes a request as HTTP/1.1 (RFC 9112 §3 and §5), head and body at once. A request of which any byte could not be written
/// has no end, and the server cannot act on it.
async fn written(mut stream: Stream, target: &Target, request: &Outgoing) -> Result<Http1Session, Broken> {
    let unsent = |error: std::io::Error| Broken::Unsent(format!("the connection broke: {error}"));
    let body = &request.body;
    let at_once = body.len() <= WRITTEN_AT_ONCE_MAX;
    let mut wire = Vec::with_capacity(HEAD_BYTES + if at_once { body.len() } else { 0 });
    write_head(&mut wire, target, request);
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

fn write_head(wire: &mut Vec<u8>, target: &Target, request: &Outgoing) {
    let mut line = |words: [&[u8]; 4]| words.into_iter().for_each(|word| wire.extend_from_slice(word));
    line([request.method.as_str().as_bytes(), b" ", target.path.as_bytes(), b" HTTP/1.1\r\n"]);
    line([b"host: ", target.authority.as_bytes(), b"\r\n", b""]);
    line([b"content-length: ", request.body.len().to_string().as_bytes(), b"\r\n", b""]);
    for (name, value) in request.headers(target) {
        line([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    line([b"\r\n", b"", b"", b""]);
}

/// Writes a request as HTTP/2.
async fn written_in_frames(
    mut session: HttpSession,
    target: &Target,
    request: &Outgoing,
) -> Result<HttpSession, Broken> {
    let unsent = |error: Box<pingora_core::Error>| Broken::Unsent(format!("the connection broke: {}", cause(&error)));
    let head = framed_head(target, request).map_err(unsent)?;
    session.write_request_header(Box::new(head)).await.map_err(unsent)?;
    if !request.body.is_empty() {
        session.write_request_body(request.body.clone(), true).await.map_err(lost)?;
    }
    session.finish_request_body().await.map_err(lost)?;
    Ok(session)
}

/// The host is told as the authority alone (RFC 9113 §8.3.1): told as a header as well, it is one too many for some servers.
fn framed_head(target: &Target, request: &Outgoing) -> pingora_core::Result<RequestHeader> {
    let mut head = RequestHeader::build_no_case(request.method.clone(), b"/", None)?;
    let uri =
        Uri::builder().scheme("https").authority(target.authority.as_bytes()).path_and_query(target.path.as_str());
    head.set_uri(uri.build().or_err(ErrorType::InvalidHTTPHeader, "its URL cannot be written")?);
    head.insert_header(http::header::CONTENT_LENGTH, request.body.len())?;
    for (name, value) in request.headers(target) {
        head.append_header(name.clone(), value.clone())?;
    }
    Ok(head)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::endpoint;
    use control_plane_api::limits::Limits;
    use http::header;
    use serde_json::json;

    fn request() -> (Target, Outgoing) {
        let server = json!({"transport": {"type": "http", "url": "https://example.com:8443/mcp?x=1"}});
        let target = Target::new(&endpoint(server, &[("Accept", "configured")], Limits::default())).unwrap();
        let headers = HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static("given")),
            (header::USER_AGENT, HeaderValue::from_static("us")),
        ]);
        (target, Outgoing { method: Method::POST, headers, body: Bytes::from_static(b"{}"), repeatable: false })
    }

    #[test]
    fn a_head_of_http_1_names_the_host_and_configured_headers_win() {
        let (target, request) = request();
        let mut wire = Vec::new();
        write_head(&mut wire, &target, &request);
        let expected = "POST /mcp?x=1 HTTP/1.1\r\nhost: example.com:8443\r\ncontent-length: 2\r\nuser-agent: us\r\n\
                        accept: configured\r\n\r\n";
        assert_eq!(String::from_utf8(wire).unwrap(), expected);
    }

    #[test]
    fn a_head_of_http_2_names_the_host_once() {
        let (target, request) = request();
        let head = framed_head(&target, &request).unwrap();
        assert_eq!(head.uri.to_string(), "https://example.com:8443/mcp?x=1");
        assert!(head.headers.get(header::HOST).is_none());
        assert_eq!(head.headers.get_all(header::ACCEPT).iter().collect::<Vec<_>>(), ["configured"]);
        assert_eq!(head.headers.get(header::CONTENT_LENGTH).unwrap(), "2");
    }
}

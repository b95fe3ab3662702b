//! A result that is still coming: large, complete of its kind, and of use to somebody before its end.
//!
//! Pulled by whoever passes it on, and nothing is read ahead; dropping it takes the request back. What a gateway looks into
//! comes first as far as the server said it early ([`Long::rim`]), the rest of it last.

use super::UpstreamError;
use bytes::Bytes;
use control_plane_api::name::Name;
use futures::{StreamExt as _, stream::BoxStream};
use protocol::{Id, Members, Response};
use serde_json::value::RawValue;
use std::{fmt, time::Duration};
use tokio::time::{Instant, timeout};

/// What every text of such a result begins with; its kind is known.
pub(crate) const HEAD: &str = r#"{"resultType":"complete""#;

/// A part of a long result.
pub(crate) enum Part {
    /// Members, or pieces of them: `,"name":value`, cut anywhere, without line ends.
    Piece(Bytes),
    /// What of the rim came late; the end.
    Rim(Members),
}

/// What a transport gives: pieces, then the rim. A stream that ends without it lost its server on the way.
pub(super) type Parts = BoxStream<'static, Result<Part, UpstreamError>>;

/// See the module.
pub struct Long {
    server: Name,
    rim: Members,
    parts: Parts,
    /// Time the server has.
    given: Duration,
    /// What is left of it; waiting for who reads is not counted.
    left: Duration,
}

impl Long {
    /// Of `server`, which said `rim` so far.
    pub(super) fn new(server: Name, rim: Members, parts: Parts) -> Self {
        Self { server, rim, parts, given: Duration::MAX, left: Duration::MAX }
    }

    /// The same with `left` for the server to come to its end.
    pub(super) fn within(mut self, left: Duration) -> Self {
        (self.given, self.left) = (left, left);
        self
    }

    /// The same, and `kept` lives as long as it.
    pub(super) fn keeping<T: Send + 'static>(mut self, kept: T) -> Self {
        self.parts = Box::pin(self.parts.inspect(move |_| {
            let _ = &kept;
        }));
        self
    }

    /// The members that mean something to a gateway, as far as they are known.
    pub(crate) fn rim(&mut self) -> &mut Members {
        &mut self.rim
    }

    /// What comes next; none behind the rim. Of the late rim, nothing is told that was told before.
    pub(crate) async fn next(&mut self) -> Option<Result<Part, UpstreamError>> {
        let began = Instant::now();
        // A server that always has something to say never lets the clock be looked at otherwise.
        let in_time = !self.left.is_zero();
        let part = timeout(self.left, self.parts.next()).await;
        self.left = self.left.saturating_sub(began.elapsed());
        let late = || UpstreamError::TimedOut { server: self.server.clone(), after: self.given };
        let mut part = part.ok().filter(|_| in_time).unwrap_or_else(|| Some(Err(late())));
        if let Some(Ok(Part::Rim(rim))) = &mut part {
            for (told, _) in self.rim.iter() {
                rim.remove(told);
            }
        }
        part
    }

    /// All of it, as the response to `id`, if it has no more than `bytes_max` bytes.
    ///
    /// # Errors
    /// Why it never came to its end.
    pub(crate) async fn whole(mut self, id: Id, bytes_max: u64) -> Result<Response, UpstreamError> {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let mut text = format!("{HEAD}{}", spliced(&self.rim)).into_bytes();
        let unusable = |server: &Name, reason: String| UpstreamError::Unusable { server: server.clone(), reason };
        loop {
            match self.next().await {
                Some(Ok(Part::Piece(piece))) => text.extend_from_slice(&piece),
                Some(Ok(Part::Rim(rim))) => {
                    text.extend_from_slice(spliced(&rim).as_bytes());
                    text.push(b'}');
                    let result: Box<RawValue> = serde_json::from_slice(&text)
                        .map_err(|error| unusable(&self.server, format!("its answer is not valid JSON: {error}")))?;
                    return Ok(Response::ok(id, result));
                }
                Some(Err(error)) => return Err(error),
                None => {
                    let reason = "its answer ended before the response".to_owned();
                    return Err(UpstreamError::Lost { server: self.server.clone(), reason });
                }
            }
            if text.len() > bytes_max {
                let reason = format!("a message is larger than {bytes_max} bytes (`upstream_message_bytes_max`)");
                return Err(unusable(&self.server, reason));
            }
        }
    }
}

/// `rim` as it stands behind [`HEAD`]: `,"name":value` of all but the kind.
pub(crate) fn spliced(rim: &Members) -> String {
    let mut rim = rim.clone();
    rim.remove("resultType");
    let text = rim.to_raw();
    let inner = text.get().strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
    if inner.is_empty() { String::new() } else { format!(",{inner}") }
}

impl fmt::Debug for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Long").field("server", &self.server).field("rim", &self.rim).finish_non_exhaustive()
    }
}

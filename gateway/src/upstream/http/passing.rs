//! Responses that are passed on while they come: which ones, and how their parts are got.

use super::{
    connection::{Broken, Connection},
    heed::{Call, Streaming},
    remote::Remote,
};
use crate::upstream::{
    UpstreamError,
    long::{Long, Part, Parts},
};
use bytes::Bytes;
use futures::stream;
use protocol::{
    Id, method,
    sse::Tail,
    transit::{Transit, TransitError},
};
use std::sync::Arc;

/// The methods whose results may be of any size.
const UNBOUNDED: [&str; 3] = [method::TOOLS_CALL, method::RESOURCES_READ, method::PROMPTS_GET];

/// The response as far as it was read, and known to be one that can be passed on.
pub(super) struct Begun {
    transit: Transit,
    first: Bytes,
    bytes: usize,
}

impl Remote {
    /// Size from which on a response to `method` need not be held.
    pub(super) fn long_from(&self, method: &str) -> usize {
        let bytes_min = usize::try_from(self.endpoint.limits.reply_stream_bytes_min).unwrap_or(usize::MAX);
        if UNBOUNDED.contains(&method) { bytes_min } else { usize::MAX }
    }

    fn ill(&self, error: &TransitError) -> UpstreamError {
        self.unusable(&format!("its answer is {error}"))
    }
}

impl Call {
    /// Takes `text`, the beginning of a message, for that of a response to be passed on; none if it is another one, or may
    /// turn out to be. A modern result says what it is; those of legacy servers are complete, unless they begin a task.
    ///
    /// Its id may come last. Nothing else can be meant: the stream belongs to this request (2026-07-28 transports), or at
    /// least to this caller's session. Where another id comes, what was passed on never becomes a whole response.
    pub(super) fn begun(&self, text: &Bytes) -> Option<Begun> {
        let mut transit = Transit::new(Id::Number(self.own), self.remote.message_bytes_max());
        let first = transit.push(text).ok()?;
        let plain = match &self.session {
            None => transit.rim().read::<String>("resultType").as_deref() == Some("complete"),
            Some(_) => transit.rim().get("task").is_none(),
        };
        (plain && transit.is_result()).then_some(Begun { transit, first, bytes: text.len() })
    }
}

/// Where the text of the response comes from.
pub(super) enum Source {
    /// A body of its own.
    Body(Call, Connection),
    /// An event of a stream.
    Event(Box<Streaming>, Connection, Tail),
}

impl Source {
    /// The next bytes of the text; none at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        match self {
            Self::Body(call, connection) => connection.chunk().await.map_err(|broken| call.remote.broken(broken)),
            Self::Event(_, _, tail) if tail.is_ended() => Ok(None),
            Self::Event(streaming, connection, tail) => {
                let remote = &streaming.call.remote;
                let lost = || Broken::Lost("its answer ended before the response".to_owned());
                let chunk = connection.chunk().await.and_then(|chunk| chunk.ok_or_else(lost));
                let data = tail.push(&chunk.map_err(|broken| remote.broken(broken))?);
                data.map(Some).map_err(|error| remote.unusable(&format!("its answer is {error}")))
            }
        }
    }

    fn remote(&self) -> &Arc<Remote> {
        match self {
            Self::Body(call, _) => &call.remote,
            Self::Event(streaming, ..) => &streaming.call.remote,
        }
    }

    /// It was read to its end: the request is not taken back any more, and the connection is kept if it can be.
    async fn finish(self) {
        match self {
            Self::Body(mut call, connection) => {
                call.disarm();
                connection.release().await;
            }
            Self::Event(mut streaming, connection, _) => {
                streaming.connection = Some(connection);
                streaming.finish();
            }
        }
    }
}

impl Begun {
    /// What comes of it and of the rest of `source`.
    pub(super) fn pass(mut self, source: Source) -> Long {
        let (server, rim) = (source.remote().endpoint.name.clone(), self.transit.take_rim());
        let first = std::mem::take(&mut self.first);
        let rest = stream::unfold(Some((self, source)), |state| async {
            let (mut begun, mut source) = state?;
            match begun.next(&mut source).await {
                Ok(Some(piece)) => Some((Ok(Part::Piece(piece)), Some((begun, source)))),
                Ok(None) => {
                    source.finish().await;
                    Some((Ok(Part::Rim(begun.transit.take_rim())), None))
                }
                Err(error) => Some((Err(error), None)),
            }
        });
        let parts: Parts = Box::pin(futures::StreamExt::chain(stream::iter([Ok(Part::Piece(first))]), rest));
        Long::new(server, rim, parts)
    }

    /// The next piece; none at the end of all of it.
    async fn next(&mut self, source: &mut Source) -> Result<Option<Bytes>, UpstreamError> {
        let bytes_max = source.remote().endpoint.limits.reply_stream_bytes_max;
        while let Some(chunk) = source.next().await? {
            self.bytes += chunk.len();
            let remote = source.remote();
            if u64::try_from(self.bytes).is_ok_and(|bytes| bytes > bytes_max) {
                let reason = format!("a result is larger than {bytes_max} bytes (`reply_stream_bytes_max`)");
                return Err(remote.unusable(&reason));
            }
            let piece = self.transit.push(&chunk).map_err(|error| remote.ill(&error))?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        self.transit.finish().map_err(|error| source.remote().ill(&error))?;
        Ok(None)
    }
}

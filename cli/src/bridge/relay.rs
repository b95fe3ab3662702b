//! The gateway's reply, message by message, to stdout.

use super::{Bridge, gateway::Headers, resume::Place, trouble::Trouble};
use crate::client::http;
use futures::{Stream, StreamExt as _};
use protocol::{
    Id, Message, Response as Answer,
    sse::{Decoder, Event},
};
use reqwest::{Response, StatusCode, header};
use std::time::Duration;

/// Largest single message from the gateway, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// A stream on which nothing comes for so long, not even a comment that keeps it alive, is broken.
const STREAM_SILENCE_MAX: Duration = Duration::from_secs(60);

/// With what a reply is complete.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until<'a> {
    /// The answer to this request.
    Answer(&'a Id),
    /// The answers to a batch.
    Batch,
    /// Nothing in particular.
    End,
}

impl Bridge {
    /// Passes on what `response` holds, `until` it is complete. One that breaks off is taken up again where it belongs to a
    /// session, which those headers name. `before` sees the answer before the client does.
    pub(super) async fn relay(
        &self,
        response: Response,
        until: Until<'_>,
        session: Option<Headers>,
        before: impl FnOnce(&Answer),
    ) -> Result<(), Trouble> {
        let mut before = Some(before);
        let mut place = Place::default();
        let mut stream = Box::pin(events(response));
        loop {
            let broken = match stream.next().await {
                Some(Ok(event)) => {
                    place.passed(&event);
                    if !event.data.is_empty() && self.pass(event.data, until, &mut before).await {
                        return Ok(());
                    }
                    continue;
                }
                Some(Err(trouble)) => Some(trouble),
                None => None,
            };
            match (until, &session) {
                (Until::End, _) => return broken.map_or(Ok(()), Err),
                (_, None) => return Err(broken.unwrap_or_else(|| Trouble::Lost("the reply ended early".to_owned()))),
                (_, Some(headers)) => {
                    let rest = place.rest(&self.gateway, headers, broken).await?;
                    stream = Box::pin(events(rest));
                }
            }
        }
    }

    /// Passes on one message; whether it completes the reply.
    async fn pass(&self, text: String, until: Until<'_>, before: &mut Option<impl FnOnce(&Answer)>) -> bool {
        let Until::Answer(id) = until else {
            let complete = matches!(until, Until::Batch) && text.trim_ascii_start().starts_with('[');
            self.writer.send(text).await;
            return complete;
        };
        let answer = match Message::parse(text.as_bytes()) {
            Ok(Message::Response(answer)) if answer.id.as_ref().is_none_or(|found| found == id) => Some(answer),
            _ => None,
        };
        let Some(mut answer) = answer else {
            self.writer.send(text).await;
            return false;
        };
        if let Some(before) = before.take() {
            before(&answer);
        }
        if answer.id.is_some() {
            self.writer.send(text).await;
        } else {
            // The gateway could not read the id; the client waits for exactly this one.
            answer.id = Some(id.clone());
            self.writer.send(Message::Response(answer).to_json()).await;
        }
        true
    }
}

/// The messages of a reply: one JSON value, or the events of a stream.
pub(super) fn messages(response: Response) -> impl Stream<Item = Result<String, Trouble>> {
    events(response).filter_map(async |event| match event {
        Ok(event) if event.data.is_empty() => None,
        Ok(event) => Some(Ok(event.data)),
        Err(trouble) => Some(Err(trouble)),
    })
}

/// The events of a reply; a JSON value counts as one.
pub(super) fn events(response: Response) -> impl Stream<Item = Result<Event, Trouble>> {
    let is_stream = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_stream = is_stream.is_some_and(|value| value.starts_with("text/event-stream"));
    let has_body = !matches!(response.status(), StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
    let reader = Reader { response, decoder: Decoder::new(MESSAGE_BYTES_MAX), over: !has_body };
    futures::stream::unfold(reader, move |mut reader| async move {
        let event = if is_stream { reader.event().await } else { reader.value().await };
        event.map(|event| (event, reader))
    })
}

struct Reader {
    response: Response,
    decoder: Decoder,
    over: bool,
}

impl Reader {
    async fn event(&mut self) -> Option<Result<Event, Trouble>> {
        loop {
            if let Some(event) = self.decoder.next_event() {
                return Some(Ok(event));
            }
            if self.over {
                return None;
            }
            let broken = match tokio::time::timeout(STREAM_SILENCE_MAX, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => match self.decoder.push(&chunk) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                },
                Ok(Ok(None)) => {
                    self.over = true;
                    continue;
                }
                Ok(Err(error)) => http::reason(&error),
                Err(_) => format!("nothing came for {} seconds", STREAM_SILENCE_MAX.as_secs()),
            };
            self.over = true;
            return Some(Err(Trouble::Lost(broken)));
        }
    }

    async fn value(&mut self) -> Option<Result<Event, Trouble>> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        let mut body = Vec::new();
        loop {
            match self.response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Some(Err(Trouble::Lost(http::reason(&error)))),
            }
            if body.len() > MESSAGE_BYTES_MAX {
                return Some(Err(Trouble::Lost(format!("the reply is larger than {MESSAGE_BYTES_MAX} bytes"))));
            }
        }
        let data = String::from_utf8_lossy(&body).into_owned();
        Some(Ok(Event { data, ..Event::default() }))
    }
}

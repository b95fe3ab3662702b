//! The gateway's reply, message by message, to stdout.

use super::{Bridge, trouble::Trouble};
use crate::client::http;
use futures::{Stream, StreamExt as _};
use protocol::{
    Id, Message, Response as Answer,
    sse::{Decoder, Event},
};
use reqwest::{Response, StatusCode, header};

/// Largest single message from the gateway, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

impl Bridge {
    /// Passes on what `response` holds, up to the answer to request `id` (or to the end, without one). `before` sees the
    /// answer before the client does.
    pub(super) async fn relay(
        &self,
        response: Response,
        id: Option<&Id>,
        before: impl FnOnce(&Answer),
    ) -> Result<(), Trouble> {
        let mut messages = Box::pin(messages(response));
        let mut before = Some(before);
        while let Some(text) = messages.next().await {
            let text = text?;
            let answer = match (id, Message::parse(text.as_bytes())) {
                (Some(id), Ok(Message::Response(answer))) if answer.id.as_ref().is_none_or(|found| found == id) => {
                    Some(answer)
                }
                _ => None,
            };
            let Some(mut answer) = answer else {
                self.writer.send(text).await;
                continue;
            };
            if let Some(before) = before.take() {
                before(&answer);
            }
            if answer.id.is_some() {
                self.writer.send(text).await;
            } else {
                // The gateway could not read the id; the client waits for exactly this one.
                answer.id = id.cloned();
                self.writer.send(Message::Response(answer).to_json()).await;
            }
            return Ok(());
        }
        match id {
            Some(_) => Err(Trouble::Lost("the reply ended early".to_owned())),
            None => Ok(()),
        }
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
    let has_body = response.status() != StatusCode::ACCEPTED;
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
            match self.response.chunk().await {
                Ok(Some(chunk)) => {
                    if let Err(error) = self.decoder.push(&chunk) {
                        self.over = true;
                        return Some(Err(Trouble::Lost(error.to_string())));
                    }
                }
                Ok(None) => self.over = true,
                Err(error) => {
                    self.over = true;
                    return Some(Err(Trouble::Lost(http::reason(&error))));
                }
            }
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

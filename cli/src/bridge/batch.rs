//! Batches (2025-03-26): an array of messages goes to the gateway as it is, an array of answers comes back. Whether there may
//! be one, the gateway says.

use super::{Bridge, relay::Until, running::Ticket, trouble::Trouble};
use protocol::{Id, Message, Response, RpcError, code, message::MessageError, method};
use serde_json::value::RawValue;
use std::sync::Arc;

impl Bridge {
    /// Takes a line that is an array. One that wants no answers is waited for.
    pub(super) async fn batch(self: &Arc<Self>, line: &[u8]) {
        let elements: Vec<&RawValue> = match serde_json::from_slice(line) {
            Ok(elements) => elements,
            Err(error) => return self.refuse(line, &MessageError::Json(error)).await,
        };
        let messages: Result<Vec<_>, _> = elements.iter().map(|raw| Message::parse(raw.get().as_bytes())).collect();
        let messages = match messages {
            Ok(messages) if messages.is_empty() => {
                return self.refuse(line, &MessageError::Shape("an empty batch")).await;
            }
            Ok(messages) => messages,
            Err(error) => return self.refuse(line, &error).await,
        };
        let mut tickets = Vec::new();
        for message in &messages {
            let Message::Request(request) = message else { continue };
            match self.running.begin(&request.id, false) {
                Some(ticket) => tickets.push(ticket),
                None => {
                    return self.refuse(line, &MessageError::Shape("a request with this id is still running")).await;
                }
            }
        }
        let body = String::from_utf8_lossy(line).into_owned();
        if tickets.is_empty() {
            self.legacy_tell(body).await;
        } else {
            let bridge = Arc::clone(self);
            self.tasks.spawn(async move { bridge.ask_together(body, &tickets).await });
        }
        for message in &messages {
            if let Message::Notification(note) = message
                && note.method == method::CANCELLED
                && let Some(id) = note.params.read::<Id>("requestId")
            {
                self.running.cancel(&id);
            }
        }
    }

    /// Passes on a batch; its other answers are waited for while some requests of it are cancelled.
    async fn ask_together(self: &Arc<Self>, body: String, tickets: &[Ticket]) {
        let exchange = async {
            let response = self.send(body).await?;
            self.relay(response, Until::Batch, Some(self.legacy.headers()), |_| {}).await
        };
        let all_cancelled = async {
            for ticket in tickets {
                ticket.cancelled().await;
            }
        };
        let answered: Result<(), Trouble> = tokio::select! {
            biased;
            () = all_cancelled => Ok(()),
            answered = exchange => answered,
        };
        if let Err(trouble) = answered {
            let error = trouble.to_error();
            tracing::warn!(code = error.code, error = %error.message, "a batch failed");
            let waiting = tickets.iter().filter(|ticket| !ticket.is_cancelled());
            let answers: Vec<String> = waiting.map(|ticket| failed(ticket.id(), &error)).collect();
            self.writer.send(format!("[{}]", answers.join(","))).await;
        }
    }
}

fn failed(id: &Id, error: &RpcError) -> String {
    // A parse error would be about the whole line, whose requests were read here.
    let code = if error.code == code::PARSE_ERROR { code::INVALID_REQUEST } else { error.code };
    Message::Response(Response::error(Some(id.clone()), RpcError { code, ..error.clone() })).to_json()
}

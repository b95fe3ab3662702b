//! Messages on their way to an HTTP+SSE server, and what it means when it refuses one: the credential, this message alone, or
//! all of the session, whose stream may stay open all the same.

use super::{
    super::{connection::Connection, remote::ERROR_BYTES_MAX},
    Wire, headers_of,
};
use crate::upstream::UpstreamError;
use http::StatusCode;
use protocol::{Id, Members, Message, Request, Response, method};
use tokio::time::timeout;

/// Characters of a refusal that its caller is told.
const WORDS_MAX: usize = 200;

impl Wire {
    /// Posts the request `message`, perhaps the one that `opens` the session.
    ///
    /// # Errors
    /// [`UpstreamError::Forgotten`] when the server takes nothing of this session any more; [`UpstreamError::Lost`] when it
    /// may have taken the message; others when it did not.
    pub(super) async fn post(&self, message: &Message, opens: bool) -> Result<(), UpstreamError> {
        let connection = self.send(message).await?;
        let status = connection.status();
        if status.is_success() {
            // The answer comes on the stream; what stands here means nothing.
            let _ = connection.collect(ERROR_BYTES_MAX).await;
            return Ok(());
        }
        if let Some(error) = self.remote.turned_away(&connection) {
            return Err(error);
        }
        let body = connection.collect(ERROR_BYTES_MAX).await.ok().flatten().unwrap_or_default();
        if status.is_client_error() && !opens && self.refuses_a_ping(status).await {
            // What was taken before may still be answered: the stream is there.
            self.retired.cancel();
            return Err(self.forgotten());
        }
        Err(self.remote.unusable(&format!("it refused a message (HTTP {status}){}", words(&body))))
    }

    async fn send(&self, message: &Message) -> Result<Connection, UpstreamError> {
        self.remote.post_for(&self.key.caller, Ok(&self.place), headers_of(), (message, false)).await
    }

    /// Whether the server answers a `ping` with the same `status` as a message: then it is the session that it does not
    /// know, which servers say with 404 or with 400. The answer to the ping is awaited by nobody.
    async fn refuses_a_ping(&self, status: StatusCode) -> bool {
        let id = Id::Number(self.remote.next_id());
        let ping = Message::Request(Request { id, method: method::PING.to_owned(), params: Members::new() });
        let sent = timeout(self.remote.open_timeout(), self.send(&ping)).await;
        matches!(sent, Ok(Ok(connection)) if connection.status() == status)
    }
}

/// What the body of a refusal says, after a colon: of a JSON-RPC error its message, else its first words.
fn words(body: &[u8]) -> String {
    let text = match Message::parse(body) {
        Ok(Message::Response(Response { payload: Err(error), .. })) => error.message,
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        let check = |body: &str, told: &str| assert_eq!(super::words(body.as_bytes()), told);
        check(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"too long"}}"#, ": too long");
        check(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no JSON"}}"#, ": no JSON");
        check(" Invalid\r\n message\n", ": Invalid message");
        check("", "");
        check(&"x".repeat(1_000), &format!(": {}", "x".repeat(200)));
    }
}

//! `mcpctl mcp-stdio`: JSON-RPC lines on stdin and stdout on one side, the gateway's Streamable HTTP on the other.
//!
//! A modern request becomes one POST whose stream is closed to cancel it; a legacy client gets one session, opened
//! again when the gateway forgets it. Bytes pass as they are. Nothing but MCP goes to stdout. It knows no policy.

mod gateway;
mod legacy;
mod relay;
mod stdio;
mod trouble;

use crate::{failure::Failure, home::Home, pause::Deadline};
use control_plane_api::name::Name;
use gateway::Gateway;
use legacy::Legacy;
use protocol::{Id, Message, Notification, Request, Response, RpcError, code, headers, meta, method};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use stdio::{Lines, Writer};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use trouble::Trouble;

/// Time for requests under way after the client closed its end.
const DRAIN_TIMEOUT_SECS: u64 = 30;

/// Runs the bridge until the client closes stdin or a signal asks to end.
pub(crate) async fn run(project: Name, home: Home) -> Result<(), Failure> {
    let (writer, written) = Writer::start();
    let bridge = Arc::new(Bridge {
        gateway: Gateway::new(project, home),
        writer,
        legacy: Legacy::default(),
        running: Mutex::default(),
        tasks: TaskTracker::new(),
        closing: CancellationToken::new(),
    });
    let failed = |error| Failure::failed(format!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut lines = Lines::stdin();
    let drains = loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(line) => bridge.accept(line).await,
                None => break true,
            },
            _ = terminate.recv() => break false,
            _ = interrupt.recv() => break false,
            () = bridge.writer.closed() => break false,
        }
    };
    tokio::select! {
        () = bridge.close(drains) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drop(bridge);
    written.finish().await;
    Ok(())
}

struct Bridge {
    gateway: Gateway,
    writer: Writer,
    legacy: Legacy,
    /// Requests under way, for cancelling them.
    running: Mutex<HashMap<Id, CancellationToken>>,
    tasks: TaskTracker,
    /// Ends the streams that have no end of their own.
    closing: CancellationToken,
}

impl Bridge {
    /// Takes one line. Only what must keep its order is waited for.
    async fn accept(self: &Arc<Self>, line: Vec<u8>) {
        let message = match Message::parse(&line) {
            Ok(message) => message,
            Err(error) => return self.refuse(&line, &error).await,
        };
        let body = String::from_utf8_lossy(&line).into_owned();
        match message {
            Message::Request(request) if request.method == method::INITIALIZE && !is_modern(&request) => {
                self.open(request, body).await;
            }
            Message::Request(request) => self.start(request, body),
            Message::Notification(notification) => self.notify(&notification, body).await,
            Message::Response(_) => self.legacy_tell(body).await,
        }
    }

    /// Starts a request; its answer comes when it comes.
    fn start(self: &Arc<Self>, request: Request, body: String) {
        let cancelled = CancellationToken::new();
        self.running().insert(request.id.clone(), cancelled.clone());
        let bridge = Arc::clone(self);
        self.tasks.spawn(async move {
            let ends_by_itself = request.method != method::LISTEN;
            let closing = async {
                match ends_by_itself {
                    true => std::future::pending().await,
                    false => bridge.closing.cancelled().await,
                }
            };
            tokio::select! {
                biased;
                // A cancelled request gets no answer; dropping the exchange closes its stream.
                () = cancelled.cancelled() => {}
                () = closing => {}
                () = bridge.exchange(&request, body) => {}
            }
            bridge.running().remove(&request.id);
        });
    }

    async fn exchange(self: &Arc<Self>, request: &Request, body: String) {
        let answered = if is_modern(request) {
            self.modern(request, body).await
        } else {
            self.legacy_request(request, body).await
        };
        if let Err(trouble) = answered {
            self.answer(Some(request.id.clone()), trouble.to_error()).await;
        }
    }

    async fn modern(&self, request: &Request, body: String) -> Result<(), Trouble> {
        let response = self.gateway.post(headers::of(request), body).await?;
        self.relay(response, Some(&request.id), |_| {}).await
    }

    async fn notify(self: &Arc<Self>, notification: &Notification, body: String) {
        if notification.method == method::CANCELLED {
            if self.legacy.is_open() {
                self.legacy_tell(body).await;
            }
            let id = notification.params.read::<Id>("requestId");
            if let Some(cancelled) = id.and_then(|id| self.running().remove(&id)) {
                cancelled.cancel();
            }
        } else if self.legacy.is_open() {
            self.legacy_tell(body).await;
            if notification.method == method::INITIALIZED {
                self.listen();
            }
        } else {
            tracing::debug!(method = %notification.method, "a notification without a session is dropped");
        }
    }

    async fn refuse(&self, line: &[u8], error: &protocol::message::MessageError) {
        if line.trim_ascii().is_empty() {
            return;
        }
        tracing::warn!(%error, "a line on stdin is not a JSON-RPC message");
        let said = RpcError::new(error.code(), error.to_string());
        self.answer(None, said).await;
    }

    async fn answer(&self, id: Option<Id>, error: RpcError) {
        tracing::warn!(code = error.code, error = %error.message, "a request failed");
        let mut text = Message::Response(Response::error(id.clone(), error)).to_json();
        if id.is_none() {
            // JSON-RPC 2.0 §5: null when the id could not be read.
            text = text.replacen("{\"jsonrpc\":\"2.0\"", "{\"jsonrpc\":\"2.0\",\"id\":null", 1);
        }
        self.writer.send(text).await;
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Id, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets requests under way finish if `drains`, and ends the session.
    async fn close(&self, drains: bool) {
        self.closing.cancel();
        self.tasks.close();
        if drains {
            let deadline = Deadline::after_secs(DRAIN_TIMEOUT_SECS);
            while !self.tasks.is_empty() && deadline.step().await {}
        }
        self.running().values().for_each(CancellationToken::cancel);
        self.legacy_close().await;
    }
}

/// Whether a request carries its own metadata (2026-07-28 and later).
fn is_modern(request: &Request) -> bool {
    meta::of(&request.params).get(meta::PROTOCOL_VERSION).is_some()
}

/// The error for an answer that never came.
fn lost() -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, "the connection to the gateway was lost before the answer was there")
}

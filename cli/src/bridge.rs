//! `mcpctl mcp-stdio`: JSON-RPC lines on stdin and stdout on one side, the gateway's Streamable HTTP on the other.
//!
//! A modern request becomes one POST whose stream is closed to cancel it; a legacy client gets one session, opened
//! again when the gateway forgets it. What opens decides: from a successful `initialize` on the process belongs to that
//! legacy session (2026-07-28 versioning). Bytes pass as they are. Nothing but MCP goes to stdout. It knows no policy.

mod batch;
mod gateway;
mod legacy;
mod listen;
mod mirror;
pub(crate) mod probe;
mod relay;
mod reopen;
mod resume;
mod running;
mod session;
mod start;
mod stdio;
mod trouble;

use crate::{failure::Failure, home::Home, pause::Deadline};
use control_plane_api::name::Name;
use gateway::Gateway;
use mirror::Mirror;
use protocol::{Id, Message, Notification, Request, Response, RpcError, code, meta, method};
use relay::Until;
use running::{Running, Ticket};
use session::Legacy;
use std::sync::Arc;
use stdio::{Lines, Writer};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use trouble::Trouble;

/// Time for requests under way after the client closed its end.
const DRAIN_TIMEOUT_SECS: u64 = 30;

/// Runs the bridge until the client closes stdin or a signal asks to end. A gateway that has ended is started again, if
/// `starts`.
pub(crate) async fn run(project: Name, home: Home, starts: bool) -> Result<(), Failure> {
    let (writer, written) = Writer::start();
    let bridge = Arc::new(Bridge {
        gateway: Gateway::new(project, home, starts),
        writer,
        legacy: Legacy::default(),
        mirror: Mirror::default(),
        running: Arc::default(),
        tasks: TaskTracker::new(),
        closing: CancellationToken::new(),
        over: CancellationToken::new(),
    });
    let failed = |error| Failure::failed(format!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let drains = tokio::select! {
        () = bridge.read(Lines::stdin()) => true,
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = bridge.writer.closed() => false,
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
    mirror: Mirror,
    /// Requests under way, for cancelling them.
    running: Arc<Running>,
    tasks: TaskTracker,
    /// Ends the streams that have no end of their own.
    closing: CancellationToken,
    /// Ends everything else.
    over: CancellationToken,
}

impl Bridge {
    /// Takes line after line, until the client closes its end.
    async fn read(self: &Arc<Self>, mut lines: Lines) {
        while let Some(line) = lines.next().await {
            self.accept(line).await;
        }
    }

    /// Takes one line. Only what must keep its order is waited for.
    async fn accept(self: &Arc<Self>, line: Vec<u8>) {
        if line.trim_ascii_start().first() == Some(&b'[') {
            return self.batch(&line).await;
        }
        let message = match Message::parse(&line) {
            Ok(message) => message,
            Err(error) => return self.refuse(&line, &error).await,
        };
        let body = String::from_utf8_lossy(&line).into_owned();
        match message {
            Message::Request(request) if is_modern(&request) => match self.legacy.revision() {
                Some(revision) => self.answer(Some(request.id), pinned(&revision)).await,
                None => self.start(request, body, true).await,
            },
            Message::Request(request) if request.method == method::INITIALIZE => self.open(request, body).await,
            Message::Request(request) => self.start(request, body, false).await,
            Message::Notification(notification) => self.notify(&notification, body).await,
            Message::Response(_) if self.legacy.is_open() => self.legacy_tell(body).await,
            Message::Response(_) => tracing::debug!("an answer without a session is dropped"),
        }
    }

    /// Starts a request; its answer comes when it comes.
    async fn start(self: &Arc<Self>, request: Request, body: String, modern: bool) {
        let Some(ticket) = self.running.begin(&request.id, modern) else {
            let error = RpcError::new(code::INVALID_REQUEST, "a request with this id is still running");
            return self.answer(Some(request.id), error).await;
        };
        let bridge = Arc::clone(self);
        self.spawn(async move {
            let answered = if modern {
                bridge.modern(&request, body, &ticket).await
            } else {
                bridge.legacy_request(&request, body, &ticket).await
            };
            if let Err(trouble) = answered
                && !ticket.is_cancelled()
            {
                bridge.answer(Some(request.id), trouble.to_error()).await;
            }
        });
    }

    /// Passes on a modern request. A cancelled one gets no answer; dropping the exchange closes its stream.
    async fn modern(&self, request: &Request, body: String, ticket: &Ticket) -> Result<(), Trouble> {
        let exchange = async {
            let response = self.mirrored(request, body).await?;
            self.relay(response, Until::Answer(&request.id), None, |_| {}).await
        };
        let closing = async {
            match request.method.as_str() {
                method::LISTEN => self.closing.cancelled().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = ticket.cancelled() => Ok(()),
            () = closing => Ok(()),
            answered = exchange => answered,
        }
    }

    async fn notify(self: &Arc<Self>, notification: &Notification, body: String) {
        if notification.method == method::CANCELLED {
            let id = notification.params.read::<Id>("requestId");
            let modern = id.as_ref().is_some_and(|id| self.running.is_modern(id));
            // First here: whether the request reached the gateway before this does is for its own task to see.
            if let Some(id) = id {
                self.running.cancel(&id);
            }
            if self.legacy.is_open() && !modern {
                self.legacy_tell(body).await;
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

    /// Lets requests under way finish if `drains`, and ends the session.
    async fn close(&self, drains: bool) {
        self.closing.cancel();
        self.tasks.close();
        if drains {
            let deadline = Deadline::after_secs(DRAIN_TIMEOUT_SECS);
            while !self.tasks.is_empty() && deadline.step().await {}
        }
        // Before the session ends, lest somebody open another one.
        self.over.cancel();
        self.tasks.wait().await;
        self.legacy_close().await;
    }

    /// Runs something beside the reading of lines.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let over = self.over.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = over.cancelled() => {}
                () = work => {}
            }
        });
    }
}

/// Whether a request carries its own metadata (2026-07-28 and later).
fn is_modern(request: &Request) -> bool {
    meta::of(&request.params).get(meta::PROTOCOL_VERSION).is_some()
}

/// The error for a modern request in a process that belongs to a legacy session. Its code is none of those by which
/// clients know a modern server.
fn pinned(revision: &str) -> RpcError {
    let told = format!(
        "`initialize` has opened this connection for revision {revision}; requests with metadata of their own need \
         another connection"
    );
    RpcError::new(code::INVALID_REQUEST, told)
}

/// The error for an answer that never came.
fn lost() -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, "the connection to the gateway was lost before the answer was there")
}

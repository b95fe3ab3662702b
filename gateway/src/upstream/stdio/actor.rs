//! The one task that owns a child: everybody else sends it orders. It writes requests, sorts what comes back, and when
//! the child is gone tells everyone who waits.
//!
//! Reading and writing never wait for each other: a child that does not read its input is still listened to.

use super::{
    Shared,
    child::{Child, Pipes, ending},
    lines::{Line, Lines},
    link::Order,
    stderr::Tail,
};
use crate::upstream::{
    UpstreamError,
    duplex::{Calls, Sorted, answered_by},
    legacy,
};
use bytes::BytesMut;
use protocol::{Message, Notification};
use std::{
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{ChildStdin, ChildStdout},
    sync::{broadcast, mpsc},
    task::JoinHandle,
    time::timeout,
};

/// Time for what a dead child wrote to be read to its end, in milliseconds.
const LAST_WORDS_TIMEOUT_MS: u64 = 500;
/// Answers to the child's own requests that wait to be written, in bytes; beyond it they are dropped.
const ANSWERS_BYTES_MAX: usize = 1 << 20;

/// See the module.
pub(super) struct Actor {
    shared: Arc<Shared>,
    orders: mpsc::Receiver<Order>,
    child: Child,
    pid: Option<u32>,
    stdin: ChildStdin,
    lines: Lines<ChildStdout>,
    unwritten: BytesMut,
    calls: Calls,
    notices: broadcast::Sender<Notification>,
    role: Role,
    tail: Tail,
    stderr: JoinHandle<()>,
    born: Instant,
}

/// How what the child says on its own account is taken.
pub(super) struct Ears {
    /// Takes what belongs to no request.
    pub(super) notices: broadcast::Sender<Notification>,
    /// What it is there for.
    pub(super) role: Role,
}

/// What a child is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// To see how it takes the first question: its end is no news.
    Trial,
    /// To serve everybody: how it is, is how the server is.
    Common,
    /// To serve one caller.
    Private,
}

/// Why the actor stopped listening.
enum End {
    /// It was told to, or nobody holds a link any more.
    Stopped,
    /// The child exited.
    Exited(Option<ExitStatus>),
    /// The child closed its stdin or stdout.
    Silent,
}

impl Actor {
    /// Takes over a child that was just started; [`Self::run`] makes it live.
    pub(super) fn new(
        shared: Arc<Shared>,
        orders: mpsc::Receiver<Order>,
        (child, pipes): (Child, Pipes),
        ears: Ears,
    ) -> Self {
        let tail = Tail::of(shared.log.clone());
        let follow = tail.clone().follow(pipes.stderr, shared.endpoint.name.clone(), shared.endpoint.scrubber.clone());
        let message_bytes_max =
            usize::try_from(shared.endpoint.limits.upstream_message_bytes_max).unwrap_or(usize::MAX);
        Self {
            lines: Lines::new(pipes.stdout, message_bytes_max),
            stderr: tokio::spawn(follow),
            stdin: pipes.stdin,
            unwritten: BytesMut::new(),
            calls: Calls::new(None),
            role: ears.role,
            notices: ears.notices,
            born: Instant::now(),
            pid: child.id(),
            shared,
            orders,
            child,
            tail,
        }
    }

    /// Serves the child until it is gone or not wanted any more, then cleans up after it.
    pub(super) async fn run(mut self) {
        let end = self.serve().await;
        // From here on the link is closed: a new call starts a new child.
        self.orders.close();
        if !matches!(end, End::Stopped) {
            let rest = self.drain();
            let _ = timeout(Duration::from_millis(LAST_WORDS_TIMEOUT_MS), rest).await;
        }
        let Self { shared, mut orders, child, pid, stdin, mut calls, tail, stderr, born, role, .. } = self;
        drop(stdin);
        let (stopped, status) = match end {
            End::Stopped => (true, child.stop().await),
            End::Exited(status) => {
                drop(child);
                (false, status)
            }
            End::Silent => (false, child.stop().await),
        };
        let abort = stderr.abort_handle();
        if timeout(Duration::from_millis(LAST_WORDS_TIMEOUT_MS), stderr).await.is_err() {
            abort.abort();
        }
        let server = shared.endpoint.name.clone();
        let reason = if stopped {
            "it was stopped by the gateway".to_owned()
        } else {
            format!("{}{}", ending(status), tail.last_words())
        };
        match role {
            Role::Trial => tracing::debug!(%server, "server `{server}` did not live through its trial: {reason}"),
            Role::Common if stopped => shared.pulse.stopped(pid),
            Role::Private if stopped => {}
            Role::Common | Role::Private => {
                tracing::warn!(%server, stderr = tail.text(), "server `{server}` went away: {}", ending(status));
                shared.restarts.died(born, Instant::now(), &reason);
                if role == Role::Common {
                    shared.pulse.failed(&reason);
                }
            }
        }
        let unsent = UpstreamError::Unreachable { server: server.clone(), reason: reason.clone() };
        while let Some(order) = orders.recv().await {
            if let Order::Call(call) = order {
                let _ = call.response.send(Err(unsent.clone()));
            }
        }
        calls.fail(None, &UpstreamError::Lost { server, reason });
    }

    async fn serve(&mut self) -> End {
        loop {
            tokio::select! {
                line = self.lines.next() => match line {
                    Ok(Some(line)) => self.hear(line),
                    Ok(None) | Err(_) => return End::Silent,
                },
                written = self.stdin.write_buf(&mut self.unwritten), if !self.unwritten.is_empty() => {
                    if written.is_err() {
                        return End::Silent;
                    }
                }
                order = self.orders.recv(), if self.unwritten.is_empty() => match order {
                    None | Some(Order::Stop) => return End::Stopped,
                    Some(order) => self.obey(order),
                },
                status = self.child.wait() => return End::Exited(status.ok()),
            }
        }
    }

    /// Reads what a dead child has left in its pipe.
    async fn drain(&mut self) {
        while let Ok(Some(line)) = self.lines.next().await {
            self.hear(line);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Call(outgoing) => {
                if let Some(request) = self.calls.begin(outgoing) {
                    self.write(&request);
                }
            }
            Order::Cancel(own) => {
                if self.calls.cancel(own) {
                    self.write(&legacy::cancelled(own));
                }
            }
            Order::Tell(message) => self.write(&message),
            Order::Declared(declared) => self.calls.declared(declared),
            Order::Employ => self.role = Role::Common,
            // Ends the loop that calls this.
            Order::Stop => {}
        }
    }

    fn hear(&mut self, line: Line) {
        let server = &self.shared.endpoint.name;
        let text = match line {
            Line::Whole(text) if text.iter().all(u8::is_ascii_whitespace) => return,
            Line::Whole(text) => text,
            Line::TooLong { head, tail } => {
                let max = self.shared.endpoint.limits.upstream_message_bytes_max;
                let reason = format!("a message is larger than {max} bytes (`upstream_message_bytes_max`)");
                let error = UpstreamError::Unusable { server: server.clone(), reason };
                self.calls.fail(answered_by(&head, &tail), &error);
                return;
            }
        };
        match Message::parse(&text) {
            Ok(message) => match self.calls.hear(message) {
                Sorted::Done => {}
                Sorted::ListsChanged(note) => {
                    self.shared.pulse.lists_changed();
                    let _ = self.notices.send(note);
                }
                Sorted::Answer(answer) if self.unwritten.len() < ANSWERS_BYTES_MAX => self.write(&answer),
                Sorted::Answer(_) => tracing::debug!(%server, "a request of the server is dropped: it does not read"),
                Sorted::Notice(note) => {
                    tracing::debug!(%server, "the server says {}", note.method);
                    // Nobody may be there to hear it.
                    let _ = self.notices.send(note);
                }
            },
            Err(error) => self.shared.strays.dropped(&text, &error),
        }
    }

    fn write(&mut self, message: &Message) {
        self.unwritten.extend_from_slice(message.to_json().as_bytes());
        self.unwritten.extend_from_slice(b"\n");
    }
}

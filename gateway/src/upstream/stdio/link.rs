//! The way to a running child: what callers hold. Orders go to its actor, answers come back through channels of their own.

use super::super::{Reply, UpstreamError, legacy};
use super::calls::Outgoing;
use control_plane_api::name::Name;
use futures::stream;
use protocol::{Message, Request, Response};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

/// Orders waiting for the child to read its input.
const ORDERS_MAX: usize = 64;
/// Notifications waiting for one client; beyond it they are lost.
const NOTES_MAX: usize = 64;

/// What the actor is told to do.
pub(super) enum Order {
    /// Send a request.
    Call(Outgoing),
    /// Take one back.
    Cancel(i64),
    /// Send a notification.
    Tell(Message),
    /// End the child.
    Stop,
}

/// How a request is to be treated.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    /// Whether it is taken back when nobody waits for it any more; `initialize` never is.
    pub(super) cancellable: bool,
    /// Whether its client asked for log messages.
    pub(super) wants_logs: bool,
}

/// A way to one child. While one exists, the child is kept.
#[derive(Clone)]
pub(super) struct Link {
    server: Name,
    orders: mpsc::Sender<Order>,
    next: Arc<AtomicI64>,
}

/// A request in flight. Dropping it takes the request back.
pub(super) struct Pending {
    server: Name,
    notes: mpsc::Receiver<Message>,
    response: oneshot::Receiver<Result<Response, UpstreamError>>,
    guard: Option<Guard>,
}

struct Guard {
    own: i64,
    orders: mpsc::Sender<Order>,
    armed: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let Err(mpsc::error::TrySendError::Full(order)) = self.orders.try_send(Order::Cancel(self.own)) else {
            return;
        };
        // The child does not read: the order waits in a task, one per request in flight at most.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let orders = self.orders.clone();
            runtime.spawn(async move { orders.send(order).await });
        }
    }
}

impl Link {
    /// A link, and the end its actor listens at.
    pub(super) fn new(server: Name) -> (Self, mpsc::Receiver<Order>) {
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        (Self { server, orders, next: Arc::new(AtomicI64::new(1)) }, receiver)
    }

    /// Whether the child is there.
    pub(super) fn is_open(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Sends `request`.
    pub(super) async fn send(&self, request: Request, manner: Manner) -> Result<Pending, UpstreamError> {
        let own = self.next.fetch_add(1, Ordering::Relaxed);
        let ((notes, notes_rx), (response, response_rx)) = (mpsc::channel(NOTES_MAX), oneshot::channel());
        let order = Order::Call(Outgoing { own, request, wants_logs: manner.wants_logs, notes, response });
        // Nothing was written when this fails; the actor says why in its own words if it still can.
        self.orders.send(order).await.map_err(|_| gone(&self.server))?;
        let guard = manner.cancellable.then(|| Guard { own, orders: self.orders.clone(), armed: true });
        Ok(Pending { server: self.server.clone(), notes: notes_rx, response: response_rx, guard })
    }

    /// Sends a notification.
    pub(super) async fn tell(&self, message: Message) {
        let _ = self.orders.send(Order::Tell(message)).await;
    }

    /// Ends the child.
    pub(super) async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
    }
}

impl Pending {
    /// The answer; what is told besides is dropped.
    pub(super) async fn response(mut self) -> Result<Response, UpstreamError> {
        let answer = (&mut self.response).await;
        self.disarm();
        answer.unwrap_or_else(|_| Err(gone(&self.server)))
    }

    fn disarm(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }

    /// The reply, complete within `limit` from now. `legacy` is set when the server is one.
    pub(super) fn into_reply(self, limit: Duration, legacy: Option<legacy::Call>) -> Reply {
        let running = Running { pending: self, deadline: Instant::now() + limit, limit, legacy };
        Box::pin(stream::unfold(Some(running), |running| async {
            let mut running = running?;
            let item = running.next().await;
            let last = !matches!(item, Ok(Message::Notification(_)));
            Some((item, if last { None } else { Some(running) }))
        }))
    }
}

impl Guard {
    /// Lets go without taking the request back.
    fn disarm(mut self) {
        self.armed = false;
    }
}

struct Running {
    pending: Pending,
    deadline: Instant,
    limit: Duration,
    legacy: Option<legacy::Call>,
}

impl Running {
    async fn next(&mut self) -> Result<Message, UpstreamError> {
        match timeout_at(self.deadline, self.receive()).await {
            Ok(item) => item,
            Err(_) => Err(UpstreamError::TimedOut { server: self.pending.server.clone(), after: self.limit }),
        }
    }

    async fn receive(&mut self) -> Result<Message, UpstreamError> {
        // Closed the moment the answer is there, and not before.
        while let Some(message) = self.pending.notes.recv().await {
            match (&message, &self.legacy) {
                (Message::Notification(note), Some(call)) if !call.wants(note) => {}
                _ => return Ok(message),
            }
        }
        let answer = (&mut self.pending.response).await;
        self.pending.disarm();
        let mut response = answer.unwrap_or_else(|_| Err(gone(&self.pending.server)))?;
        if let Some(call) = &self.legacy {
            call.incoming(&mut response);
        }
        Ok(Message::Response(response))
    }
}

fn gone(server: &Name) -> UpstreamError {
    UpstreamError::Lost { server: server.clone(), reason: "its process is being ended".to_owned() }
}

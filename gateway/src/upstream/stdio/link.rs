//! The way to a running child: what callers hold. Orders go to its actor, answers come back through channels of their own.

use super::super::{
    UpstreamError,
    duplex::{Outgoing, Pending, Withdraw},
    legacy::Declared,
};
use control_plane_api::name::Name;
use protocol::{Message, Request};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tokio::sync::{mpsc, oneshot};

/// Orders waiting for the child to read its input.
const ORDERS_MAX: usize = 64;
/// What waits for one client to hear it; beyond it notifications are lost, and questions are refused.
const SAID_MAX: usize = 64;

/// What the actor is told to do.
pub(super) enum Order {
    /// Send a request.
    Call(Outgoing),
    /// Take one back.
    Cancel(i64),
    /// Send a notification, or an answer.
    Tell(Message),
    /// It is a legacy server, and was told that its client can be asked this.
    Declared(Declared),
    /// It was on trial, and serves everybody from now on.
    Employ,
    /// End the child.
    Stop,
}

/// A way to one child. While one exists, the child is kept.
#[derive(Clone)]
pub(super) struct Link {
    server: Name,
    orders: mpsc::Sender<Order>,
    next: Arc<AtomicI64>,
}

/// Takes request `own` back.
fn withdraw(own: i64, orders: mpsc::Sender<Order>) -> Withdraw {
    Box::new(move || {
        let Err(mpsc::error::TrySendError::Full(order)) = orders.try_send(Order::Cancel(own)) else {
            return;
        };
        // The child does not read: the order waits in a task, one per request in flight at most.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { orders.send(order).await });
        }
    })
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

    /// Sends `request`. It is taken back when nobody waits for it any more, unless it is not `cancellable`, as
    /// `initialize` never is.
    pub(super) async fn send(&self, request: Request, cancellable: bool) -> Result<Pending, UpstreamError> {
        let own = self.next.fetch_add(1, Ordering::Relaxed);
        let ((said, said_rx), (response, response_rx)) = (mpsc::channel(SAID_MAX), oneshot::channel());
        let order = Order::Call(Outgoing { own, request, said, response });
        // Nothing was written when this fails; the actor says why in its own words if it still can.
        self.orders.send(order).await.map_err(|_| gone(&self.server))?;
        let withdraw = cancellable.then(|| withdraw(own, self.orders.clone()));
        Ok(Pending::new(said_rx, response_rx, gone(&self.server), withdraw))
    }

    /// Resolves when the child is gone.
    pub(super) async fn closed(&self) {
        self.orders.closed().await;
    }

    /// Says that the child was told what its client can be asked.
    pub(super) async fn declared(&self, declared: Declared) {
        let _ = self.orders.send(Order::Declared(declared)).await;
    }

    /// Takes a child on trial into service; whether it is still there.
    pub(super) async fn employ(&self) -> bool {
        self.orders.send(Order::Employ).await.is_ok()
    }

    /// Sends a notification, or an answer.
    pub(super) async fn tell(&self, message: Message) {
        let _ = self.orders.send(Order::Tell(message)).await;
    }

    /// Ends the child.
    pub(super) async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
    }
}

fn gone(server: &Name) -> UpstreamError {
    UpstreamError::Lost { server: server.clone(), reason: "its process is being ended".to_owned() }
}

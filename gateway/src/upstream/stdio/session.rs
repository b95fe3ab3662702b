//! A legacy server that is a child process, as the legacy rim speaks to it.

use super::link::Link;
use crate::upstream::{
    UpstreamError,
    legacy::{self, Memory, Welcome, session::Hearing},
    pool::Kept,
};
use async_trait::async_trait;
use protocol::{Message, Notification, Request};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// See the module. While one exists, the child is kept.
pub(super) struct LegacySession {
    link: Link,
    welcome: Welcome,
    memory: Memory,
    notices: broadcast::Sender<Notification>,
    retired: CancellationToken,
}

impl LegacySession {
    pub(super) fn new(link: Link, welcome: Welcome, notices: broadcast::Sender<Notification>) -> Self {
        Self { link, welcome, memory: Memory::default(), notices, retired: CancellationToken::new() }
    }
}

#[async_trait]
impl legacy::Session for LegacySession {
    fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn send(&self, request: Request) -> Result<Hearing, UpstreamError> {
        Ok(self.link.send(request, true).await?.into_hearing())
    }

    async fn tell(&self, message: Message) {
        self.link.tell(message).await;
    }

    fn notices(&self) -> broadcast::Receiver<Notification> {
        self.notices.subscribe()
    }

    async fn ended(&self) {
        tokio::select! {
            () = self.link.closed() => {}
            () = self.retired.cancelled() => {}
        }
    }
}

impl Kept for LegacySession {
    fn is_open(&self) -> bool {
        self.link.is_open() && !self.retired.is_cancelled()
    }

    fn retire(&self) {
        self.retired.cancel();
    }
}

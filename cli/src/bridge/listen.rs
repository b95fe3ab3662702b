//! The stream of a legacy session for what belongs to no request: followed as long as the session lasts, from where it broke
//! off, in a new session when the gateway has forgotten this one.

use super::{Bridge, relay::events, resume::Place};
use futures::StreamExt as _;
use reqwest::StatusCode;
use std::sync::Arc;

impl Bridge {
    /// Opens the stream, once per session, where the gateway offers one.
    pub(super) fn listen(self: &Arc<Self>) {
        let Some(generation) = self.legacy.begins_to_listen() else { return };
        let bridge = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = bridge.closing.cancelled() => {}
                () = bridge.follow(generation) => {}
            }
        });
    }

    async fn follow(self: &Arc<Self>, generation: u64) {
        let mut place = Place::default();
        loop {
            let Some(session) = self.legacy.current().filter(|session| session.generation == generation) else {
                return;
            };
            match self.gateway.get(place.headers(session.headers())).await {
                Ok(response) if response.status() == StatusCode::OK => {
                    let mut events = Box::pin(events(response));
                    while let Some(Ok(event)) = events.next().await {
                        place.passed(&event);
                        if !event.data.is_empty() {
                            self.writer.send(event.data).await;
                        }
                    }
                }
                // 405: the gateway offers no such stream.
                Ok(_) => return,
                // The new session has a stream of its own.
                Err(trouble) if trouble.is_not_found() => match self.reopen(generation).await {
                    Ok(()) => return,
                    Err(trouble) if trouble.is_not_found() => return,
                    Err(trouble) => place.failed(&trouble),
                },
                // It may come back: it is started anew, or has too much to do.
                Err(trouble) => place.failed(&trouble),
            }
            place.pause().await;
        }
    }
}

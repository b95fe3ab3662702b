//! One server's part of a listen: its resources and tasks are watched by a listen of its own, opened again when it ends. What changed
//! in between was not told, so everything is told as changed then.

use crate::upstream::{Caller, Said, Upstream};
use futures::StreamExt as _;
use protocol::{Members, Message, Notification, Request, meta, method, subscription};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// The member of a listen that names the resources to watch.
pub(super) const RESOURCES: &str = "resourceSubscriptions";
/// First wait before a listen that ended is opened again, in milliseconds; doubles up to the longest.
const REOPEN_WAIT_MS: u64 = 500;
/// Longest such wait, in milliseconds.
const REOPEN_WAIT_MS_MAX: u64 = 60_000;

/// What is watched at one server.
#[derive(Default)]
pub(super) struct Subject {
    pub(super) uris: Vec<String>,
    /// By the server's own id the one the client has.
    pub(super) tasks: BTreeMap<String, String>,
}

/// See the module.
pub(super) struct Watch {
    pub(super) upstream: Arc<dyn Upstream>,
    pub(super) caller: Caller,
    /// The client's listen.
    pub(super) request: Request,
    pub(super) subject: Subject,
    /// Dropped once the server has said a first word, whatever it is.
    pub(super) beginning: Option<mpsc::Sender<()>>,
}

impl Subject {
    /// `note` as the client may have it; nothing that it did not ask for.
    fn asked_for(&self, mut note: Notification) -> Option<Notification> {
        match note.method.as_str() {
            method::RESOURCE_UPDATED => {
                let uri: String = note.params.read("uri")?;
                self.uris.iter().any(|watched| subscription::covers(watched, &uri)).then_some(note)
            }
            method::TASK_CHANGED => {
                let sealed = self.tasks.get(&note.params.read::<String>("taskId")?)?;
                note.params.set("taskId", sealed);
                Some(note)
            }
            _ => None,
        }
    }
}

impl Watch {
    /// Watches until nobody listens any more.
    pub(super) async fn run(mut self, told: mpsc::Sender<Message>) {
        let mut wait = Duration::from_millis(REOPEN_WAIT_MS);
        let mut reopened = false;
        loop {
            if self.follow(&told, reopened).await {
                wait = Duration::from_millis(REOPEN_WAIT_MS);
            }
            reopened = true;
            self.beginning = None;
            // Nothing ends this wait early but the end of the task.
            let _ = timeout(wait, std::future::pending::<()>()).await;
            wait = wait.saturating_mul(2).min(Duration::from_millis(REOPEN_WAIT_MS_MAX));
        }
    }

    /// Follows one listen to its end; whether it was acknowledged.
    async fn follow(&mut self, told: &mpsc::Sender<Message>, reopened: bool) -> bool {
        let mut wanted = Members::new();
        if !self.subject.uris.is_empty() {
            wanted.set(RESOURCES, &self.subject.uris);
        }
        if !self.subject.tasks.is_empty() {
            wanted.set(method::TASK_IDS, &self.subject.tasks.keys().collect::<Vec<_>>());
        }
        let mut request = self.request.clone();
        request.params.set("notifications", &wanted);
        let Ok(mut reply) = self.upstream.call(request, &self.caller).await else {
            return false;
        };
        let mut acknowledged = false;
        while let Some(Ok(said)) = reply.next().await {
            let Said::Message(Message::Notification(note)) = said else { break };
            match note.method.as_str() {
                method::ACKNOWLEDGED => {
                    acknowledged = true;
                    self.beginning = None;
                    if reopened {
                        for uri in &self.subject.uris {
                            self.tell(told, updated(uri)).await;
                        }
                    }
                }
                _ => {
                    if let Some(note) = self.subject.asked_for(note) {
                        self.tell(told, note).await;
                    }
                }
            }
        }
        acknowledged
    }

    async fn tell(&self, told: &mpsc::Sender<Message>, mut note: Notification) {
        let mut meta = meta::of(&note.params);
        meta.set(meta::SUBSCRIPTION_ID, &self.request.id);
        note.params.set("_meta", &meta);
        // Fails only when nobody listens any more; then this task ends.
        let _ = told.send(Message::Notification(note)).await;
    }
}

fn updated(uri: &str) -> Notification {
    let mut params = Members::new();
    params.set("uri", uri);
    Notification { method: method::RESOURCE_UPDATED.to_owned(), params }
}

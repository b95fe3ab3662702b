//! A legacy session that the gateway has forgotten, because it was started anew or was asked nothing for long: opened again
//! without the client's noticing, with everything the client had set up in it.

use super::{
    Bridge,
    gateway::Headers,
    legacy::session_of,
    relay::messages,
    session::{SUBSCRIBE, Session},
    trouble::Trouble,
};
use futures::StreamExt as _;
use protocol::{Id, Members, Message, Notification, Request, Response as Answer, method};
use reqwest::Response;
use std::sync::Arc;

impl Bridge {
    /// Opens a new session in place of number `generation`, unless somebody just did.
    pub(super) async fn reopen(self: &Arc<Self>, generation: u64) -> Result<(), Trouble> {
        let _alone = self.legacy.reopening.lock().await;
        let Some(old) = self.legacy.current().filter(|session| session.generation == generation) else {
            return Ok(());
        };
        tracing::info!("the gateway has forgotten the session: opening a new one");
        let request = Request { id: own_id(generation, 0), ..old.initialize.clone() };
        let body = Message::Request(request.clone()).to_json();
        let response = self.gateway.post(Headers::new(), body).await?;
        let session = session_of(&response);
        let answer = answer_in(response, &request.id).await?;
        if let Err(error) = answer.payload {
            return Err(Trouble::Said(error));
        }
        self.legacy.keep(old.initialize.clone(), session, &answer);
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned();
        self.gateway.post(self.legacy.headers(), initialized).await?;
        self.restore(&old).await;
        if old.listening {
            self.listen();
        }
        self.tell_of_changes(&old).await;
        Ok(())
    }

    /// Says again what the client had set up in the `old` session.
    async fn restore(&self, old: &Session) {
        let subscriptions = old.watched.iter().map(|uri| {
            let mut params = Members::new();
            params.set("uri", uri);
            Request { id: Id::Number(0), method: SUBSCRIBE.to_owned(), params }
        });
        for (number, request) in old.level.clone().into_iter().chain(subscriptions).enumerate() {
            let request = Request { id: own_id(old.generation, number + 1), ..request };
            let asked = async {
                let body = Message::Request(request.clone()).to_json();
                answer_in(self.gateway.post(self.legacy.headers(), body).await?, &request.id).await
            };
            let asked: Result<Answer, Trouble> = asked.await;
            match asked.and_then(|answer| answer.payload.map_err(Trouble::Said)) {
                Ok(_) => self.legacy.note(&request),
                Err(trouble) => {
                    let error = trouble.to_error().message;
                    tracing::warn!(method = %request.method, %error, "the new session lacks something of the old one");
                }
            }
        }
    }

    /// Between the sessions changes may have gone unnoticed: the client is told of all it wanted to hear of.
    async fn tell_of_changes(&self, old: &Session) {
        for kind in ["tools", "prompts", "resources"] {
            let kept = old.capabilities.object(kind).and_then(|capability| capability.read::<bool>("listChanged"));
            if kept == Some(true) {
                let method = format!("notifications/{kind}/list_changed");
                self.writer
                    .send(Message::Notification(Notification { method, params: Members::new() }).to_json())
                    .await;
            }
        }
        for uri in &old.watched {
            let mut params = Members::new();
            params.set("uri", uri);
            let method = method::RESOURCE_UPDATED.to_owned();
            self.writer.send(Message::Notification(Notification { method, params }).to_json()).await;
        }
    }
}

/// An id no client uses.
fn own_id(generation: u64, number: usize) -> Id {
    Id::Text(format!("mcpctl-reopen-{generation}-{number}"))
}

/// The answer to request `id` in a reply that the client does not see.
pub(super) async fn answer_in(response: Response, id: &Id) -> Result<Answer, Trouble> {
    let mut messages = Box::pin(messages(response));
    while let Some(text) = messages.next().await {
        if let Ok(Message::Response(answer)) = Message::parse(text?.as_bytes())
            && answer.id.as_ref() == Some(id)
        {
            return Ok(answer);
        }
    }
    Err(Trouble::Lost("the reply ended early".to_owned()))
}

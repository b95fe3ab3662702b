//! HTTP+SSE, the transport of 2024-11-05: one endless event stream per session, and an endpoint of its own for what the
//! client says. The session lives as long as the stream does.

use super::{
    Session, bad, follow::Events, initialize, no_session, requests_in, streams::STANDALONE, subscriptions,
    too_many_sessions, work::Work,
};
use crate::{
    edge::{
        Edge, Hangup,
        classify::Body,
        places::Place,
        reply,
        request::{Inbound, accept},
    },
    pipeline::Pipeline,
};
use http::StatusCode;
use pingora_core::protocols::http::ServerSession;
use protocol::{Message, Request, code, method, sse};
use std::sync::Arc;

impl Edge {
    /// GET on the event-stream endpoint: opens a session and tells where to post.
    pub(in crate::edge) async fn open_http_sse(
        self: &Arc<Self>,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        inbound: Inbound,
    ) -> Result<(), Hangup> {
        let user = match pipeline.authenticate(&inbound.headers, &inbound.endpoint) {
            Ok(principal) => principal.name().cloned(),
            Err(refusal) => return reply::refuse(http, None, &refusal).await,
        };
        let (Some(user), true) = (user, accept::event_stream(&inbound.headers)) else {
            let told = "accept `text/event-stream`";
            return reply::refuse(http, None, &super::refuse(StatusCode::NOT_ACCEPTABLE, code::LEGACY_SERVER, told))
                .await;
        };
        let session = Arc::new(Session::new(user, inbound.project.clone(), true, &pipeline.limits));
        let follower = session.streams.follow(STANDALONE, None);
        let (Some(follower), true) = (follower, self.sessions.insert(&session, &pipeline.limits)) else {
            return reply::refuse(http, None, &too_many_sessions()).await;
        };
        let _counted = pipeline.metrics.stream();
        http.set_abort_on_close(true);
        let endpoint = match &inbound.project {
            Some(project) => format!("/projects/{project}/messages?session={}", session.id),
            None => format!("/messages?session={}", session.id),
        };
        let told = async {
            let mut events = Events::open(http, &follower, &session).await?;
            let endpoint = sse::Event { event: "endpoint".to_owned(), data: endpoint, ..sse::Event::default() };
            reply::body(http, endpoint.encode(), false).await?;
            events.follow(http, follower).await
        };
        let told = tokio::select! {
            biased;
            () = self.shut_out(pipeline, &inbound, &session.user) => Err(Hangup),
            told = told => told,
        };
        self.sessions.remove(&session);
        told
    }

    /// POST on the endpoint that was told.
    pub(in crate::edge) async fn http_sse_message(
        self: &Arc<Self>,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        (inbound, body): (Inbound, Body),
        place: Place,
    ) -> Result<(), Hangup> {
        let id = body.id();
        let user = match pipeline.authenticate(&inbound.headers, &inbound.endpoint) {
            Ok(principal) => principal.name().cloned(),
            Err(refusal) => return reply::refuse(http, id, &refusal).await,
        };
        let Some(named) = inbound.session.clone() else {
            return reply::refuse(http, id, &bad("the session is missing: post to the endpoint the stream told")).await;
        };
        let found = self.find_session(&named, (&inbound, user.as_ref()), &pipeline);
        let Some(session) = found.filter(|session| session.http_sse) else {
            return reply::refuse(http, id, &no_session()).await;
        };
        let inbound = Arc::new(inbound);
        let body = match body {
            Body::One(Message::Request(request)) if request.method == method::INITIALIZE => {
                if !session.told(initialize::told(&request)) {
                    return reply::refuse(http, id, &bad("`initialize` was sent before")).await;
                }
                self.initialize_http_sse(pipeline, session, (inbound, request), place);
                return reply::accepted(http).await;
            }
            body => body,
        };
        if let Body::One(Message::Notification(note)) = &body
            && note.method == method::INITIALIZED
        {
            subscriptions::ensure(self, &session, &inbound).await;
        }
        let work = match requests_in(&session, body) {
            Ok(requests) => Work::of(requests),
            Err(refusal) => return reply::refuse(http, id, &refusal).await,
        };
        let started = work.map(|work| work.start_on(session.standalone(), self, (&session, &inbound), place));
        match started {
            Some(Err(refusal)) => reply::refuse(http, id, &refusal).await,
            _ => reply::accepted(http).await,
        }
    }

    fn initialize_http_sse(
        self: &Arc<Self>,
        pipeline: Arc<Pipeline>,
        session: Arc<Session>,
        (inbound, request): (Arc<Inbound>, Request),
        place: Place,
    ) {
        let ended = session.ended.clone();
        tokio::spawn(async move {
            let _place = place;
            let answer = async {
                let answer = initialize::answer(&pipeline, &inbound, &request, Some(&session)).await;
                let _ = session.standalone().push(answer.parts().0).await;
            };
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = answer => {}
            }
        });
    }
}

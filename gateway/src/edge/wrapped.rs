//! The edge of one server in a container: requests of revision 2026-07-28 go to it as they are. Whose they are and what they
//! may do was decided by the gateway that sends them; the walls around the container see to it that nobody else does.

use super::{
    Hangup, KEEP_ALIVE,
    classify::{self, Classified},
    malformed,
    modern::Writer,
    opened,
    places::Places,
    reply,
    request::{self, Endpoint, accept, refuse},
    reused,
};
use crate::{
    pipeline::Outgoing,
    upstream::{Caller, Reply, Said, Upstream, UpstreamError},
};
use async_trait::async_trait;
use control_plane_api::{gateway::ServerState, limits::Limits, server::Era};
use filters::LocalReply;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use http::{HeaderMap, Method, StatusCode, Uri, header, uri::Authority};
use pingora_core::{
    apps::{HttpServerApp, ReusedHttpStream},
    protocols::http::ServerSession,
    server::ShutdownWatch,
};
use protocol::{Id, Members, Message, Request, Response, RpcError, code, meta};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Where one asks whether it is well.
const HEALTH_PATH: &str = "/healthz";

/// The listener's application.
pub struct Wrapped {
    upstream: Arc<dyn Upstream>,
    limits: Limits,
    places: Places,
}

impl Wrapped {
    /// Serves `upstream` to whoever can connect.
    #[must_use]
    pub fn new(upstream: Arc<dyn Upstream>, limits: Limits) -> Self {
        Self { upstream, limits, places: Places::default() }
    }

    async fn serve(&self, http: &mut ServerSession) -> Result<(), Hangup> {
        let head = http.req_header();
        if head.method == Method::GET && head.uri.path() == HEALTH_PATH {
            return self.health(http).await;
        }
        let Some(_place) = self.places.take(&self.limits) else {
            http.set_keepalive(None);
            return reply::refuse(http, None, &super::overloaded()).await;
        };
        http.set_write_timeout(Some(Duration::from_millis(self.limits.write_timeout_ms)));
        let inbound = match request::read_admitted(http, &self.limits, admit).await {
            Ok(inbound) => inbound,
            Err(refusal) => {
                http.set_keepalive(None);
                return reply::refuse(http, None, &refusal).await;
            }
        };
        if inbound.http_method != Method::POST || inbound.route != Endpoint::Mcp || inbound.project.is_some() {
            return reply::refuse(http, None, &reply::method_not_allowed("POST")).await;
        }
        match classify::classify(&inbound, &self.limits) {
            Ok(Classified::Modern(request)) => {
                self.exchange(http, request, accept::event_stream(&inbound.headers)).await
            }
            Ok(Classified::ModernNotification) => reply::accepted(http).await,
            Ok(Classified::Legacy(_)) => {
                let told = "this endpoint speaks revision 2026-07-28 only: connect to the gateway in front of it";
                reply::refuse(http, None, &malformed(told)).await
            }
            Err((id, refusal)) => reply::refuse(http, id, &refusal).await,
        }
    }

    /// 204 as long as the server is well or was not needed yet; why not, otherwise.
    async fn health(&self, http: &mut ServerSession) -> Result<(), Hangup> {
        let health = self.upstream.health();
        if health.state != ServerState::Failed {
            return reply::no_content(http).await;
        }
        let told = health.error.unwrap_or_default();
        reply::refuse(http, None, &refuse(StatusCode::SERVICE_UNAVAILABLE, &told)).await
    }

    /// Runs one exchange to its end, or until the client closes the connection, which takes the request back.
    async fn exchange(&self, http: &mut ServerSession, request: Request, streams: bool) -> Result<(), Hangup> {
        let mut writer = Writer::new(request.id.clone(), streams);
        let mut messages = self.messages(self.without_questions(request));
        http.set_abort_on_close(true);
        let mut silence = tokio::time::interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        loop {
            let message = tokio::select! {
                biased;
                message = messages.next() => message,
                _ = http.read_body_or_idle(true) => return Err(Hangup),
                _ = silence.tick() => {
                    writer.keep_alive(http).await?;
                    continue;
                }
            };
            let Some(message) = message else { return writer.finish(http).await };
            let last = matches!(message, Message::Response(_));
            writer.write(http, Outgoing::Message(message)).await?;
            if last {
                return writer.finish(http).await;
            }
        }
    }

    /// What the server says to `request`, whole messages only.
    fn messages(&self, request: Request) -> BoxStream<'static, Message> {
        let (upstream, id) = (self.upstream.clone(), request.id.clone());
        let bytes_max = self.limits.upstream_message_bytes_max;
        let said = async move {
            let caller = Caller::GATEWAY;
            let reply: Reply = match upstream.call(request, &caller).await {
                Ok(reply) => reply,
                Err(error) => stream::iter([Err(error)]).boxed(),
            };
            reply
        };
        stream::once(said).flatten().then(move |said| whole(said, id.clone(), bytes_max)).boxed()
    }

    /// An older server asks its client in the middle of a call, without saying whose. Here nobody knows one client from
    /// another, so it is told that there is nobody to ask.
    fn without_questions(&self, mut request: Request) -> Request {
        if self.upstream.health().era != Some(Era::Modern) {
            let mut all = meta::of(&request.params);
            all.set(meta::CLIENT_CAPABILITIES, &Members::new());
            request.params.set("_meta", &all);
        }
        request
    }
}

#[async_trait]
impl HttpServerApp for Wrapped {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        opened(&mut session, shutdown, &self.limits).await?;
        self.serve(&mut session).await.ok()?;
        reused(session).await
    }
}

async fn whole(said: Result<Said, UpstreamError>, id: Id, bytes_max: u64) -> Message {
    let message = match said {
        Ok(Said::Message(message)) => Ok(message),
        Ok(Said::Long(long)) => long.whole(id.clone(), bytes_max).await.map(Message::Response),
        Err(error) => Err(error),
    };
    message.unwrap_or_else(|error| {
        let error = RpcError::new(code::INTERNAL_ERROR, error.to_string());
        Message::Response(Response::error(Some(id), error))
    })
}

/// Addressed by number, or as this machine: no page of a browser can have its own name lead here and be answered.
fn admit(headers: &HeaderMap, uri: &Uri) -> Result<(), LocalReply> {
    let host: Option<Authority> = request::host(headers, uri)?.parse().ok();
    let name = host.as_ref().map_or("", Authority::host).trim_matches(['[', ']']);
    if name != "localhost" && name.parse::<IpAddr>().is_err() {
        return Err(refuse(StatusCode::FORBIDDEN, "address this server by number"));
    }
    if headers.contains_key(header::ORIGIN) {
        return Err(refuse(StatusCode::FORBIDDEN, "this server is not for web pages"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(host: &str, origin: Option<&str>, expected: Result<(), StatusCode>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        let admitted = admit(&headers, &Uri::from_static("/mcp"));
        assert_eq!(admitted.map_err(|refusal| refusal.status), expected, "{host}");
    }

    #[test]
    fn a_page_of_a_browser_cannot_reach_a_wrapped_server() {
        for host in ["127.0.0.1:49153", "10.0.0.7:8080", "[fd00::7]:8080", "localhost:8080"] {
            check(host, None, Ok(()));
            check(host, Some("http://localhost"), Err(StatusCode::FORBIDDEN));
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080"] {
            check(host, None, Err(StatusCode::FORBIDDEN));
        }
    }
}

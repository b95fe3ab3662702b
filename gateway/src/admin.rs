//! The admin listener: `/healthz`, `/readyz`, `/metrics`, `/status`. No secrets, no changes.
//!
//! A pingora application of its own on its own address (loopback by default), so that it answers when the data path is
//! full. Values that others own (revision, backlog, servers) are asked for at the moment of a scrape. Few connections,
//! small heads, no bodies, one answer per connection, and all of it within a deadline: nobody can keep it busy.
//!
//! ```no_run
//! # use gateway::{admin::{Admin, State}, settings::Settings};
//! # use pingora_core::services::listening::Service;
//! # use std::sync::Arc;
//! # fn wire(server: &mut pingora_core::server::Server, state: State, settings: Arc<Settings>) {
//! let mut service = Service::new("admin".to_owned(), Admin::new(state, settings));
//! service.add_tcp("127.0.0.1:9230");
//! server.add_service(service);
//! # }
//! ```

use crate::{
    audit::Auditor,
    config::{Freshness, Progress},
    load::{Load, Room},
    metrics::{Format, Metrics, Seen},
    report::{Report, Reporter},
    settings::Settings,
};
use async_trait::async_trait;
use bytes::Bytes;
use control_plane_api::{
    gateway::{Contact, OwnServer, OwnStatus, ServerStatus},
    name::Name,
};
use http::{
    Method, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN},
};
use pingora_core::{
    apps::{HttpServerApp, ReusedHttpStream},
    protocols::http::ServerSession,
    server::ShutdownWatch,
};
use pingora_http::{RequestHeader, ResponseHeader};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Connections at once; a further one is closed.
const CONNECTIONS_MAX: usize = 64;
/// Time for a client to send its request line and headers.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a client to take an answer.
const ANSWER_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers in one request.
const HEADERS_MAX: usize = 64;
/// Size of all headers of one request, in bytes.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// Size of a path, in bytes.
const PATH_BYTES_MAX: usize = 1 << 10;

type Answer = (StatusCode, &'static str, String);

/// What the admin listener tells about.
pub struct State {
    /// What is counted.
    pub metrics: Metrics,
    /// Whether a configuration is in force.
    pub progress: Progress,
    /// How long ago it was confirmed.
    pub freshness: Freshness,
    /// How many audit records wait.
    pub auditor: Auditor,
    /// How the servers are.
    pub report: Arc<dyn Report>,
    /// What there is room for.
    pub load: Arc<Load>,
    /// How the control plane was last heard of.
    pub reporter: Reporter,
    /// Name of this gateway.
    pub name: Name,
}

/// The application behind the admin listener.
pub struct Admin {
    state: State,
    settings: Arc<Settings>,
    connections: Semaphore,
}

impl Admin {
    /// Tells `state` to whom `settings` admit.
    #[must_use]
    pub fn new(state: State, settings: Arc<Settings>) -> Self {
        Self { state, settings, connections: Semaphore::new(CONNECTIONS_MAX) }
    }

    /// The answer to a request with this head, on a connection to the address `dialled`.
    fn judge(&self, head: &RequestHeader, dialled: Option<IpAddr>) -> Answer {
        let size: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if head.headers.len() > HEADERS_MAX || size > HEADER_BYTES_MAX {
            return refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers");
        }
        if head.uri.path().len() > PATH_BYTES_MAX {
            return refusal(StatusCode::URI_TOO_LONG, "the path is too long");
        }
        let mut hosts = head.headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let host = match (hosts.next(), hosts.next(), head.uri.authority()) {
            (Some(host), None, None) => host,
            (None, None, Some(authority)) => authority.as_str(),
            _ => return refusal(StatusCode::BAD_REQUEST, "exactly one Host is required"),
        };
        if !self.settings.allows_host_at(host, dialled) {
            return refusal(StatusCode::FORBIDDEN, "this Host is not served here (MCP_GATEWAY_ALLOWED_HOSTS)");
        }
        let admitted =
            |origin: &http::HeaderValue| origin.to_str().is_ok_and(|origin| self.settings.allows_origin(origin));
        if !head.headers.get_all(ORIGIN).iter().all(admitted) {
            return refusal(StatusCode::FORBIDDEN, "this Origin is not admitted (MCP_GATEWAY_ALLOWED_ORIGINS)");
        }
        self.state.answer(&head.method, head.uri.path(), Format::of(&head.headers))
    }
}

impl State {
    fn answer(&self, method: &Method, path: &str, format: Format) -> Answer {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
        }
        match path {
            "/healthz" => (StatusCode::OK, TEXT, self.health()),
            "/readyz" => match self.progress.revision_in_force() {
                Some(_) if self.report.draining() => {
                    let told = format!("being drained, {} exchanges in flight", self.report.in_flight());
                    refusal(StatusCode::SERVICE_UNAVAILABLE, &told)
                }
                Some(revision) => (StatusCode::OK, TEXT, format!("revision {revision} is in force\n")),
                None => refusal(StatusCode::SERVICE_UNAVAILABLE, "no configuration is in force yet"),
            },
            "/metrics" => match self.metrics.scrape(&self.seen(), format) {
                Ok(text) => (StatusCode::OK, format.media(), text),
                Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
            "/status" => (StatusCode::OK, JSON, serde_json::to_string(&self.own_status()).unwrap_or_default()),
            _ => refusal(StatusCode::NOT_FOUND, "try /healthz, /readyz, /metrics or /status"),
        }
    }

    /// Alive in any case; what is refused meanwhile is said.
    fn health(&self) -> String {
        match self.load.room() {
            Room::Any => "ok\n".to_owned(),
            Room::Small(what) => format!("ok; little {what} is left: streams and sessions are refused\n"),
            Room::None(what) => format!("ok; no {what} is left: requests are refused\n"),
        }
    }

    /// What `mcpctl status` on this machine shows, whether the control plane answers or not.
    fn own_status(&self) -> OwnStatus {
        let server = |server: ServerStatus| OwnServer { name: server.name, state: server.state, error: server.error };
        OwnStatus {
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.reporter.started_at(),
            revision: self.progress.revision_in_force(),
            contact: Contact { reached_at: self.freshness.confirmed_at(), problem: self.reporter.problem() },
            audit_backlog: self.auditor.backlog(),
            servers: self.report.servers().into_iter().map(server).collect(),
        }
    }

    fn seen(&self) -> Seen {
        Seen {
            servers: self.report.servers(),
            revision: self.progress.revision_in_force(),
            age: self.freshness.age(),
            rejected: self.progress.refused(),
            in_flight: self.report.in_flight(),
            audit: self.auditor.standing(),
        }
    }
}

#[async_trait]
impl HttpServerApp for Admin {
    async fn process_new_http(
        self: &Arc<Self>,
        mut http: ServerSession,
        _shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let _place = self.connections.try_acquire().ok()?;
        let answer = match timeout(HEADER_READ_TIMEOUT, http.read_request()).await.ok()? {
            Ok(true) => {
                let dialled = http.server_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
                self.judge(http.req_header(), dialled)
            }
            Ok(false) => return None,
            Err(_) => refusal(StatusCode::BAD_REQUEST, "not a readable HTTP request"),
        };
        // One request per connection: whatever follows a head, nobody reads it.
        http.set_keepalive(None);
        timeout(ANSWER_WRITE_TIMEOUT, write(&mut http, answer)).await.ok()?.ok()?;
        timeout(ANSWER_WRITE_TIMEOUT, http.finish()).await.ok()?.ok()?;
        None
    }
}

fn refusal(status: StatusCode, told: &str) -> Answer {
    (status, TEXT, format!("{told}\n"))
}

async fn write(http: &mut ServerSession, (status, kind, body): Answer) -> pingora_core::Result<()> {
    let mut response = ResponseHeader::build(status, Some(3))?;
    response.append_header(CONTENT_TYPE, kind)?;
    response.append_header(CACHE_CONTROL, "no-store")?;
    response.set_content_length(body.len())?;
    http.write_response_header(Box::new(response)).await?;
    // pingora leaves the body of an answer to HEAD out by itself.
    http.write_response_body(Bytes::from(body), true).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::tests::open, report::tests::Fake};
    use clap::Parser as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    struct Fixture {
        admin: Admin,
        report: Arc<Fake>,
        _dir: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let metrics = Metrics::new().unwrap();
            let auditor = open(dir.path());
            let report = Arc::new(Fake::default());
            let settings = Settings::try_parse_from(["mcp-gateway"]).unwrap();
            let load = Load::start(control_plane_api::limits::Limits::default);
            let (progress, freshness) = (Progress::new(), Freshness::always());
            let (reporter, name) = (Reporter::new(), "local".parse().unwrap());
            let state = State { metrics, progress, freshness, auditor, report: report.clone(), load, reporter, name };
            Self { admin: Admin::new(state, Arc::new(settings)), report, _dir: dir }
        }

        fn check(&self, method: &Method, path: &str, status: u16, text: &str) {
            let (found, _, body) = self.admin.state.answer(method, path, Format::OpenMetrics);
            assert_eq!(found.as_u16(), status, "{path}: {body}");
            assert!(body.contains(text), "{path}: {body}");
        }
    }

    #[tokio::test]
    async fn ready_means_that_a_configuration_is_in_force() {
        let fixture = Fixture::new();
        fixture.check(&Method::GET, "/healthz", 200, "ok");
        fixture.check(&Method::GET, "/readyz", 503, "no configuration");
        fixture.admin.state.progress.applied(3);
        fixture.check(&Method::HEAD, "/readyz", 200, "revision 3");
        fixture.report.draining.store(true, std::sync::atomic::Ordering::SeqCst);
        fixture.check(&Method::GET, "/readyz", 503, "being drained, 2 exchanges in flight");
        fixture.check(&Method::GET, "/healthz", 200, "ok");
    }

    #[tokio::test]
    async fn a_scrape_sees_the_state_of_that_moment() {
        let fixture = Fixture::new();
        fixture.check(&Method::GET, "/metrics", 200, "mcpctl_config_revision 0");
        fixture.admin.state.progress.applied(3);
        fixture.check(&Method::GET, "/metrics", 200, "mcpctl_config_revision 3");
        fixture.check(&Method::GET, "/metrics", 200, "mcpctl_config_age_seconds 0");
        fixture.check(&Method::GET, "/metrics", 200, "mcpctl_upstream_up{server=\"slack\"} 0");
    }

    #[tokio::test]
    async fn the_machine_is_told_how_its_gateway_is() {
        let fixture = Fixture::new();
        fixture.admin.state.progress.applied(3);
        let (_, media, body) = fixture.admin.state.answer(&Method::GET, "/status", Format::OpenMetrics);
        let told: OwnStatus = serde_json::from_str(&body).unwrap();
        assert_eq!((media, told.revision, told.contact.problem), (JSON, Some(3), None));
        assert!(told.contact.reached_at.is_some(), "what comes from a file is always confirmed");
        assert_eq!((told.name.as_str(), told.servers[0].name.as_str()), ("local", "slack"));
    }

    /// What comes back for the bytes of `request`; the connection is closed after it.
    async fn told(admin: &Arc<Admin>, request: &str) -> String {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let (_stop, shutdown) = tokio::sync::watch::channel(false);
        let admin = Arc::clone(admin);
        let serving = tokio::spawn(async move {
            let session = ServerSession::new_http1(Box::new(server));
            admin.process_new_http(session, &shutdown).await.is_some()
        });
        client.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).await.unwrap();
        assert!(!serving.await.unwrap(), "the connection was to be closed");
        reply
    }

    #[tokio::test]
    async fn the_answers_travel_through_pingora() {
        let Fixture { admin, _dir, .. } = Fixture::new();
        let admin = Arc::new(admin);
        let reply = told(&admin, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\nok\n"), "{reply}");
        let reply = told(&admin, "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(reply.contains("ength: 3\r\n") && reply.ends_with("\r\n\r\n"), "{reply}");
    }

    #[tokio::test]
    async fn a_page_of_another_host_and_a_bloated_head_are_refused() {
        let Fixture { admin, _dir, .. } = Fixture::new();
        let admin = Arc::new(admin);
        for (head, status) in [
            ("Host: localhost\r\nOrigin: http://localhost:3000\r\n", "200"),
            ("Host: evil.example\r\n", "403"),
            ("Host: 0.0.0.0:9090\r\n", "403"),
            ("Host: localhost\r\nOrigin: http://evil.example\r\n", "403"),
            ("Host: localhost\r\nOrigin: null\r\n", "403"),
            ("Host: localhost\r\nHost: localhost\r\n", "400"),
            ("", "400"),
            (&format!("Host: localhost\r\n{}", "A: b\r\n".repeat(HEADERS_MAX)), "431"),
            (&format!("Host: localhost\r\nA: {}\r\n", "x".repeat(HEADER_BYTES_MAX)), "431"),
        ] {
            let reply = told(&admin, &format!("GET /metrics HTTP/1.1\r\n{head}\r\n")).await;
            assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {reply}");
            assert_eq!(status == "200", reply.contains("mcpctl_"), "{head}: {reply}");
        }
        let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(PATH_BYTES_MAX));
        assert!(told(&admin, &long).await.starts_with("HTTP/1.1 414 "));
        let garbage = told(&admin, "GET !\r\n\r\n").await;
        assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
        let twice = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2);
        assert_eq!(told(&admin, &twice).await.matches("HTTP/1.1").count(), 1, "one answer per connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_ends_is_not_waited_for() {
        let Fixture { admin, _dir, .. } = Fixture::new();
        let admin = Arc::new(admin);
        for drip in ["", "GET /healthz", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: "] {
            let begun = tokio::time::Instant::now();
            assert_eq!(told(&admin, drip).await, "");
            assert_eq!(begun.elapsed().as_secs(), HEADER_READ_TIMEOUT.as_secs(), "{drip}");
        }
    }

    #[tokio::test]
    async fn a_connection_too_many_is_closed() {
        let Fixture { admin, _dir, .. } = Fixture::new();
        let admin = Arc::new(admin);
        let taken = admin.connections.acquire_many(u32::try_from(CONNECTIONS_MAX).unwrap()).await.unwrap();
        assert_eq!(told(&admin, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await, "");
        drop(taken);
        assert!(told(&admin, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.contains("200 OK"));
    }

    #[tokio::test]
    async fn nothing_else_is_answered() {
        let fixture = Fixture::new();
        for path in ["/", "/metrics/", "/healthz/..", "//metrics"] {
            fixture.check(&Method::GET, path, 404, "try");
        }
        fixture.check(&Method::POST, "/metrics", 405, "GET");
    }
}

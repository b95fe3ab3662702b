//! The admin listener: `/healthz`, `/readyz`, `/metrics`. No secrets, no changes.
//!
//! A pingora application of its own on its own address (loopback by default), so that it answers when the data path is
//! full. Values that others own (revision, backlog, servers) are asked for at the moment of a scrape.
//!
//! ```no_run
//! # use gateway::admin::{self, Admin};
//! # use pingora_core::services::listening::Service;
//! # fn wire(server: &mut pingora_core::server::Server, admin: Admin) {
//! let mut service = Service::new("admin".to_owned(), admin);
//! service.add_tcp("127.0.0.1:9230");
//! server.add_service(service);
//! # }
//! ```

use crate::{audit::Auditor, config::Progress, metrics::Metrics, report::Report};
use async_trait::async_trait;
use http::{
    Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};
use pingora_core::{apps::http_app::ServeHttp, protocols::http::ServerSession};
use std::sync::Arc;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The application behind the admin listener.
pub struct Admin {
    /// What is counted.
    pub metrics: Metrics,
    /// Whether a configuration is in force.
    pub progress: Progress,
    /// How many audit records wait.
    pub auditor: Auditor,
    /// How the servers are.
    pub report: Arc<dyn Report>,
}

impl Admin {
    fn answer(&self, method: &Method, path: &str) -> (StatusCode, &'static str, String) {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are answered here\n".to_owned());
        }
        match path {
            "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
            "/readyz" => match self.progress.revision_in_force() {
                Some(revision) => (StatusCode::OK, TEXT, format!("revision {revision} is in force\n")),
                None => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "no configuration is in force yet\n".to_owned()),
            },
            "/metrics" => match self.scrape() {
                Ok(text) => (StatusCode::OK, PROMETHEUS_TEXT, text),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
            },
            _ => (StatusCode::NOT_FOUND, TEXT, "try /healthz, /readyz or /metrics\n".to_owned()),
        }
    }

    fn scrape(&self) -> Result<String, prometheus::Error> {
        self.metrics.revision(self.progress.revision_in_force());
        self.metrics.backlog(self.auditor.backlog());
        self.metrics.upstreams(&self.report.servers());
        self.metrics.render()
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, http_session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = http_session.req_header();
        let (status, kind, body) = self.answer(&head.method, head.uri.path());
        let length = body.len();
        let body = if head.method == Method::HEAD { Vec::new() } else { body.into_bytes() };
        Response::builder()
            .status(status)
            .header(CONTENT_TYPE, kind)
            .header(CONTENT_LENGTH, length)
            .header(CACHE_CONTROL, "no-store")
            .body(body)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::AuditOptions, report::tests::Fake};
    use pingora_core::apps::HttpServerApp as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    struct Fixture {
        admin: Admin,
        _dir: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let metrics = Metrics::new().unwrap();
            let auditor = Auditor::open(dir.path(), AuditOptions::default(), metrics.clone()).unwrap();
            let report = Arc::new(Fake::default());
            Self { admin: Admin { metrics, progress: Progress::new(), auditor, report }, _dir: dir }
        }

        fn check(&self, method: &Method, path: &str, status: u16, text: &str) {
            let (found, _, body) = self.admin.answer(method, path);
            assert_eq!(found.as_u16(), status, "{path}: {body}");
            assert!(body.contains(text), "{path}: {body}");
        }
    }

    #[tokio::test]
    async fn ready_means_that_a_configuration_is_in_force() {
        let fixture = Fixture::new();
        fixture.check(&Method::GET, "/healthz", 200, "ok");
        fixture.check(&Method::GET, "/readyz", 503, "no configuration");
        fixture.admin.progress.applied(3);
        fixture.check(&Method::HEAD, "/readyz", 200, "revision 3");
    }

    #[tokio::test]
    async fn a_scrape_sees_the_state_of_that_moment() {
        let fixture = Fixture::new();
        fixture.check(&Method::GET, "/metrics", 200, "mcpctl_config_revision 0");
        fixture.admin.progress.applied(3);
        fixture.check(&Method::GET, "/metrics", 200, "mcpctl_config_revision 3");
        fixture.check(&Method::GET, "/metrics", 200, "mcpctl_upstream_up{server=\"slack\"} 0");
    }

    #[tokio::test]
    async fn the_answers_travel_through_pingora() {
        let Fixture { admin, _dir } = Fixture::new();
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let (_stop, shutdown) = tokio::sync::watch::channel(false);
        let admin = Arc::new(admin);
        let serving = tokio::spawn(async move {
            let session = ServerSession::new_http1(Box::new(server));
            admin.process_new_http(session, &shutdown).await.is_some()
        });
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\nok\n"), "{reply}");
        assert!(!serving.await.unwrap(), "the connection was to be closed");
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

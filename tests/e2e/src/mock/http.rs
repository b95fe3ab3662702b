//! Streamable HTTP under `/mcp`, on hyper. Checks the bearer token when one is set; everything else is the SDK's.

use std::{convert::Infallible, io::Write, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::net::{TcpListener, TcpStream};

use super::ServeError;

/// The one path that is served.
const PATH: &str = "/mcp";

type Reply = Response<BoxBody<Bytes, Infallible>>;

/// Listens, says where on standard output, and serves until the process is ended.
pub(super) async fn serve<S>(address: SocketAddr, bearer: Option<&str>, server: S) -> Result<(), ServeError>
where
    S: ServerHandler + Clone,
{
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let bound = listener.local_addr()?;
    let mut config = StreamableHttpServerConfig::default();
    if !bound.ip().is_loopback() {
        config = config.disable_allowed_hosts();
    }
    let mcp = StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    let door = Arc::new(Door { mcp, expected: bearer.map(|token| format!("Bearer {token}")) });
    writeln!(std::io::stdout(), "listening on http://{bound}{PATH}")?;
    loop {
        // One connection that cannot be accepted (out of descriptors, reset) is no reason to end.
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(stream, Arc::clone(&door)));
        }
    }
}

async fn serve_connection<S: ServerHandler>(stream: TcpStream, door: Arc<Door<S>>) {
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(request).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that goes away in the middle of a request is nothing to report.
    connection.await.ok();
}

/// What stands in front of the SDK's service.
struct Door<S> {
    mcp: StreamableHttpService<S, LocalSessionManager>,
    /// The whole `Authorization` value, when one is wanted.
    expected: Option<String>,
}

impl<S: ServerHandler> Door<S> {
    async fn answer(&self, request: Request<Incoming>) -> Reply {
        if request.uri().path() != PATH {
            return plain(StatusCode::NOT_FOUND, "only /mcp is served here\n");
        }
        let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        if let Some(expected) = &self.expected
            && given != Some(expected.as_bytes())
        {
            let mut reply = plain(StatusCode::UNAUTHORIZED, "bearer token missing or wrong\n");
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return reply;
        }
        self.mcp.handle(request).await
    }
}

fn plain(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed());
    *reply.status_mut() = status;
    reply
}

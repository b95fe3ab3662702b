//! The HTTP listener: connections within bounds, so that a slow or greedy client keeps nobody else out.
//!
//! What is between the socket and the router. Who is asking and what for is the router's affair; it learns from here only
//! which address a connection came from, and which one it came to.

use axum::{Router, extract::ConnectInfo, http::Request};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::task::TaskTracker;

/// Bounds of the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections at once, streams of gateways included; a further one is closed.
    connections_max: usize,
    /// Time for a client to send a request line and headers; also how long a connection may idle.
    header_read_timeout: Duration,
    /// Time for a client to take the next piece of an answer.
    write_timeout: Duration,
    /// Headers of one request.
    headers_max: usize,
    /// Size of a request line and its headers, in bytes.
    header_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            header_read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            headers_max: 100,
            header_bytes_max: 16 << 10,
        }
    }
}

impl Bounds {
    /// For who asks little and rarely.
    pub(crate) fn for_scrapes() -> Self {
        Self { connections_max: 64, write_timeout: Duration::from_secs(10), headers_max: 64, ..Self::default() }
    }
}

/// The address a connection came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialled(pub(crate) IpAddr);

/// Time between two attempts to accept when the system has nothing left to accept with.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves `router` on `listener` until `stop` says so, then lets requests in progress finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            // An error means that the sender is gone, which is the end as well.
            _ = stop.changed() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Closed without a word when there is no place: an answer would take one.
                if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                    let (router, stop) = (router.clone(), stop.clone());
                    connections.spawn(async move {
                        connection((stream, peer), router, bounds, stop).await;
                        drop(place);
                    });
                }
            }
            Err(error) => pause(&error).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Serves one connection to its end.
async fn connection(
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
) {
    let dialled = stream.local_addr().map(|address| Dialled(address.ip()));
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(bounds.write_timeout));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Ok(dialled) = dialled {
            request.extensions_mut().insert(dialled);
        }
        router.call(request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_read_timeout)
        .max_headers(bounds.headers_max)
        .max_header_size(bounds.header_bytes_max);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "A connection ended early");
    }
}

/// A client that is gone before it is accepted is no reason to wait; a system that is out of descriptors is.
#[expect(clippy::disallowed_methods, reason = "nothing tells when there are descriptors again")]
async fn pause(error: &io::Error) {
    let of_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !of_client {
        tracing::error!(%error, "No connection can be accepted now");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, response::Response, routing::get};
    use futures::stream;
    use std::convert::Infallible;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    struct World {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        served: tokio::task::JoinHandle<()>,
    }

    impl World {
        async fn start(bounds: Bounds) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = watch::channel(false);
            let endless =
                || async { Response::new(Body::from_stream(stream::repeat(Ok::<_, Infallible>("x".repeat(1 << 16))))) };
            let router = Router::new().route("/", get(|| async { "here" })).route("/endless", get(endless));
            Self { address, stop, served: tokio::spawn(serve(listener, router, bounds, stopped)) }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }

        /// What comes back for `bytes` until the connection is closed; nothing is sent after them.
        async fn told(&self, bytes: &[u8]) -> String {
            let mut stream = self.connect().await;
            // A peer that closes early may refuse the rest.
            let _ = stream.write_all(bytes).await;
            let mut reply = Vec::new();
            let _ = stream.read_to_end(&mut reply).await;
            String::from_utf8_lossy(&reply).into_owned()
        }
    }

    fn short() -> Bounds {
        Bounds {
            header_read_timeout: Duration::from_millis(100),
            write_timeout: Duration::from_millis(100),
            ..Bounds::default()
        }
    }

    #[tokio::test]
    async fn a_head_that_never_ends_and_an_idle_connection_are_closed() {
        let world = World::start(short()).await;
        for drip in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: localhost\r\nA: "] {
            let told = world.told(drip.as_bytes()).await;
            assert!(!told.contains("200 OK"), "{told}");
        }
        let told = world.told(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.1 200 OK") && told.ends_with("here"), "{told}");
    }

    #[tokio::test]
    async fn a_head_beyond_the_bounds_is_refused() {
        let world = World::start(Bounds::default()).await;
        let head = |headers: &str| format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        assert!(world.told(head("").as_bytes()).await.starts_with("HTTP/1.1 200 "));
        for headers in [
            "A: b\r\n".repeat(101),
            format!("A: {}\r\n", "x".repeat(16 << 10)),
            format!("A: {}\r\n", "x".repeat(1 << 20)),
        ] {
            let told = world.told(head(&headers).as_bytes()).await;
            assert!(!told.contains("200 OK") && (told.is_empty() || told.starts_with("HTTP/1.1 431 ")), "{told}");
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_let_go() {
        let world = World::start(Bounds { connections_max: 1, ..short() }).await;
        let mut lazy = world.connect().await;
        lazy.write_all(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        lazy.readable().await.unwrap();
        // Its place is free once it is gone.
        let answered = async {
            while !world.told(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.contains("here")
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), answered).await.unwrap();
        drop(lazy);
    }

    #[tokio::test]
    async fn a_connection_too_many_is_closed_and_takes_no_place() {
        let world = World::start(Bounds { connections_max: 1, ..Bounds::default() }).await;
        let mut first = world.connect().await;
        first.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        first.readable().await.unwrap();
        assert_eq!(world.told(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await, "");
        first.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut told = String::new();
        first.read_to_string(&mut told).await.unwrap();
        assert_eq!(told.matches("200 OK").count(), 2, "{told}");
    }

    #[tokio::test]
    async fn stopping_closes_idle_connections_and_waits_for_nobody_else() {
        let world = World::start(Bounds::default()).await;
        let mut idle = world.connect().await;
        idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        idle.readable().await.unwrap();
        world.stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(30), world.served).await.unwrap().unwrap();
    }
}

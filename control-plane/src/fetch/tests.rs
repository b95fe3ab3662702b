use super::*;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A listener that counts who came.
struct Trap {
    port: u16,
    visits: Arc<AtomicUsize>,
}

impl Trap {
    fn new(answer: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                answer(stream);
            }
        });
        Self { port, visits }
    }

    fn says(head: &'static str) -> Self {
        Self::new(move |mut stream| {
            // The request is read so that closing is not a reset.
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(head.as_bytes());
        })
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

async fn check(fetcher: &SafeFetcher, url: &str, named: &Named) -> Result<u16, FetchError> {
    fetcher.get(&Url::parse(url).unwrap(), named).await.map(|fetched| fetched.status)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

#[tokio::test]
async fn no_spelling_of_a_private_address_is_connected_to() {
    let trap = Trap::says(OK);
    let port = trap.port;
    let fetcher = SafeFetcher::new(false).unwrap();
    let hosts = [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "①②⑦.0.0.1",
        "127.0.0.1.",
        "localhost",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[::]",
    ];
    for host in hosts {
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://{host}:{port}/x");
            let error = check(&fetcher, &url, &Named::nothing()).await.unwrap_err();
            assert!(error.to_string().ends_with("could not be reached"), "{error}");
        }
    }
    assert_eq!(trap.visits(), 0);
}

#[tokio::test]
async fn other_schemes_and_credentials_in_the_url_are_refused_everywhere() {
    let trap = Trap::says(OK);
    let fetcher = SafeFetcher::new(true).unwrap();
    let urls =
        ["file:///etc/passwd", "gopher://127.0.0.1:6379/x", "ftp://127.0.0.1/", "javascript:alert(1)", "data:,x"];
    for url in urls.iter().map(ToString::to_string).chain([format!("http://user:pass@127.0.0.1:{}/", trap.port)]) {
        let refused = check(&fetcher, &url, &Named::nothing()).await.unwrap_err();
        assert!(matches!(refused, FetchError::Refused { .. }), "{url}");
    }
    assert_eq!(trap.visits(), 0);
}

#[tokio::test]
async fn this_machine_is_reached_where_that_is_trusted_and_elsewhere_nothing_by_http() {
    let trap = Trap::says(OK);
    let fetcher = SafeFetcher::new(true).unwrap();
    assert_eq!(check(&fetcher, &format!("http://127.0.0.1:{}/", trap.port), &Named::nothing()).await, Ok(200));
    assert_eq!(check(&fetcher, &format!("http://localhost:{}/", trap.port), &Named::nothing()).await, Ok(200));
    for url in ["http://10.0.0.1/", "http://1.1.1.1/", "https://10.0.0.1/", "https://169.254.169.254/"] {
        let refused = check(&fetcher, url, &Named::nothing()).await.unwrap_err();
        assert!(matches!(refused, FetchError::Refused { .. }), "{url}");
    }
    assert_eq!(trap.visits(), 2);
}

#[tokio::test]
async fn what_an_operator_named_is_exactly_that_origin() {
    let fetcher = SafeFetcher::new(false).unwrap();
    let named = Named::nothing().and("http://10.0.0.1:8080/mcp");
    let may = |url: &str| fetcher.client_for(&Url::parse(url).unwrap(), &named).is_some();
    assert!(may("http://10.0.0.1:8080/.well-known/oauth-protected-resource"));
    for other in ["http://10.0.0.1:8081/", "https://10.0.0.1:8080/", "http://10.0.0.2:8080/"] {
        assert!(!may(other), "{other}");
    }
    assert!(
        fetcher
            .client_for(
                &Url::parse("http://169.254.169.254/").unwrap(),
                &Named::nothing().and("http://169.254.169.254/")
            )
            .is_none()
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let trap = Trap::says(OK);
    let location = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        trap.port
    );
    let door = Trap::says(location.leak());
    let fetcher = SafeFetcher::new(true).unwrap();
    assert_eq!(check(&fetcher, &format!("http://127.0.0.1:{}/", door.port), &Named::nothing()).await, Ok(302));
    assert_eq!((door.visits(), trap.visits()), (1, 0));
}

#[tokio::test]
async fn an_endless_body_and_a_silent_server_end() {
    let endless = Trap::new(|mut stream| {
        let _ = stream.read(&mut [0; 4_096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[b' '; 8_192]).is_ok() {}
    });
    let silent = Trap::new(|stream| {
        let mut stream = stream;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
    });
    let fetcher = SafeFetcher::new(true).unwrap();
    for trap in [endless, silent] {
        let error = check(&fetcher, &format!("http://127.0.0.1:{}/", trap.port), &Named::nothing()).await.unwrap_err();
        assert_eq!(error, FetchError::Failed { host: "127.0.0.1".to_owned() });
        assert_eq!(trap.visits(), 1);
    }
}

//! Somebody else's web site, on this machine: answers HTTP or HTTPS under an address of its own, or in the place of named
//! hosts as a proxy that opens TLS (CONNECT), and writes every request down. It knows no API; `fakes` does.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs, iter,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// A request, as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Whom the client meant.
    pub(crate) host: String,
    pub(crate) path: String,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: String,
}

impl Asked {
    /// A parameter: of the query, of a form, or of an object in JSON.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let form = || url::form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name);
        let object = || serde_json::from_str::<Value>(&self.body).ok()?.get(name).cloned();
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let in_query = self.query.get(name).cloned();
        in_query.or_else(|| object().map(text)).or_else(|| form().map(|(_, value)| value.into_owned()))
    }

    /// The same as a number; `otherwise` where there is none.
    pub(crate) fn number(&self, name: &str, otherwise: usize) -> usize {
        self.param(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// A header; empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `GET /path`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Everything but the `Authorization` header.
    fn rest(&self) -> String {
        let headers = self.headers.iter().filter(|(name, _)| **name != header::AUTHORIZATION);
        let headers: Vec<String> =
            headers.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect();
        format!("{} {:?} {} {}", self.path, self.query, headers.join("\n"), self.body)
    }
}

/// What is answered.
pub(crate) struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: String,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        Self { status: StatusCode::OK, kind: "application/json; charset=utf-8", body: value.to_string() }
    }

    /// JSON:API.
    pub(crate) fn api(value: &Value) -> Self {
        Self { kind: "application/vnd.api+json", ..Self::json(value) }
    }

    pub(crate) fn text(text: String) -> Self {
        Self { status: StatusCode::OK, kind: "text/plain", body: text }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn not_found() -> Self {
        Self::json(&serde_json::json!({"message": "Not Found"})).with_status(StatusCode::NOT_FOUND)
    }
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

struct Desk {
    answer: Box<Answer>,
    asked: Mutex<Vec<Asked>>,
    front: Front,
}

/// How connections begin.
#[derive(Clone)]
enum Front {
    Plain,
    Tls(TlsAcceptor),
    Proxy(TlsAcceptor),
}

/// A site that serves until the test ends.
pub(crate) struct Site {
    address: SocketAddr,
    desk: Arc<Desk>,
    authority: PathBuf,
}

impl Site {
    /// Under an address of its own.
    pub(crate) async fn open(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(Box::new(answer), Front::Plain, PathBuf::new()).await
    }

    /// The same over TLS, for who trusts the authority it makes in `folder`.
    pub(crate) async fn open_tls(folder: &Path, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (tls, authority) = certificates(&["127.0.0.1"], folder);
        Self::serve(Box::new(answer), Front::Tls(tls), authority).await
    }

    /// In the place of `hosts`, for who uses it as a proxy and trusts the authority it makes in `folder`.
    pub(crate) async fn instead_of(
        hosts: &[&str],
        folder: &Path,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (tls, authority) = certificates(hosts, folder);
        Self::serve(Box::new(answer), Front::Proxy(tls), authority).await
    }

    async fn serve(answer: Box<Answer>, front: Front, authority: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk { answer, asked: Mutex::default(), front });
        let accepting = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accept(stream, Arc::clone(&accepting)));
            }
        });
        Self { address, desk, authority }
    }

    /// Where it is, as a site or as a proxy.
    pub(crate) fn url(&self) -> String {
        let scheme = if matches!(self.desk.front, Front::Tls(_)) { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate to trust.
    pub(crate) fn authority(&self) -> &str {
        self.authority.to_str().unwrap()
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.desk.asked.lock().unwrap().clone()
    }

    /// The lines, `POST /path`, of the requests that did more than read.
    pub(crate) fn writes(&self, is_read: impl Fn(&Asked) -> bool) -> Vec<String> {
        self.asked().iter().filter(|asked| !is_read(asked)).map(Asked::line).collect()
    }

    /// Every request names `credential` in its `Authorization` header, and `secret` is nowhere else in it.
    pub(crate) fn check_credential(&self, credential: &str, secret: &str) {
        self.check_credential_at(|_| true, credential, secret);
    }

    /// Every request has `secret` as its parameter `name` (in a form that is posted, so that no log of a proxy has it), and
    /// nowhere else.
    pub(crate) fn check_parameter(&self, name: &str, secret: &str) {
        let asked = self.asked();
        assert!(!asked.is_empty(), "nothing was asked");
        for one in &asked {
            assert_eq!(one.param(name).as_deref(), Some(secret), "{}", one.line());
            assert!(
                one.header("authorization").is_empty() && one.rest().matches(secret).count() == 1,
                "{}",
                one.line()
            );
        }
    }

    /// The same where only hosts that are `trusted` are to be told the credential.
    pub(crate) fn check_credential_at(&self, trusted: impl Fn(&str) -> bool, credential: &str, secret: &str) {
        let asked = self.asked();
        assert!(asked.iter().any(|one| trusted(&one.host)), "nothing was asked");
        let encoded = BASE64_STANDARD.encode(secret);
        for one in &asked {
            let expected = if trusted(&one.host) { credential } else { "" };
            assert_eq!(one.header("authorization"), expected, "{} at {}", one.line(), one.host);
            let rest = one.rest();
            assert!(!rest.contains(secret) && !rest.contains(&encoded), "{}", one.line());
        }
    }
}

async fn accept(stream: TcpStream, desk: Arc<Desk>) {
    match desk.front.clone() {
        Front::Tls(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, desk, None).await;
            }
        }
        Front::Plain | Front::Proxy(_) => serve(stream, desk, None).await,
    }
}

/// Serves one connection, which `host` was asked for where a proxy knows better than the request.
async fn serve<S>(stream: S, desk: Arc<Desk>, host: Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (desk, host) = (Arc::clone(&desk), host.clone());
        async move { Ok::<_, Infallible>(answer(request, desk, host).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
    // A client that goes away in the middle of a request is nothing to report.
    connection.await.ok();
}

async fn answer(request: Request<Incoming>, desk: Arc<Desk>, host: Option<String>) -> Response<Full<Bytes>> {
    if request.method() == Method::CONNECT {
        return open(request, desk);
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let named = head.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    let asked = Asked {
        method: head.method,
        host: host.unwrap_or_else(|| named.to_owned()),
        path: head.uri.path().to_owned(),
        query: query.into_owned().collect(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let reply = (desk.answer)(&asked);
    desk.asked.lock().unwrap().push(asked);
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = reply.status;
    response.headers_mut().insert(header::CONTENT_TYPE, reply.kind.parse().unwrap());
    response
}

/// Takes the connection over, and answers on it as whoever was to be reached.
fn open(request: Request<Incoming>, desk: Arc<Desk>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    let Front::Proxy(tls) = desk.front.clone() else {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        return response;
    };
    let host = request.uri().host().unwrap_or_default().to_owned();
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        if let Ok(stream) = tls.accept(TokioIo::new(upgraded)).await {
            Box::pin(serve(stream, desk, Some(host))).await;
        }
    });
    response
}

/// What TLS is opened with for `hosts`, and the authority to trust, in a file in `folder`; both made for this once.
fn certificates(hosts: &[&str], folder: &Path) -> (TlsAcceptor, PathBuf) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Of another name than what it signs: who bears its issuer's name counts as self-signed.
    params.distinguished_name.push(DnType::CommonName, "authority of a test");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(iter::once(certificate.der().clone()).collect(), key).unwrap();
    let file = folder.join("authority.pem");
    fs::write(&file, authority.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

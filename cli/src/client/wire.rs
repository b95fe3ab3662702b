//! One request to the control plane and its answer: deadlines, repeating what may be repeated, and showing what is sent.
//!
//! It knows HTTP, not what the API means. What it shows holds no secret.

use super::{curl, http, reply};
use crate::{
    failure::{During as _, Failure},
    output::Output,
    pause,
};
use rand::RngCore as _;
use reqwest::{
    Certificate, Method, Request, StatusCode,
    header::{HeaderName, HeaderValue},
};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use url::Url;

/// The header in which a request carries its name, and an answer repeats it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Before a request is repeated the first time; then twice as long, and so on.
const BACK_OFF: Duration = Duration::from_millis(200);

/// How requests are made.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// Certificates to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// Time for one request.
    pub each: Duration,
    /// When all of them have to be over.
    pub until: Option<Instant>,
    /// How often a request that may be repeated is.
    pub retries: u32,
    /// Whether every request is told on stderr.
    pub verbose: bool,
    /// Whether requests are printed as curl commands, and none is sent that changes anything.
    pub curl: bool,
    /// Where to tell.
    pub output: Output,
}

impl Wire {
    /// Time for one request unless told otherwise.
    pub(crate) const EACH: Duration = Duration::from_secs(30);

    /// A client for `base`.
    pub(super) fn http(&self, base: &Url) -> Result<reqwest::Client, Failure> {
        let more = match &self.ca {
            Some(path) if base.scheme() == "https" => certificates(path)?,
            _ => Vec::new(),
        };
        http::trusting(base, Some(self.each), more)
    }

    /// Sends `request` and gives the body of its answer; anything but success is a failure.
    pub(super) async fn exchange(
        &self,
        client: &reqwest::Client,
        mut request: Request,
        base: &Url,
        token_origin: &str,
    ) -> Result<Vec<u8>, Failure> {
        let id = new_id();
        request.headers_mut().extend(HeaderValue::from_str(&id).ok().map(|value| (REQUEST_ID, value)));
        if self.curl {
            self.output.curl(&curl::command(&request))?;
            if request.method() != Method::GET {
                return Err(Failure::ended());
            }
        }
        let sent = self.send(client, request, base).await;
        let (status, body) = sent.map_err(|failure| failure.of_request(id.clone(), false))?;
        if status.is_success() {
            return Ok(body);
        }
        Err(reply::refused(status, &body, token_origin).of_request(id, true))
    }

    /// Sends it, and again where that does no harm and nothing came back.
    async fn send(
        &self,
        client: &reqwest::Client,
        request: Request,
        base: &Url,
    ) -> Result<(StatusCode, Vec<u8>), Failure> {
        let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        let mut left = if is_repeatable(request.method()) { self.retries } else { 0 };
        let mut pause = BACK_OFF;
        loop {
            let (Some(mut now), Some(time)) = (request.try_clone(), self.time_left()) else {
                return Err(timed_out(base));
            };
            *now.timeout_mut() = Some(time);
            let (method, url, began) = (now.method().clone(), now.url().clone(), Instant::now());
            let error = match answer(client, now).await {
                Ok((status, body)) => {
                    self.tell((&method, &url), &id, &status.to_string(), began);
                    return Ok((status, body));
                }
                Err(error) => error,
            };
            self.tell((&method, &url), &id, &http::reason(&error), began);
            let is_refused_here = error.is_connect() && http::is_loopback(base);
            if left == 0 || error.is_timeout() || error.is_builder() || is_refused_here {
                return Err(unreachable(base, &error));
            }
            left -= 1;
            pause::back_off(pause).await;
            pause *= 2;
        }
    }

    fn tell(&self, (method, url): (&Method, &Url), id: &str, outcome: &str, began: Instant) {
        if self.verbose {
            let ms = began.elapsed().as_millis();
            self.output.note(format!("{method} {url} → {outcome} ({ms} ms, request {id})"));
        }
    }

    /// Time for the next request; none: there is none.
    fn time_left(&self) -> Option<Duration> {
        let Some(until) = self.until else { return Some(self.each) };
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).map(|left| left.min(self.each))
    }
}

async fn answer(client: &reqwest::Client, request: Request) -> Result<(StatusCode, Vec<u8>), reqwest::Error> {
    let response = client.execute(request).await?;
    Ok((response.status(), response.bytes().await?.into()))
}

fn unreachable(base: &Url, error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() { timed_out(base) } else { reply::unreachable(base, error) }
}

fn timed_out(base: &Url) -> Failure {
    Failure::unhealthy(format!("the control plane at `{base}` gave no answer in time"))
        .hint("give it longer with `--timeout 2m`, or look at it with `mcpctl doctor`")
}

/// Whether a request may arrive twice.
fn is_repeatable(method: &Method) -> bool {
    method.is_idempotent()
}

fn new_id() -> String {
    let mut bytes = [0_u8; 8];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// The certificates in a PEM file.
pub(crate) fn certificates(path: &std::path::Path) -> Result<Vec<Certificate>, Failure> {
    let shown = path.display();
    let pem = fs::read(path).during(|| format!("cannot read the certificates in `{shown}`"))?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() {
        return Err(Failure::usage(format!("`{shown}` holds no certificate in PEM form"))
            .hint("it has to hold lines such as -----BEGIN CERTIFICATE-----"));
    }
    Ok(found)
}

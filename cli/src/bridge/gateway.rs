//! The gateway's side: where it is, with which token, one request at a time.
//!
//! Address and token are read anew for every request, so that a gateway that was started, moved or given another
//! token meanwhile is simply found.

use super::trouble::Trouble;
use crate::{client::http, failure::Failure, home::Home};
use ::http::{HeaderName, HeaderValue, header};
use control_plane_api::name::Name;
use reqwest::{Method, Response};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use url::Url;

/// Time until the gateway begins to answer. Longer than it gives an upstream.
const REPLY_TIMEOUT: Duration = Duration::from_secs(600);

/// The gateway, seen from one project.
pub(super) struct Gateway {
    project: Name,
    home: Home,
    client: Mutex<Option<(Url, reqwest::Client)>>,
}

/// Headers of one request.
pub(super) type Headers = Vec<(HeaderName, HeaderValue)>;

impl Gateway {
    pub(super) fn new(project: Name, home: Home) -> Self {
        Self { project, home, client: Mutex::default() }
    }

    /// Sends one message.
    pub(super) async fn post(&self, headers: Headers, body: String) -> Result<Response, Trouble> {
        let accept = HeaderValue::from_static("application/json, text/event-stream");
        let json = HeaderValue::from_static("application/json");
        let headers = [vec![(header::ACCEPT, accept), (header::CONTENT_TYPE, json)], headers].concat();
        self.send(Method::POST, headers, Some(body)).await
    }

    /// Opens the stream for what belongs to no request (legacy).
    pub(super) async fn get(&self, headers: Headers) -> Result<Response, Trouble> {
        let accept = HeaderValue::from_static("text/event-stream");
        self.send(Method::GET, [vec![(header::ACCEPT, accept)], headers].concat(), None).await
    }

    /// Ends the session (legacy).
    pub(super) async fn delete(&self, headers: Headers) -> Result<Response, Trouble> {
        self.send(Method::DELETE, headers, None).await
    }

    async fn send(&self, method: Method, headers: Headers, body: Option<String>) -> Result<Response, Trouble> {
        let base = self.home.gateway_url()?;
        let token = self.home.token()?;
        let mut url = base.clone();
        url.set_path(&format!("{}/projects/{}/mcp", base.path().trim_end_matches('/'), self.project));
        let mut request = self.client(&base)?.request(method, url).bearer_auth(token.text.expose());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = match tokio::time::timeout(REPLY_TIMEOUT, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return Err(Trouble::Unreachable { url: base, reason: http::reason(&error) });
            }
            Ok(Err(error)) => return Err(Trouble::Lost(http::reason(&error))),
            Err(_) => return Err(Trouble::Lost(format!("no answer within {} seconds", REPLY_TIMEOUT.as_secs()))),
        };
        if response.status().is_success() || response.status() == reqwest::StatusCode::METHOD_NOT_ALLOWED {
            return Ok(response);
        }
        Err(Trouble::refused(response, &self.project, &token.origin).await)
    }

    fn client(&self, base: &Url) -> Result<reqwest::Client, Failure> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((url, client)) = kept.as_ref()
            && url == base
        {
            return Ok(client.clone());
        }
        let client = http::client(base, None)?;
        *kept = Some((base.clone(), client.clone()));
        Ok(client)
    }
}

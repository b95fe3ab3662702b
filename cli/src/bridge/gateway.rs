//! The gateway's side: where it is, with which token, one request at a time.
//!
//! The address is read anew for every request, so that a gateway that was started or moved meanwhile is simply found. The
//! token is kept until it is refused: a keyring or a sealed file is not to be asked for every message.

use super::{start::Starter, trouble::Trouble};
use crate::{
    client::http,
    failure::Failure,
    home::{Home, Token},
};
use ::http::{HeaderName, HeaderValue, header};
use control_plane_api::name::Name;
use reqwest::{Method, Response, StatusCode};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use url::Url;

/// Time until the gateway begins to answer. Longer than it gives an upstream.
const REPLY_TIMEOUT: Duration = Duration::from_secs(600);

/// The gateway, seen from one project.
pub(super) struct Gateway {
    project: Name,
    home: Home,
    starter: Starter,
    client: Mutex<Option<(Url, reqwest::Client)>>,
    token: Mutex<Option<Arc<Token>>>,
}

/// Headers of one request.
pub(super) type Headers = Vec<(HeaderName, HeaderValue)>;

impl Gateway {
    /// The gateway of `home`; started again when it has ended, if `starts`.
    pub(super) fn new(project: Name, home: Home, starts: bool) -> Self {
        let starter = Starter::new(home.clone(), starts);
        Self { project, home, starter, client: Mutex::default(), token: Mutex::default() }
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

    /// Sends with the token that is kept; where it is refused and there is another one by now, with that.
    async fn send(&self, method: Method, headers: Headers, body: Option<String>) -> Result<Response, Trouble> {
        let kept = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut token = match kept {
            Some(token) => token,
            None => self.read_token()?,
        };
        let mut response = self.reach(&token, (method.clone(), &headers, body.clone())).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let newer = self.read_token()?;
            if newer.text.expose() != token.text.expose() {
                token = newer;
                response = self.present(&token, (method, &headers, body)).await?;
            }
        }
        if response.status().is_success() || response.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(response);
        }
        Err(Trouble::refused(response, &self.project, &token.origin).await)
    }

    /// Like [`Self::present`], to a gateway that is started first if it has to be.
    async fn reach(&self, token: &Token, request: (Method, &Headers, Option<String>)) -> Result<Response, Trouble> {
        let (method, headers, body) = request;
        match self.present(token, (method.clone(), headers, body.clone())).await {
            Err(Trouble::Unreachable { .. }) if self.starter.starts().await => {
                self.present(token, (method, headers, body)).await
            }
            other => other,
        }
    }

    fn read_token(&self) -> Result<Arc<Token>, Failure> {
        let token = Arc::new(self.home.gateway_token()?);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&token));
        Ok(token)
    }

    async fn present(
        &self,
        token: &Token,
        (method, headers, body): (Method, &Headers, Option<String>),
    ) -> Result<Response, Trouble> {
        let base = self.home.gateway_url()?;
        let mut url = base.clone();
        url.set_path(&format!("{}/projects/{}/mcp", base.path().trim_end_matches('/'), self.project));
        let mut request = self.client(&base)?.request(method, url).bearer_auth(token.text.expose());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        match tokio::time::timeout(REPLY_TIMEOUT, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => {
                Err(Trouble::Unreachable { url: base, reason: http::reason(&error) })
            }
            Ok(Err(error)) => Err(Trouble::Lost(http::reason(&error))),
            Err(_) => Err(Trouble::Lost(format!("no answer within {} seconds", REPLY_TIMEOUT.as_secs()))),
        }
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

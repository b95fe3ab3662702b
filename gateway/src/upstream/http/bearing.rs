//! Requests on behalf of a caller, with the token that is the caller's.

use super::{
    connection::{Broken, Connection},
    remote::Remote,
    target::Target,
};
use crate::upstream::{
    Caller, UpstreamError,
    credentials::{self, Bearer},
};
use http::{HeaderMap, HeaderValue, header};
use protocol::Message;

impl Remote {
    /// Posts `message` on behalf of `caller`. Where the server refuses its token, once more with another one: it did not
    /// look at the message then (RFC 6750 §3.1). A refusal that nothing helps against is an answer like any other.
    pub(super) async fn post_for(
        &self,
        caller: &Caller,
        target: Result<&Target, Broken>,
        map: HeaderMap,
        (message, repeatable): (&Message, bool),
    ) -> Result<Connection, UpstreamError> {
        let target = target.map_err(|broken| self.broken(broken))?;
        let tokens = &self.endpoint.tokens;
        let send = async |token: Option<&Bearer>| {
            let map = self.carrying(map.clone(), token)?;
            self.post(Ok(target), map, message, repeatable).await.map_err(|broken| self.broken(broken))
        };
        let token = tokens.bearer(caller)?;
        let connection = send(token.as_ref()).await?;
        let Some(refused) = token.filter(|_| is_token_refused(&connection)) else {
            return Ok(connection);
        };
        match tokens.replaced(&refused, self.open_timeout()).await {
            Ok(other) => {
                let connection = send(Some(&other)).await?;
                if is_token_refused(&connection) {
                    tokens.given_up(&other).await;
                }
                Ok(connection)
            }
            Err(UpstreamError::NeedsConsent { .. }) => Ok(connection),
            Err(error) => Err(error),
        }
    }

    /// `headers` with the token for a request on behalf of `caller`.
    pub(super) fn authorized(&self, headers: HeaderMap, caller: &Caller) -> Result<HeaderMap, UpstreamError> {
        self.carrying(headers, self.endpoint.tokens.bearer(caller)?.as_ref())
    }

    fn carrying(&self, mut headers: HeaderMap, token: Option<&Bearer>) -> Result<HeaderMap, UpstreamError> {
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|_| self.unreachable("its access token has characters no header can carry"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

fn is_token_refused(connection: &Connection) -> bool {
    credentials::is_token_refused(connection.status(), connection.header(&header::WWW_AUTHENTICATE))
}

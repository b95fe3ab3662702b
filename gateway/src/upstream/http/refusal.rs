//! What a server means that does not serve a request: that it wants another credential, that it forgot the session, that it
//! speaks another era, or what the error in its body says.

use super::{
    answer::{self, Answer, Refusal},
    connection::Connection,
    heed::Call,
    remote::{ERROR_BYTES_MAX, Fault, Remote},
};
use crate::upstream::{
    UpstreamError, credentials,
    legacy::session::{Heard, Hearing},
};
use futures::stream;
use http::{StatusCode, header};
use protocol::{Message, Response, code};

impl Remote {
    /// What a refusal means whatever stands in its body; none for one of which only the body may tell.
    pub(super) fn turned_away(&self, connection: &Connection) -> Option<UpstreamError> {
        let status = connection.status();
        match answer::read(status, |name| connection.header(name)) {
            Answer::Refused(Refusal::Credential) => {
                let challenge = connection.header(&header::WWW_AUTHENTICATE);
                Some(self.unauthorized(status, challenge))
            }
            Answer::Refused(Refusal::Later(after)) => {
                let after = after.map_or_else(String::new, |s| format!("; it asks to wait {s} s"));
                Some(self.unreachable(&format!("it is overloaded or limits its rate (HTTP {status}){after}")))
            }
            Answer::Elsewhere(reason) => Some(self.unusable(&reason)),
            Answer::Refused(Refusal::Client | Refusal::Server)
            | Answer::Useless(_)
            | Answer::Taken
            | Answer::Json
            | Answer::Events => None,
        }
    }

    /// A token with more consent may do, or whoever set the server up has to look after its credential.
    fn unauthorized(&self, status: StatusCode, challenge: Option<&str>) -> UpstreamError {
        let name = &self.endpoint.name;
        if self.endpoint.spec.oauth.is_some()
            && let Some(scopes) = credentials::consent_wanted(status, challenge)
        {
            return UpstreamError::NeedsConsent { server: name.clone(), scopes };
        }
        self.unreachable(&format!("its credential was refused (HTTP {status}); run `mcpctl setup {name}`"))
    }

    /// What became of a request that was refused: a JSON-RPC error in the body is an answer like any other.
    pub(super) async fn refused(
        &self,
        mut call: Call,
        connection: Connection,
        answer: Answer,
    ) -> Result<Hearing, Fault> {
        if let Some(error) = self.turned_away(&connection) {
            return Err(error.into());
        }
        let status = connection.status();
        match answer {
            Answer::Useless(reason) => return Err(Fault::Foreign(self.unusable(&reason))),
            Answer::Taken | Answer::Json | Answer::Events => {
                let reason = format!("it took the request and gave no answer (HTTP {status})");
                return Err(Fault::Foreign(self.unusable(&reason)));
            }
            Answer::Refused(_) | Answer::Elsewhere(_) => {}
        }
        let response = call.error_body(connection).await;
        let code = response.as_ref().and_then(|response| response.payload.as_ref().err()).map(|error| error.code);
        let of_session = matches!(code, Some(code::LEGACY_SERVER | code::LEGACY_SESSION));
        if status == StatusCode::NOT_FOUND || of_session {
            // To a session that the server keeps under an id it says that the session is gone; to a modern request, that
            // it is no modern server. Nothing was done in either case.
            if call.session.is_some() || (of_session && !call.probes) {
                return Err(Fault::SessionGone);
            }
        }
        let own_fault = matches!(code, Some(code::UNSUPPORTED_VERSION | code::HEADER_MISMATCH));
        match (response, status.as_u16()) {
            (Some(response), _) if own_fault && call.session.is_none() && !call.probes => Err(Fault::AtOdds(response)),
            (Some(response), _) => Ok(Box::pin(stream::iter([Ok(Heard::Response(response))]))),
            (None, 404 | 405) => {
                let reason = format!("there is no MCP endpoint at its URL (HTTP {status}); check the URL");
                Err(Fault::Foreign(self.unusable(&reason)))
            }
            (None, 500..) => Err(self.unusable(&format!("it answered HTTP {status}")).into()),
            (None, _) => Err(Fault::Foreign(self.unusable(&format!("it answered HTTP {status}")))),
        }
    }
}

impl Call {
    /// The JSON-RPC error in the body of a refusal, if there is one.
    async fn error_body(&mut self, connection: Connection) -> Option<Response> {
        let body = connection.collect(ERROR_BYTES_MAX).await.ok()??;
        match Message::parse(&body).ok()? {
            Message::Response(response) if response.payload.is_err() => self.response(response),
            _ => None,
        }
    }
}

//! A client of a project in this very process: asks the gateway as a coding assistant would, one question at a time. For tests of
//! the way there; what the answers are worth is for others to say.

use super::{gateway::Gateway, relay, trouble::Trouble};
use crate::{
    failure::{Failure, Status},
    home::Home,
};
use control_plane_api::name::Name;
use futures::StreamExt as _;
use protocol::{Members, Message, Revision, headers, meta, method};
use serde_json::{Value, json, value::to_raw_value};
use std::time::{Duration, Instant};

/// Time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Most pages of a list that are asked for.
const PAGES_MAX: usize = 100;

/// A project, asked.
pub(crate) struct Probe(Gateway);

impl Probe {
    /// Of `project`, through the gateway of `home`.
    pub(crate) fn new(project: Name, home: Home) -> Self {
        // What is looked at is left as it is.
        Self(Gateway::new(project, home, false))
    }

    /// The newest revision of the protocol that both sides know, and how long the answer took.
    pub(crate) async fn discover(&self) -> Result<(Option<Revision>, Duration), Failure> {
        let began = Instant::now();
        let found = self.ask(method::DISCOVER, None).await?;
        let offered = members(&found, "supportedVersions").filter_map(Value::as_str);
        Ok((offered.filter_map(Revision::parse).max(), began.elapsed()))
    }

    /// The names of the tools it offers.
    pub(crate) async fn tools(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self.ask(method::TOOLS_LIST, cursor.as_deref()).await?;
            names.extend(members(&page, "tools").filter_map(|tool| tool.get("name")?.as_str()).map(str::to_owned));
            cursor = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(names)
    }

    /// The result of one request.
    async fn ask(&self, method: &str, cursor: Option<&str>) -> Result<Value, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("`{method}` is not understood: {error}"));
        let client = json!({"name": "mcpctl", "version": env!("CARGO_PKG_VERSION")});
        let client = to_raw_value(&client).map_err(|error| failed(&error))?;
        let mut params = Members::new();
        params.set("_meta", &meta::modern(Some(&client), None));
        if let Some(cursor) = cursor {
            params.set("cursor", cursor);
        }
        let mut members = Members::new();
        members.set("jsonrpc", "2.0");
        members.set("id", &1);
        members.set("method", method);
        members.set("params", &params);
        let body = serde_json::to_string(&members).map_err(|error| failed(&error))?;
        let Ok(Message::Request(request)) = Message::parse(body.as_bytes()) else {
            return Err(failed(&"it is no request"));
        };
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, self.answer(headers::of(&request), body)).await;
        let late = || Trouble::Lost(format!("no answer within {} seconds", ANSWER_TIMEOUT.as_secs()));
        let text = answered.unwrap_or_else(|_| Err(late())).map_err(|trouble| told(&trouble))?;
        serde_json::from_str(&text).map_err(|error| failed(&error))
    }

    async fn answer(&self, headers: super::gateway::Headers, body: String) -> Result<String, Trouble> {
        let mut messages = Box::pin(relay::messages(self.0.post(headers, body).await?));
        while let Some(message) = messages.next().await {
            if let Ok(Message::Response(answer)) = Message::parse(message?.as_bytes()) {
                return answer.payload.map(|result| result.get().to_owned()).map_err(Trouble::Said);
            }
        }
        Err(Trouble::Lost("the reply ended early".to_owned()))
    }
}

/// What stands in the list `name` of a result.
fn members<'a>(result: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    result.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn told(trouble: &Trouble) -> Failure {
    let error = trouble.to_error();
    let data = error.data.as_ref().and_then(|data| serde_json::from_str::<Value>(data.get()).ok());
    let hint = data.as_ref().and_then(|data| data.get("hint")?.as_str()).map(str::to_owned);
    let message = match &hint {
        Some(hint) => error.message.strip_suffix(&format!("; {hint}")).unwrap_or(&error.message).to_owned(),
        None => error.message,
    };
    let status = match trouble {
        Trouble::Local(failure) => failure.status,
        Trouble::Unauthenticated { .. } => Status::Unauthenticated,
        Trouble::UnknownProject(_) => Status::NotFound,
        Trouble::Unreachable { .. } | Trouble::Lost(_) => Status::Unhealthy,
        Trouble::NotFound(_) | Trouble::Said(_) | Trouble::Refused(..) => Status::Failed,
    };
    Failure { hint, ..Failure::new(status, message) }
}

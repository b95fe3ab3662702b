//! What a client is told whose user has to give consent at a server first: a link, in the form the client can use best.
//!
//! A request and a link in, the payload of a response out. A client that can open links for its user is asked to
//! (2026-07-28 patterns/mrtr; older clients are asked in their own way at the edge); any other one gets the link as text.
//! The link leads to the control plane, which makes sure that whoever opens it is the user it is for. The tool by which
//! a user connects a server is a call that needs consent and nothing else.

use super::{Caller, Credentials, Health, Reply, Tokens, Upstream, UpstreamError};
use crate::keys::Keyring;
use async_trait::async_trait;
use control_plane_api::{
    gateway::ServerState,
    name::Name,
    oauth::OauthSettings,
    ticket::{ConnectTicket, TICKET_LIFETIME_MS_MAX},
    timestamp::Timestamp,
    token,
};
use futures::{StreamExt as _, stream};
use protocol::{Members, Message, Request, Response, RpcError, code, meta, method};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use std::sync::Arc;
use tokio::sync::watch;

/// The gateway's own question among the questions of a response. No server's question is called so.
const QUESTION: &str = "mcpctl/connect";
/// How long a link is good, in milliseconds.
const LINK_LIFETIME_MS: i64 = 900_000;
const _: () = assert!(LINK_LIFETIME_MS <= TICKET_LIFETIME_MS_MAX);

/// What the user said to the question for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Was not asked yet.
    Unasked,
    /// Opened the link.
    Opened,
    /// Did not want to.
    Declined,
}

/// Makes links to the control plane.
pub struct Links {
    gateway: Name,
    /// Digest of the gateway's own token; none where there is no control plane.
    token_digest: Option<String>,
}

impl Links {
    /// For the gateway called `gateway` with `keyring`.
    #[must_use]
    pub fn new(gateway: Name, keyring: &Keyring) -> Self {
        let token_digest = match keyring {
            Keyring::Sealed(identity) => Some(token::digest(identity.token().expose())),
            Keyring::Environment => None,
        };
        Self { gateway, token_digest }
    }

    /// The link by which `user` connects `server`; none where nobody can.
    #[must_use]
    pub fn link(&self, settings: &OauthSettings, server: &Name, user: &Name, scopes: &[String]) -> Option<String> {
        let (page, digest) = (settings.connect_url.as_deref()?, self.token_digest.as_deref()?);
        let ticket = ConnectTicket {
            gateway: self.gateway.clone(),
            user: user.clone(),
            server: server.clone(),
            scopes: scopes.to_vec(),
            expires_at: Timestamp::now().plus_millis(LINK_LIFETIME_MS),
        };
        Some(format!("{page}?ticket={}", ticket.issue(digest)?))
    }
}

/// Answers the tool by which a user connects a server, in place of the server.
pub struct Connecting {
    server: Name,
    tokens: Arc<dyn Credentials>,
}

impl Connecting {
    /// For `server`.
    #[must_use]
    pub fn new(server: &Name, tokens: &Tokens) -> Self {
        Self { server: server.clone(), tokens: tokens.of(server) }
    }
}

#[async_trait]
impl Upstream for Connecting {
    /// Fails for want of consent like any call to the server does; once there is a token, it says so.
    async fn call(&self, request: Request, caller: &Caller) -> Result<Reply, UpstreamError> {
        self.tokens.bearer(caller)?;
        let text = format!("server `{}` is connected: list the tools again to see those it has", self.server);
        let result = json!({"resultType": "complete", "content": [{"type": "text", "text": text}]});
        let payload = to_raw_value(&result).map_err(|_| RpcError::new(code::INTERNAL_ERROR, text));
        let response = Message::Response(Response { id: Some(request.id), payload });
        Ok(stream::once(async { Ok(response.into()) }).boxed())
    }

    fn health(&self) -> Health {
        Health { state: ServerState::Ready, era: None, error: None, restarts: 0, pid: None, unconfined: None }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.tokens.changes()
    }

    async fn close(&self) {}
}

/// Takes the user's reaction to the gateway's own question out of `params`: no server is to see it.
pub fn take_reaction(params: &mut Members) -> Reaction {
    let Some(mut responses) = params.object("inputResponses") else {
        return Reaction::Unasked;
    };
    let Some(own) = responses.remove(QUESTION) else {
        return Reaction::Unasked;
    };
    if responses.is_empty() {
        params.remove("inputResponses");
    } else {
        params.set("inputResponses", &responses);
    }
    let action = Members::open(&own).ok().and_then(|response| response.read::<String>("action"));
    if action.as_deref() == Some("accept") { Reaction::Opened } else { Reaction::Declined }
}

/// The payload of the response to `request` of a user who has to connect `server`, by `link` if there is one.
///
/// # Errors
/// The error that says so, to a request whose result has no place for it.
pub fn answer(
    request: &Request,
    server: &Name,
    link: Option<&str>,
    reaction: Reaction,
) -> Result<Box<RawValue>, RpcError> {
    let result = match (link, request.method.as_str()) {
        (Some(link), _) if asks(request) && reaction == Reaction::Unasked => {
            let question = format!("`{server}` needs your consent: sign in there to let calls act on your behalf");
            json!({"resultType": "input_required", "inputRequests": {QUESTION: {"method": "elicitation/create",
                "params": {"mode": "url", "message": question, "url": link}}}})
        }
        (_, method::TOOLS_CALL) => {
            json!({"resultType": "complete", "isError": true, "content": [{"type": "text", "text": told(server, link)}]})
        }
        _ => return Err(refusal(server, link)),
    };
    to_raw_value(&result).map_err(|_| refusal(server, link))
}

/// Whether `request` may be answered by a question, and its client can show links.
fn asks(request: &Request) -> bool {
    let answerable = [method::TOOLS_CALL, "prompts/get", "resources/read"].contains(&request.method.as_str());
    let capabilities = meta::of(&request.params).object(meta::CLIENT_CAPABILITIES);
    let elicitation = capabilities.and_then(|capabilities| capabilities.object("elicitation"));
    answerable && elicitation.is_some_and(|elicitation| elicitation.get("url").is_some())
}

fn refusal(server: &Name, link: Option<&str>) -> RpcError {
    let error = RpcError::new(code::INTERNAL_ERROR, told(server, link));
    match link {
        Some(link) => error.with_data(&json!({ "url": link })),
        None => error,
    }
}

fn told(server: &Name, link: Option<&str>) -> String {
    match link {
        Some(link) => {
            format!("server `{server}` needs your consent. Open this link in your browser, then try again: {link}")
        }
        None => format!("server `{server}` is not connected: ask an operator to connect it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Id;
    use serde_json::Value;

    fn request(method: &str, capabilities: &str) -> Request {
        let params = format!(r#"{{"_meta": {{"{}": {capabilities}}}}}"#, meta::CLIENT_CAPABILITIES);
        Request { id: Id::Number(1), method: method.to_owned(), params: serde_json::from_str(&params).unwrap() }
    }

    fn check(method: &str, capabilities: &str, link: Option<&str>, reaction: Reaction) -> Result<Value, RpcError> {
        let answer = answer(&request(method, capabilities), &"jira".parse().unwrap(), link, reaction);
        answer.map(|raw| serde_json::from_str(raw.get()).unwrap())
    }

    const URL: &str = r#"{"elicitation": {"form": {}, "url": {}}}"#;
    const LINK: Option<&str> = Some("https://mcpd.example/connect/jira?ticket=x");

    #[test]
    fn a_client_that_can_show_links_is_asked_to() {
        for method in ["tools/call", "prompts/get", "resources/read"] {
            let asked = check(method, URL, LINK, Reaction::Unasked).unwrap();
            assert_eq!(asked["resultType"], "input_required");
            let question = &asked["inputRequests"][QUESTION];
            assert_eq!(
                (&question["method"], &question["params"]["mode"]),
                (&json!("elicitation/create"), &json!("url"))
            );
            assert_eq!(question["params"]["url"].as_str(), LINK);
        }
    }

    #[test]
    fn any_other_client_gets_the_link_as_text() {
        for capabilities in ["{}", r#"{"elicitation": {}}"#, r#"{"elicitation": {"form": {}}}"#] {
            let told = check("tools/call", capabilities, LINK, Reaction::Unasked).unwrap();
            assert_eq!(told["isError"], true);
            assert!(told["content"][0]["text"].as_str().unwrap().ends_with(LINK.unwrap()));
            let error = check("prompts/get", capabilities, LINK, Reaction::Unasked).unwrap_err();
            assert!(error.code == code::INTERNAL_ERROR && error.message.ends_with(LINK.unwrap()));
            assert_eq!(error.data.unwrap().get(), format!(r#"{{"url":"{}"}}"#, LINK.unwrap()));
        }
        assert!(check("completion/complete", URL, LINK, Reaction::Unasked).is_err());
    }

    #[test]
    fn nobody_is_asked_twice_nor_without_a_link() {
        for reaction in [Reaction::Opened, Reaction::Declined] {
            assert_eq!(check("tools/call", URL, LINK, reaction).unwrap()["isError"], true);
        }
        let told = check("tools/call", URL, None, Reaction::Unasked).unwrap();
        assert!(told["content"][0]["text"].as_str().unwrap().contains("ask an operator"));
        assert!(check("resources/read", URL, None, Reaction::Unasked).unwrap_err().data.is_none());
    }

    #[test]
    fn the_answer_to_our_question_is_ours_alone() {
        let take = |text: &str| {
            let mut params: Members = serde_json::from_str(text).unwrap();
            (take_reaction(&mut params), params.to_raw().get().to_owned())
        };
        let none = r#"{"inputResponses":{"other":{"action":"accept"}}}"#;
        assert_eq!(take(none), (Reaction::Unasked, none.to_owned()));
        assert_eq!(take("{}"), (Reaction::Unasked, "{}".to_owned()));
        let own = |action: &str| format!(r#"{{"inputResponses":{{"mcpctl/connect":{{"action":"{action}"}}}}}}"#);
        assert_eq!(take(&own("accept")), (Reaction::Opened, "{}".to_owned()));
        assert_eq!(take(&own("cancel")), (Reaction::Declined, "{}".to_owned()));
        let both = r#"{"inputResponses":{"mcpctl/connect":{"action":"decline"},"other":{}}}"#;
        assert_eq!(take(both), (Reaction::Declined, r#"{"inputResponses":{"other":{}}}"#.to_owned()));
    }

    #[test]
    fn there_is_a_link_only_where_there_is_a_page_and_a_key() {
        let settings = OauthSettings {
            connect_url: Some("https://mcpd.example/connect/jira".to_owned()),
            ..OauthSettings::default()
        };
        let (server, user): (Name, Name) = ("jira".parse().unwrap(), "ann".parse().unwrap());
        let links = |token_digest: Option<&str>| Links {
            gateway: "laptop".parse().unwrap(),
            token_digest: token_digest.map(str::to_owned),
        };
        assert_eq!(
            Links::new("laptop".parse().unwrap(), &Keyring::Environment).link(&settings, &server, &user, &[]),
            None
        );
        assert_eq!(links(Some("d")).link(&OauthSettings::default(), &server, &user, &[]), None);
        let link = links(Some("d")).link(&settings, &server, &user, &["read".to_owned()]).unwrap();
        let ticket = link.strip_prefix("https://mcpd.example/connect/jira?ticket=").unwrap();
        let ticket = ConnectTicket::read(ticket).unwrap().verify("d", Timestamp::now()).unwrap();
        assert_eq!((ticket.user, ticket.server, ticket.scopes), (user, server, vec!["read".to_owned()]));
    }
}

//! Ids and progress tokens on the way out and back: several clients share one server, and nothing keeps them from
//! choosing the same (2026-07-28 basic, requests).

use protocol::{Id, Members, Notification, Request, Response, meta, method};
use serde_json::value::RawValue;

/// `notifications/progress`.
pub(super) const PROGRESS: &str = "notifications/progress";

/// What a request was called before it was sent.
#[derive(Debug, Clone)]
pub(super) struct Remap {
    id: Id,
    token: Option<Box<RawValue>>,
    /// Whether it stands open for what it subscribed to.
    listens: bool,
}

impl Remap {
    /// Gives `request` the id `own`, and its progress token too if it has one.
    pub(super) fn outgoing(request: &mut Request, own: i64) -> Self {
        let id = std::mem::replace(&mut request.id, Id::Number(own));
        let token = meta::progress_token(&request.params).map(ToOwned::to_owned);
        if token.is_some() {
            let mut meta = meta::of(&request.params);
            meta.set(meta::PROGRESS_TOKEN, &own);
            request.params.set("_meta", &meta);
        }
        Self { id, token, listens: request.method == method::LISTEN }
    }

    /// Gives a progress notification the token its request came with; none if that asked for no progress.
    pub(super) fn progress(&self, mut notification: Notification) -> Option<Notification> {
        notification.params.set_raw("progressToken", self.token.clone()?);
        Some(notification)
    }

    /// Gives what belongs to a subscription the id that its request came with.
    pub(super) fn subscription(&self, mut notification: Notification) -> Notification {
        self.tag(&mut notification.params);
        notification
    }

    /// Gives `response` the id its request came with.
    pub(super) fn response(&self, mut response: Response) -> Response {
        response.id = Some(self.id.clone());
        if self.listens
            && let Some(mut result) = response.result()
        {
            self.tag(&mut result);
            response.payload = Ok(result.to_raw());
        }
        response
    }

    fn tag(&self, members: &mut Members) {
        let mut meta = meta::of(members);
        meta.set(meta::SUBSCRIPTION_ID, &self.id);
        members.set("_meta", &meta);
    }
}

/// The own id of the subscription that a notification belongs to.
pub(super) fn subscription_of(params: &Members) -> Option<i64> {
    meta::view(params).read(meta::SUBSCRIPTION_ID)
}

/// The own token a progress notification is about.
pub(super) fn token_of(params: &Members) -> Option<i64> {
    params.read("progressToken")
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Message;

    #[test]
    fn what_the_client_chose_comes_back() {
        let text =
            br#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"x","_meta":{"k":1.0,"progressToken":"p"}}}"#;
        let Message::Request(mut request) = Message::parse(text).unwrap() else { panic!("a request") };
        let remap = Remap::outgoing(&mut request, 7);
        assert_eq!(
            Message::Request(request).to_json(),
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","_meta":{"k":1.0,"progressToken":7}}}"#
        );
        let mut params = Members::new();
        params.set("progressToken", &7);
        assert_eq!(token_of(&params), Some(7));
        let back = remap.progress(Notification { method: PROGRESS.to_owned(), params }).unwrap();
        assert_eq!(back.params.get("progressToken").unwrap().get(), "\"p\"");
        let response = remap.response(Response::ok(Id::Number(7), RawValue::NULL.to_owned()));
        assert_eq!(response.id, Some(Id::Text("a".to_owned())));
    }

    #[test]
    fn a_subscription_keeps_its_clients_id() {
        let mut request =
            Request { id: Id::Text("s".to_owned()), method: method::LISTEN.to_owned(), params: Members::new() };
        let remap = Remap::outgoing(&mut request, 7);
        let params = serde_json::from_str(r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}"#).unwrap();
        assert_eq!(subscription_of(&params), Some(7));
        let note = remap.subscription(Notification { method: "x".to_owned(), params });
        assert_eq!(note.params.to_raw().get(), r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}}"#);
        let response = remap.response(Response::ok(Id::Number(7), Members::new().to_raw()));
        assert_eq!(response.payload.unwrap().get(), r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}}"#);
    }

    #[test]
    fn progress_nobody_asked_for_goes_nowhere() {
        let mut request = Request { id: Id::Number(1), method: "tools/list".to_owned(), params: Members::new() };
        let remap = Remap::outgoing(&mut request, 7);
        assert!(request.params.is_empty());
        assert!(remap.progress(Notification { method: PROGRESS.to_owned(), params: Members::new() }).is_none());
    }
}

//! Ids and progress tokens on the way out and back: several clients share one server, and nothing keeps them from
//! choosing the same (2026-07-28 basic, requests).

use protocol::{Id, Members, Notification, Request, Response, meta};
use serde_json::value::RawValue;

/// `notifications/progress`.
pub(super) const PROGRESS: &str = "notifications/progress";

/// What a request was called before it was sent.
#[derive(Debug)]
pub(super) struct Remap {
    id: Id,
    token: Option<Box<RawValue>>,
}

impl Remap {
    /// Gives `request` the id `own`, and its progress token too if it has one.
    pub(super) fn outgoing(request: &mut Request, own: i64) -> Self {
        let id = std::mem::replace(&mut request.id, Id::Number(own));
        let mut meta = meta::of(&request.params);
        let token = meta.get(meta::PROGRESS_TOKEN).map(ToOwned::to_owned);
        if token.is_some() {
            meta.set(meta::PROGRESS_TOKEN, &own);
            request.params.set("_meta", &meta);
        }
        Self { id, token }
    }

    /// Gives a progress notification the token its request came with; none if that asked for no progress.
    pub(super) fn progress(&self, mut notification: Notification) -> Option<Notification> {
        notification.params.set_raw("progressToken", self.token.clone()?);
        Some(notification)
    }

    /// Gives `response` the id its request came with.
    pub(super) fn response(&self, mut response: Response) -> Response {
        response.id = Some(self.id.clone());
        response
    }
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
    fn progress_nobody_asked_for_goes_nowhere() {
        let mut request = Request { id: Id::Number(1), method: "tools/list".to_owned(), params: Members::new() };
        let remap = Remap::outgoing(&mut request, 7);
        assert!(request.params.is_empty());
        assert!(remap.progress(Notification { method: PROGRESS.to_owned(), params: Members::new() }).is_none());
    }
}

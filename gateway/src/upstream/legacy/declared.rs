//! What a client can be asked, reduced to what a legacy server may ask: declared once per session by `initialize`, while
//! modern clients declare it with every request.
//!
//! Canonical, so that clients alike share a session: everything else they declare is not a legacy server's affair.

use protocol::{Members, Request, meta};

/// Equal ones may share a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::upstream) struct Declared {
    /// `roots/list`.
    pub(super) roots: bool,
    /// `sampling/createMessage`.
    pub(super) sampling: Option<Sampling>,
    /// `elicitation/create`.
    pub(super) elicitation: Option<Elicitation>,
}

/// The parts of `sampling` (2025-11-25 client/sampling).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Sampling {
    /// Tools may be offered to the model.
    pub(super) tools: bool,
    /// `includeContext` is understood.
    pub(super) context: bool,
}

/// The parts of `elicitation` (2025-11-25 client/elicitation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Elicitation {
    /// Forms.
    pub(super) form: bool,
    /// Addresses to visit.
    pub(super) url: bool,
}

impl Declared {
    /// What the client of a modern `request` declares in its `_meta`.
    pub(in crate::upstream) fn of(request: &Request) -> Self {
        let declared = meta::of(&request.params).object(meta::CLIENT_CAPABILITIES).unwrap_or_default();
        let part = |of: &Members, name: &str| of.object(name).is_some();
        Self {
            roots: part(&declared, "roots"),
            sampling: declared
                .object("sampling")
                .map(|it| Sampling { tools: part(&it, "tools"), context: part(&it, "context") }),
            elicitation: declared.object("elicitation").map(|it| {
                let url = part(&it, "url");
                // `{}` is the form of the revision that knew nothing else.
                Elicitation { form: part(&it, "form") || !url, url }
            }),
        }
    }

    /// Whether the client can be asked nothing.
    pub(in crate::upstream) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As a legacy server is told it.
    pub(in crate::upstream) fn capabilities(&self) -> Members {
        let mut capabilities = Members::new();
        if self.roots {
            capabilities.set("roots", &Members::new());
        }
        if let Some(sampling) = self.sampling {
            capabilities.set("sampling", &parts(&[("context", sampling.context), ("tools", sampling.tools)]));
        }
        if let Some(elicitation) = self.elicitation {
            // Forms alone are said as the servers of 2025-06-18 know it.
            let form = elicitation.form && elicitation.url;
            capabilities.set("elicitation", &parts(&[("form", form), ("url", elicitation.url)]));
        }
        capabilities
    }
}

fn parts(parts: &[(&str, bool)]) -> Members {
    let mut members = Members::new();
    for (name, _) in parts.iter().filter(|(_, there)| *there) {
        members.set(name, &Members::new());
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Id, method};

    fn declared(capabilities: &str) -> Declared {
        let mut params = Members::new();
        let capabilities: Members = serde_json::from_str(capabilities).unwrap();
        params.set("_meta", &meta::modern(None, Some(&capabilities.to_raw())));
        Declared::of(&Request { id: Id::Number(1), method: method::TOOLS_CALL.to_owned(), params })
    }

    fn check(capabilities: &str, told: &str) {
        let declared = declared(capabilities);
        assert_eq!(declared.capabilities().to_raw().get(), told, "{capabilities}");
        assert_eq!(declared.is_empty(), told == "{}");
        // What is told says the same again.
        assert_eq!(self::declared(told), declared);
    }

    #[test]
    fn only_what_a_legacy_server_may_ask_is_declared() {
        check("{}", "{}");
        check(r#"{"roots":{"listChanged":true},"tasks":{},"extensions":{"x":{}}}"#, r#"{"roots":{}}"#);
        check(r#"{"sampling":{"tools":{},"x":1}}"#, r#"{"sampling":{"tools":{}}}"#);
        check(r#"{"sampling":{"tools":{},"context":{}}}"#, r#"{"sampling":{"context":{},"tools":{}}}"#);
        check(r#"{"elicitation":true}"#, "{}");
    }

    #[test]
    fn an_elicitation_without_parts_means_forms() {
        check(r#"{"elicitation":{}}"#, r#"{"elicitation":{}}"#);
        check(r#"{"elicitation":{"form":{}}}"#, r#"{"elicitation":{}}"#);
        check(r#"{"elicitation":{"url":{}}}"#, r#"{"elicitation":{"url":{}}}"#);
        check(r#"{"elicitation":{"url":{},"form":{}}}"#, r#"{"elicitation":{"form":{},"url":{}}}"#);
    }
}

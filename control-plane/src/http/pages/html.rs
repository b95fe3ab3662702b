//! Pages as text, and the headers they go out with: no scripts, no frames, no foreign forms, nothing cached.

use crate::{oauth::OauthError, store::StoreError};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem;color:#222}\
h1{font-size:1.4rem}dt{font-weight:600}dd{margin:0 0 .6rem;overflow-wrap:anywhere}\
input{width:100%;padding:.4rem;box-sizing:border-box}button{padding:.5rem 1rem;margin:.8rem .5rem 0 0}\
.note{color:#555}";

/// A page.
pub(in crate::http) struct Page {
    status: StatusCode,
    title: &'static str,
    /// HTML.
    body: String,
    /// Where the browser goes by itself.
    onward: Option<String>,
    cookie: Option<String>,
}

impl Page {
    /// A page with `body`, which is HTML.
    pub(super) fn new(title: &'static str, body: String) -> Self {
        Self { status: StatusCode::OK, title, body, onward: None, cookie: None }
    }

    /// A page that says why something is not done.
    pub(super) fn refusal(status: StatusCode, text: &str) -> Self {
        let body = format!("<p>{}.</p>", escape(text));
        Self { status, ..Self::new("This did not work", body) }
    }

    /// With a cookie.
    pub(super) fn setting(mut self, cookie: Option<String>) -> Self {
        self.cookie = cookie;
        self
    }

    /// Sends the browser on. Not a redirect: to browsers that would be where the form leads, which must be here.
    pub(super) fn onward(mut self, url: String) -> Self {
        self.onward = Some(url);
        self
    }
}

impl From<StoreError> for Page {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "A page failed in the store");
        Self::refusal(StatusCode::SERVICE_UNAVAILABLE, "The database does not answer; try again")
    }
}

impl From<OauthError> for Page {
    fn from(error: OauthError) -> Self {
        let status = match &error {
            OauthError::Store(_) | OauthError::Envelope(_) => {
                tracing::error!(%error, "A page failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            OauthError::Unavailable(_) => StatusCode::BAD_GATEWAY,
            OauthError::Refused(_) | OauthError::ConsentNeeded(_) | OauthError::ClientUnknown(_) => {
                StatusCode::CONFLICT
            }
        };
        let mut text = error.to_string();
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::refusal(status, &text)
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut html = String::from("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
        if let Some(url) = &self.onward {
            // Writing to a String does not fail.
            let _ = write!(html, "<meta http-equiv=\"refresh\" content=\"0; url={}\">", escape(url));
        }
        let _ = write!(
            html,
            "<meta name=\"viewport\" content=\"width=device-width\"><title>mcpctl: {title}</title>\
             <style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>",
            title = escape(self.title),
            body = self.body
        );
        let mut response = (self.status, html).into_response();
        dress(response.headers_mut(), self.cookie.as_deref());
        response
    }
}

fn dress(headers: &mut HeaderMap, cookie: Option<&str>) {
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with that, browsers hide the origin of our own forms from us.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    let dynamic = [(header::CONTENT_SECURITY_POLICY, Some(policy.as_str())), (header::SET_COOKIE, cookie)];
    for (name, value) in dynamic {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
}

/// A hidden field of a form.
pub(super) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
}

/// Text inside HTML, also between quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Could make one text look like another.
            c if c.is_control() || is_invisible(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Characters that show nothing, or turn the direction of others.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escape(r#"<a href='x'>"&"#), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
        assert_eq!(escape("a\u{202e}b\u{0}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(hidden("x", "\"><script>"), "<input type=\"hidden\" name=\"x\" value=\"&quot;&gt;&lt;script&gt;\">");
    }

    #[test]
    fn a_page_allows_no_script_no_frame_and_no_store() {
        let response = Page::new("x", String::new()).into_response();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("script-src"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}

//! `If-Match` and `ETag`: an object's revision in quotes (RFC 9110, 13.1.1).

use super::ApiError;
use crate::configure::Expected;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};

/// The header in which an answer carries the object's revision.
pub(super) fn etag(revision: u64) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{revision}\""));
    [(header::ETAG, value.unwrap_or(HeaderValue::from_static("\"0\"")))]
}

impl<S: Send + Sync> FromRequestParts<S> for Expected {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        read(&parts.headers).ok_or_else(|| {
            ApiError::malformed("the If-Match header is not one").hint("send `If-Match: \"<revision>\"`")
        })
    }
}

fn read(headers: &HeaderMap) -> Option<Expected> {
    let mut revisions = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let value = value.to_str().ok()?.trim();
        if value == "*" {
            return Some(Expected::Something);
        }
        for tag in value.split(',') {
            let tag = tag.trim();
            match tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) {
                Some(tag) => revisions.extend(tag.parse::<u64>()),
                // A weak tag is well-formed and never matches.
                None if tag.starts_with("W/\"") && tag.ends_with('"') => {}
                None => return None,
            }
        }
    }
    let present = headers.contains_key(header::IF_MATCH);
    Some(if present { Expected::OneOf(revisions) } else { Expected::Whatever })
}

/// `?dry_run=true`: say whether it could be done, and do nothing. A precondition is not asked for then: whoever only looks may send
/// one that never holds, so that a control plane that does not know the question does nothing either.
pub(super) struct Trial(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for Trial {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "dry_run");
        match asked.as_ref().map(|(_, value)| value.as_ref()) {
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(_) => Err(ApiError::malformed("`dry_run` is neither true nor false")),
        }
    }
}

impl Trial {
    /// What has to hold before: nothing, on trial.
    pub(super) fn unless(&self, expected: Expected) -> Expected {
        if self.0 { Expected::Whatever } else { expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Option<Expected>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(read(&headers), expected, "{values:?}");
    }

    #[test]
    fn if_match_names_revisions_and_what_is_not_ours_matches_nothing() {
        check(&[], Some(Expected::Whatever));
        check(&["*"], Some(Expected::Something));
        check(&["\"7\""], Some(Expected::OneOf(vec![7])));
        check(&["\"7\", \"8\"", "\"9\""], Some(Expected::OneOf(vec![7, 8, 9])));
        check(&["W/\"7\""], Some(Expected::OneOf(vec![])));
        check(&["\"abc\""], Some(Expected::OneOf(vec![])));
        check(&["7"], None);
        check(&[""], None);
    }
}

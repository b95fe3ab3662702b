//! `WWW-Authenticate` of a server that wants a token (RFC 6750 §3, RFC 9728 §5.1, RFC 9110 §11). Pure.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// What a `Bearer` challenge says to us.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Challenge {
    pub(super) resource_metadata: Option<String>,
    pub(super) scope: Option<String>,
}

/// The first `Bearer` challenge in `headers`.
pub(super) fn read(headers: &HeaderMap) -> Challenge {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(challenges)
        .find_map(|(scheme, challenge)| scheme.eq_ignore_ascii_case("bearer").then_some(challenge))
        .unwrap_or_default()
}

/// Every challenge in one header value. What cannot be read ends the list.
fn challenges(value: &str) -> Vec<(String, Challenge)> {
    let mut found: Vec<(String, Challenge)> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let after = after.trim_start_matches([' ', '\t']);
        let Some(after_equals) = after.strip_prefix('=') else {
            found.push((word.to_owned(), Challenge::default()));
            rest = after;
            continue;
        };
        let Some((text, after)) = parameter(after_equals.trim_start_matches([' ', '\t'])) else { return found };
        rest = after;
        if let Some((_, challenge)) = found.last_mut() {
            let slot = match word.to_ascii_lowercase().as_str() {
                "resource_metadata" => &mut challenge.resource_metadata,
                "scope" => &mut challenge.scope,
                _ => continue,
            };
            slot.get_or_insert(text);
        }
    }
}

/// A token or quoted string, and what follows it.
fn parameter(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Also swallows the rest of a token68, which nobody asks for.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return Some((word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return quoted.get(at + 1..).map(|rest| (value, rest)),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::proptest;
    use reqwest::header::HeaderValue;

    fn check(values: &[&str], metadata: Option<&str>, scope: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        let found = read(&headers);
        assert_eq!((found.resource_metadata.as_deref(), found.scope.as_deref()), (metadata, scope), "{values:?}");
    }

    #[test]
    fn the_bearer_challenge_is_found_in_any_company() {
        let (m, s) = (Some("https://x/.well-known/p"), Some("files:read files:write"));
        check(&[r#"Bearer resource_metadata="https://x/.well-known/p", scope="files:read files:write""#], m, s);
        check(&[r#"bearer scope = "files:read files:write" ,resource_metadata="https://x/.well-known/p""#], m, s);
        check(&[r#"Basic realm="a, Bearer scope=x", Bearer error="x\"y", scope=one"#], None, Some("one"));
        check(&["Negotiate abc==, Bearer scope=one"], None, Some("one"));
        check(&["Basic realm=x", r#"Bearer scope="one""#], None, Some("one"));
        check(&["Bearer"], None, None);
        check(&["Bearer scope=one, Bearer scope=two"], None, Some("one"));
        check(&[], None, None);
        check(&[r#"Bearer scope="never closed"#], None, None);
        check(&[r#"DPoP scope="other""#], None, None);
    }

    proptest! {
        #[test]
        fn reading_ends_whatever_is_sent(text in "[ -~]{0,200}") {
            challenges(&text);
        }
    }
}

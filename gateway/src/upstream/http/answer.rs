//! What the head of a response means, before its body is read. Pure.

use http::StatusCode;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// One JSON message.
    Json,
    /// A stream of events.
    Events,
    /// Nothing: the message was taken.
    Taken,
    /// An error; its body may hold a JSON-RPC error that says more.
    Refused(Refusal),
    /// It is somewhere else.
    Elsewhere(String),
    /// Nothing that can be used.
    Useless(String),
}

/// A response that is not a success.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The credential is missing or not good enough (401, 403).
    Credential,
    /// Ask again later (408, 429, 503), if it says so in that many seconds.
    Later(Option<u64>),
    /// The fault is on this side (other 4xx).
    Client,
    /// The fault is on the server's side (other 5xx).
    Server,
}

/// Reads status and headers.
pub(super) fn read<'a>(status: StatusCode, header: impl Fn(&http::HeaderName) -> Option<&'a str>) -> Answer {
    if status.is_redirection() {
        let to: String = header(&http::header::LOCATION).unwrap_or("nowhere").chars().take(200).collect();
        return Answer::Elsewhere(format!(
            "it redirects to `{to}`, and redirects are not followed; set its URL to that"
        ));
    }
    match status.as_u16() {
        401 | 403 => return Answer::Refused(Refusal::Credential),
        408 | 429 | 503 => {
            let after = header(&http::header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
            return Answer::Refused(Refusal::Later(after));
        }
        400..=499 => return Answer::Refused(Refusal::Client),
        500..=599 => return Answer::Refused(Refusal::Server),
        202 | 204 => return Answer::Taken,
        _ => {}
    }
    if header(&http::header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Answer::Useless("its answer is compressed, which was not asked for".to_owned());
    }
    let kind = header(&http::header::CONTENT_TYPE).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => Answer::Json,
        "text/event-stream" => Answer::Events,
        other => {
            let other: String = other.chars().take(100).collect();
            Answer::Useless(format!("it answers with `{other}` instead of JSON; is its URL that of an MCP endpoint?"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, headers: &[(&str, &'static str)]) -> Answer {
        read(StatusCode::from_u16(status).unwrap(), |name| {
            headers.iter().find(|(known, _)| *known == name.as_str()).map(|(_, value)| *value)
        })
    }

    #[test]
    fn success_is_read_by_its_type() {
        assert_eq!(check(200, &[("content-type", "application/json; charset=utf-8")]), Answer::Json);
        assert_eq!(check(200, &[("content-type", "Text/Event-Stream")]), Answer::Events);
        assert_eq!(check(202, &[]), Answer::Taken);
        assert!(matches!(check(200, &[("content-type", "text/html")]), Answer::Useless(_)));
        let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
        assert!(matches!(check(200, &gzip), Answer::Useless(_)));
    }

    #[test]
    fn a_redirect_is_named_and_not_followed() {
        let Answer::Elsewhere(reason) = check(307, &[("location", "http://169.254.169.254/")]) else { panic!() };
        assert!(reason.contains("169.254.169.254") && reason.contains("not followed"));
    }

    #[test]
    fn failures_are_never_success() {
        let json = ("content-type", "application/json");
        assert_eq!(check(401, &[json]), Answer::Refused(Refusal::Credential));
        assert_eq!(check(503, &[json, ("retry-after", "7")]), Answer::Refused(Refusal::Later(Some(7))));
        assert_eq!(check(429, &[("retry-after", "soon")]), Answer::Refused(Refusal::Later(None)));
        assert_eq!(check(404, &[json]), Answer::Refused(Refusal::Client));
        assert_eq!(check(500, &[json]), Answer::Refused(Refusal::Server));
    }
}

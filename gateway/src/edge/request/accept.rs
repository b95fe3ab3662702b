//! Which media types a client sends and takes.

use http::{HeaderMap, header};

/// Whether the client takes event streams.
pub(in crate::edge) fn event_stream(headers: &HeaderMap) -> bool {
    takes(headers, "text", "event-stream")
}

/// Whether the client takes JSON; one that says nothing takes everything.
pub(in crate::edge) fn json(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::ACCEPT) || takes(headers, "application", "json")
}

/// Whether the body is sent as JSON.
pub(in crate::edge) fn sends_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn takes(headers: &HeaderMap, kind: &str, subtype: &str) -> bool {
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    ranges.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';');
        let (left, right) = parts.next().unwrap_or_default().trim().split_once('/').unwrap_or_default();
        let refused = parts.filter_map(|part| part.split_once('=')).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0)
        });
        let is = |text: &str, wanted: &str| text == "*" || text.eq_ignore_ascii_case(wanted);
        !refused && is(left, kind) && is(right, subtype)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(values: &[&'static str]) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        (json(&headers), event_stream(&headers))
    }

    #[test]
    fn ranges_are_read_as_ranges() {
        assert_eq!(check(&["application/json, text/event-stream"]), (true, true));
        assert_eq!(check(&["application/json", "Text/Event-Stream;q=0.5"]), (true, true));
        assert_eq!(check(&["*/*"]), (true, true));
        assert_eq!(check(&["application/*"]), (true, false));
        assert_eq!(check(&["application/json, text/event-stream;q=0"]), (true, false));
        assert_eq!(check(&["application/jsonx", "x-text/event-stream"]), (false, false));
        assert_eq!(check(&[]), (true, false));
    }
}

//! What a subscription to a resource is about (2026-07-28 server/resources, subscriptions).

/// Whether the subscription to `watched` covers `uri`: itself, or what lies within it.
#[must_use]
pub fn covers(watched: &str, uri: &str) -> bool {
    uri.strip_prefix(watched)
        .is_some_and(|rest| rest.is_empty() || watched.ends_with('/') || rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn what_lies_within_is_covered_and_nothing_beside() {
        assert!(
            covers("file:///a", "file:///a") && covers("file:///a", "file:///a/b") && covers("file:///", "file:///a")
        );
        assert!(covers("file:///a", "file:///a?x") && covers("file:///a", "file:///a#x"));
        assert!(!covers("file:///a", "file:///ab") && !covers("file:///a/b", "file:///a") && !covers("file:///a", "x"));
    }
}

//! The paths that are ours.

use control_plane_api::name::Name;
use http::Uri;

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) enum Endpoint {
    /// `/mcp`: Streamable HTTP, all revisions that have it.
    Mcp,
    /// `/sse`: the event stream of HTTP+SSE.
    Sse,
    /// `/messages`: where clients of HTTP+SSE post.
    Messages,
}

/// The endpoint and the project in the path; none for a path that is not ours. Compared as it was sent, so that no two
/// readers can normalise it differently.
pub(super) fn of(uri: &Uri) -> Option<(Endpoint, Option<String>)> {
    let path = uri.path();
    let (path, project) = match path.strip_prefix("/projects/") {
        None => (path.strip_prefix('/')?, None),
        Some(rest) => {
            let (name, last) = rest.split_once('/')?;
            (last, Some(name.to_owned()).filter(|name| name.parse::<Name>().is_ok()))
        }
    };
    if project.is_none() && uri.path().starts_with("/projects/") {
        return None;
    }
    let endpoint = match path {
        "mcp" => Endpoint::Mcp,
        "sse" => Endpoint::Sse,
        "messages" => Endpoint::Messages,
        _ => return None,
    };
    Some((endpoint, project))
}

/// The path by which tokens name the endpoint: that of the stream for both paths of HTTP+SSE.
pub(super) fn endpoint(uri: &Uri, endpoint: Endpoint) -> String {
    let path = uri.path();
    match (endpoint, path.strip_suffix("messages")) {
        (Endpoint::Messages, Some(before)) => format!("{before}sse"),
        _ => path.to_owned(),
    }
}

/// The session in the query.
pub(super) fn session(uri: &Uri) -> Option<String> {
    let mut named = uri.query()?.split('&').filter_map(|pair| pair.strip_prefix("session="));
    match (named.next(), named.next()) {
        (Some(id), None) => Some(id.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_ours_only_to_the_letter() {
        let check = |path: &str| of(&path.parse().unwrap());
        assert_eq!(check("/mcp"), Some((Endpoint::Mcp, None)));
        assert_eq!(check("/sse"), Some((Endpoint::Sse, None)));
        let project = Some("weekly_reports".to_owned());
        assert_eq!(check("/projects/weekly_reports/mcp"), Some((Endpoint::Mcp, project.clone())));
        assert_eq!(check("/projects/weekly_reports/messages?session=1"), Some((Endpoint::Messages, project)));
        for other in [
            "/",
            "//mcp",
            "/mcp/",
            "/x/../mcp",
            "/%6dcp",
            "/mcp;x",
            "/MCP",
            "/projects//mcp",
            "/projects/a/b/mcp",
            "/projects/A/mcp",
            "/projects/a//mcp",
            "/projects/mcp",
        ] {
            assert_eq!(check(other), None, "{other}");
        }
    }

    #[test]
    fn both_paths_of_http_sse_have_one_name() {
        let check = |path: &str| {
            let uri = path.parse().unwrap();
            endpoint(&uri, of(&uri).unwrap().0)
        };
        assert_eq!(check("/projects/a/messages?session=1"), "/projects/a/sse");
        assert_eq!(check("/sse"), "/sse");
        assert_eq!(check("/projects/messages/mcp"), "/projects/messages/mcp");
    }

    #[test]
    fn a_session_is_named_once() {
        let check = |path: &str| session(&path.parse().unwrap());
        assert_eq!(check("/messages?session=ab").as_deref(), Some("ab"));
        assert_eq!(check("/messages?x=1&session=ab").as_deref(), Some("ab"));
        assert_eq!(check("/messages?session=ab&session=cd"), None);
        assert_eq!(check("/messages"), None);
    }
}

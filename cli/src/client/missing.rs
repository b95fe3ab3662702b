//! "No such object" with the name that may have been meant: asked for once something was not found, whatever was to be done.

use super::{Client, listed};
use crate::{failure::Failure, suggest};
use reqwest::Method;
use serde_json::Value;

/// Collections of the API whose members have names, and what one of them is called.
const NAMED: [(&str, &str); 9] = [
    ("servers", "name"),
    ("profiles", "name"),
    ("projects", "name"),
    ("users", "name"),
    ("issuers", "name"),
    ("instances", "name"),
    ("gateways", "name"),
    ("secrets", "name"),
    ("connections", "server"),
];

impl Client {
    /// `failure`, which answered a request for `path`, with a name that is there.
    pub(super) async fn suggest(&self, failure: Failure, path: &str) -> Failure {
        let Some((collection, typed)) = missed(path) else { return failure };
        // Somebody who may not see the list is told no name.
        let Some(names) = self.listed(collection).await else { return failure };
        if names.iter().any(|name| name == typed) {
            return failure;
        }
        let hint = match suggest::closest(typed, names.iter().map(String::as_str)) {
            Some(closest) => format!("did you mean `{closest}`?"),
            None if names.is_empty() => "there is none yet".to_owned(),
            None => format!("there are: {}", listed(names.iter().map(String::as_str))),
        };
        failure.hint(hint)
    }

    /// The names in a collection; none where they cannot be had.
    pub(crate) async fn listed(&self, collection: &str) -> Option<Vec<String>> {
        let (_, member) = NAMED.iter().find(|(name, _)| *name == collection)?;
        let body = self.exchange_unless_absent(self.request(Method::GET, collection)).await.ok()??;
        let Value::Array(all) = serde_json::from_slice(&body).ok()? else { return None };
        let mut names: Vec<String> =
            all.iter().filter_map(|one| Some(one.get(*member)?.as_str()?.to_owned())).collect();
        names.sort();
        names.dedup();
        Some(names)
    }
}

/// The collection and the name in it that `path` is about.
fn missed(path: &str) -> Option<(&'static str, &str)> {
    let mut parts = path.split_once("/api/v1/")?.1.split('/');
    let (collection, name) = (parts.next()?, parts.next()?);
    // What is kept of a server is called as it is.
    let collection = if collection == "pins" { "servers" } else { collection };
    NAMED.iter().find(|(known, _)| *known == collection).map(|(known, _)| (*known, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_was_looked_for() {
        assert_eq!(missed("/api/v1/instances/slak/logs"), Some(("instances", "slak")));
        assert_eq!(missed("/prefix/api/v1/users/ann/tokens/x"), Some(("users", "ann")));
        assert_eq!(missed("/api/v1/pins/slak"), Some(("servers", "slak")));
        assert_eq!(missed("/api/v1/sessions/x"), None);
        assert_eq!(missed("/api/v1/servers"), None);
    }
}

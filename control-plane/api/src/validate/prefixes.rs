//! Within a project every server has its own prefix, so that no two can offer a tool of the same name by chance.

use super::Rules;
use crate::{name::Name, object::ObjectRef, project::ProjectSpec, snapshot::Snapshot};
use std::collections::BTreeMap;

/// Server and prefix behind each profile.
pub(super) type Prefixes<'a> = BTreeMap<&'a Name, (&'a Name, &'a str)>;

/// Those of `snapshot`; profiles of servers that do not exist are left out.
pub(super) fn of(snapshot: &Snapshot) -> Prefixes<'_> {
    let servers: BTreeMap<&Name, &str> = snapshot.servers().map(|(name, spec)| (name, spec.prefix_for(name))).collect();
    let behind = |server: &Name| servers.get_key_value(server).map(|(name, prefix)| (*name, *prefix));
    snapshot.profiles().filter_map(|(profile, spec)| Some((profile, behind(&spec.server)?))).collect()
}

impl Rules<'_> {
    /// No two servers of a project have the same prefix.
    pub(super) fn one_prefix_each(&mut self, object: &ObjectRef, spec: &ProjectSpec) {
        let mut taken: BTreeMap<&str, &Name> = BTreeMap::new();
        let mut messages = Vec::new();
        for (server, prefix) in spec.profiles.iter().filter_map(|profile| self.prefixes.get(profile)) {
            let first = taken.entry(prefix).or_insert(server);
            if first != server {
                let shared = if prefix.is_empty() { "no prefix".to_owned() } else { format!("the prefix `{prefix}`") };
                messages.push(format!(
                    "servers `{first}` and `{server}` both have {shared}, so that their tools could not be told apart: \
                     set another `prefix` at one of them, or put it into a project of its own"
                ));
            }
        }
        messages.dedup();
        for message in messages {
            self.broken(object, "profiles", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::validate;
    use crate::snapshot::Snapshot;
    use serde_json::json;

    /// A project with the servers `one` and `two` of these prefixes, each behind two profiles.
    fn check(prefixes: [Option<&str>; 2], expected: Option<&str>) {
        let mut objects = Vec::new();
        for (server, prefix) in ["one", "two"].into_iter().zip(prefixes) {
            let spec = json!({"transport": {"type": "stdio", "command": "x"}, "prefix": prefix});
            objects.push(json!({"kind": "server", "name": server, "spec": spec}));
            for profile in ["read", "write"] {
                let name = format!("{server}-{profile}");
                objects.push(json!({"kind": "profile", "name": name, "spec": {"server": server}}));
            }
        }
        let profiles = ["one-read", "one-write", "two-read"];
        objects.push(json!({"kind": "project", "name": "p", "spec": {"profiles": profiles}}));
        objects.push(json!({"kind": "project", "name": "q", "spec": {"profiles": ["two-read", "two-write"]}}));
        let objects = serde_json::from_value(objects.into()).unwrap();
        let found = validate(&Snapshot { objects, ..Snapshot::empty() });
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.object.name.as_str() == "p" && found.message.contains(expected), "{found}");
        }
    }

    #[test]
    fn servers_of_one_project_have_prefixes_of_their_own() {
        check([None, None], None);
        check([Some(""), None], None);
        check([Some("x"), Some("y")], None);
        check([Some(""), Some("")], Some("`one` and `two` both have no prefix"));
        check([Some("two"), None], Some("both have the prefix `two`"));
    }
}

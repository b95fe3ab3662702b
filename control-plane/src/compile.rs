//! Objects, token grants and sealed secrets → the snapshot of one gateway. Pure: no clock, no keys, no database.

use crate::store::StoredSecret;
use control_plane_api::{
    access::TokenGrant,
    limits::Limits,
    name::Name,
    object::{Named, Object},
    secret::SecretSpec,
    snapshot::Snapshot,
    timestamp::Timestamp,
};
use std::collections::BTreeSet;

/// The whole configuration at one revision, as it lies in the store.
pub(crate) struct Configuration {
    pub(crate) revision: u64,
    /// Servers, profiles, projects, users and issuers.
    pub(crate) objects: Vec<Object>,
    /// Tokens by user.
    pub(crate) grants: Vec<(Name, TokenGrant)>,
    /// Encrypted.
    pub(crate) secrets: Vec<StoredSecret>,
    /// Digests of the tokens of the gateways that are enrolled.
    pub(crate) gateways: BTreeSet<String>,
}

impl Configuration {
    /// The secrets that some server uses; no other ever leaves.
    pub(crate) fn secrets_in_use(&self) -> impl Iterator<Item = &StoredSecret> {
        let used: BTreeSet<&Name> = self
            .objects
            .iter()
            .filter_map(|object| match object {
                Object::Server(server) => Some(server.spec.transport.secrets()),
                _ => None,
            })
            .flatten()
            .collect();
        self.secrets.iter().filter(move |secret| used.contains(&secret.name))
    }
}

/// The snapshot of a gateway to which `sealed` was sealed.
pub(crate) fn compile(configuration: &Configuration, sealed: Vec<Named<SecretSpec>>, issued_at: Timestamp) -> Snapshot {
    let mut objects = configuration.objects.clone();
    for object in &mut objects {
        if let Object::User(user) = object {
            let own = configuration.grants.iter().filter(|(name, _)| *name == user.name);
            user.spec.tokens = own.map(|(_, grant)| grant.clone()).collect();
        }
    }
    objects.extend(sealed.into_iter().map(Object::Secret));
    objects.sort_by_key(Object::reference);
    Snapshot { revision: configuration.revision, issued_at, objects, limits: Limits::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration() -> Configuration {
        let transport = serde_json::json!({"type": "stdio", "command": "x", "env": {"T": {"secret": "used"}}});
        let objects = serde_json::json!([
            {"kind": "user", "name": "ann", "revision": 1, "spec": {"roles": ["developer"]}},
            {"kind": "user", "name": "bob", "revision": 1, "spec": {}},
            {"kind": "server", "name": "slack", "revision": 4, "spec": {"transport": transport}},
        ]);
        let grant = TokenGrant { id: "t1".to_owned(), digest: "d1".to_owned(), expires_at: None };
        let secret = |name: &str| StoredSecret {
            name: name.parse().unwrap(),
            revision: 3,
            version: 1,
            ciphertext: String::new(),
        };
        Configuration {
            revision: 7,
            objects: serde_json::from_value(objects).unwrap(),
            grants: vec![("ann".parse().unwrap(), grant)],
            secrets: vec![secret("unused"), secret("used")],
            gateways: BTreeSet::new(),
        }
    }

    #[test]
    fn a_snapshot_holds_every_object_in_order_with_grants_and_secrets() {
        let sealed =
            Named { name: "used".parse().unwrap(), revision: 3, spec: SecretSpec { sealed: "box".to_owned() } };
        let snapshot = compile(&configuration(), vec![sealed], Timestamp::from_millis(0));
        insta::assert_json_snapshot!(snapshot.objects);
        assert_eq!(snapshot.revision, 7);
    }

    #[test]
    fn a_secret_that_no_server_uses_stays_here() {
        let configuration = configuration();
        let used: Vec<_> = configuration.secrets_in_use().map(|secret| secret.name.as_str()).collect();
        assert_eq!(used, ["used"]);
    }
}

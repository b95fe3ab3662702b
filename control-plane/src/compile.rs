//! Objects, token grants and sealed secrets → the snapshot of one gateway. Pure: no clock, no keys, no database.

use crate::{
    oauth::Target,
    settings::Addresses,
    store::{StoredConnection, StoredKeySet, StoredSecret},
};
use control_plane_api::{
    access::TokenGrant,
    issuer::IssuerSpec,
    limits::Limits,
    name::Name,
    oauth::{ConnectionSpec, ConnectionState},
    object::{Named, Object},
    pepper::Peppers,
    secret::SecretSpec,
    snapshot::Snapshot,
    timestamp::Timestamp,
};
use issuers::Issuers;
use std::collections::BTreeSet;

/// The whole configuration at one revision, as it lies in the store.
pub(crate) struct Configuration {
    pub(crate) revision: u64,
    /// Servers, profiles, projects, users and issuers.
    pub(crate) objects: Vec<Object>,
    /// Tokens and sessions by user.
    pub(crate) grants: Vec<(Name, TokenGrant)>,
    /// Encrypted.
    pub(crate) secrets: Vec<StoredSecret>,
    /// Encrypted.
    pub(crate) connections: Vec<StoredConnection>,
    /// What was fetched for issuers.
    pub(crate) key_sets: Vec<StoredKeySet>,
    /// Where people give consent, if they can.
    pub(crate) addresses: Option<Addresses>,
    /// Digests of the tokens of the gateways that are enrolled.
    pub(crate) gateways: BTreeSet<String>,
    /// What digests of tokens are keyed with.
    pub(crate) peppers: Peppers,
    /// [`issuers`] of this configuration.
    pub(crate) issuers: Issuers,
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

    /// The connections whose tokens a server may be sent: those made for the server as it is configured now.
    pub(crate) fn connections_in_use(&self) -> impl Iterator<Item = &StoredConnection> {
        let targets: Vec<Target> = self.objects.iter().filter_map(Target::of).collect();
        self.connections.iter().filter(move |connection| {
            connection.state != ConnectionState::Pending
                && connection.holds_tokens()
                && targets.iter().any(|target| target.is_of(connection))
        })
    }
}

/// What was sealed to one gateway.
#[derive(Default)]
pub(crate) struct Sealed {
    pub(crate) secrets: Vec<Named<SecretSpec>>,
    pub(crate) connections: Vec<Named<ConnectionSpec>>,
    pub(crate) peppers: Option<SecretSpec>,
}

/// The snapshot of a gateway to which `sealed` was sealed.
pub(crate) fn compile(configuration: &Configuration, sealed: Sealed, issued_at: Timestamp) -> Snapshot {
    let mut objects = configuration.objects.clone();
    for object in &mut objects {
        match object {
            // To a gateway, nobody may present anything for a user who is shut out.
            Object::User(user) if user.spec.disabled => user.spec.tokens.clear(),
            Object::User(user) => {
                let own = configuration.grants.iter().filter(|(name, _)| *name == user.name);
                user.spec.tokens = own.map(|(_, grant)| grant.clone()).collect();
            }
            Object::Server(server) => {
                if let Some(oauth) = &mut server.spec.oauth {
                    // Of no use to a gateway, and not sealed to it.
                    oauth.client_secret = None;
                    let addresses = configuration.addresses.as_ref().filter(|_| oauth.grant.is_code());
                    oauth.connect_url = addresses.map(|addresses| addresses.connect(&server.name));
                }
            }
            Object::Issuer(issuer) => {
                // Of no use to a gateway.
                issuer.spec.control_plane_audiences.clear();
                add_keys(issuer, &configuration.key_sets);
            }
            _ => {}
        }
    }
    objects.extend(sealed.secrets.into_iter().map(Object::Secret));
    objects.extend(sealed.connections.into_iter().map(Object::Connection));
    objects.sort_by_key(Object::reference);
    let peppers = sealed.peppers;
    Snapshot { revision: configuration.revision, issued_at, objects, peppers, limits: Limits::default() }
}

/// Who speaks for which user by a token of an issuer, for the control plane itself.
pub(crate) fn issuers(configuration: &Configuration) -> Issuers {
    let mut objects = configuration.objects.clone();
    for object in &mut objects {
        if let Object::Issuer(issuer) = object {
            add_keys(issuer, &configuration.key_sets);
        }
    }
    Issuers::compile(&Snapshot { objects, ..Snapshot::empty() })
}

/// Puts what was fetched for `issuer` beside what an administrator wrote.
fn add_keys(issuer: &mut Named<IssuerSpec>, key_sets: &[StoredKeySet]) {
    let fits = |set: &&StoredKeySet| set.issuer == issuer.name && Some(&set.uri) == issuer.spec.jwks_uri.as_ref();
    let fetched: Vec<_> = key_sets.iter().filter(fits).flat_map(|set| set.keys.keys.clone()).collect();
    issuer.spec.jwks.keys.extend(fetched);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(user: &str, url: &str, issuer: &str) -> StoredConnection {
        StoredConnection {
            id: "c1".parse().unwrap(),
            server: "jira".parse().unwrap(),
            user: user.parse().ok(),
            issuer: issuer.to_owned(),
            url: url.to_owned(),
            revision: 6,
            version: 1,
            state: ConnectionState::Connected,
            problem: None,
            scopes: Vec::new(),
            ciphertext: "locked".to_owned(),
            connected_at: None,
            expires_at: None,
            renew_at: None,
            step_ups: 0,
        }
    }

    fn configuration() -> Configuration {
        let transport = serde_json::json!({"type": "stdio", "command": "x", "env": {"T": {"secret": "used"}}});
        let objects = serde_json::json!([
            {"kind": "user", "name": "ann", "revision": 1, "spec": {"roles": ["developer"]}},
            {"kind": "user", "name": "bob", "revision": 1, "spec": {}},
            {"kind": "server", "name": "slack", "revision": 4, "spec": {"transport": transport}},
            {"kind": "server", "name": "jira", "revision": 5, "spec": {
                "transport": {"type": "http", "url": "https://jira.example/mcp"},
                "oauth": {"client_id": "c", "client_secret": "unused", "issuer": "https://as.example"},
            }},
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
            connections: vec![connection("ann", "https://jira.example/mcp", "https://as.example")],
            key_sets: Vec::new(),
            addresses: Addresses::new("https://mcpd.example", None),
            gateways: BTreeSet::new(),
            peppers: Peppers::default(),
            issuers: Issuers::default(),
        }
    }

    #[test]
    fn a_snapshot_holds_every_object_in_order_with_grants_and_secrets() {
        let sealed =
            Named { name: "used".parse().unwrap(), revision: 3, spec: SecretSpec { sealed: "box".to_owned() } };
        let spec = ConnectionSpec {
            server: "jira".parse().unwrap(),
            user: "ann".parse().ok(),
            url: "https://jira.example/mcp".to_owned(),
            sealed: "box".to_owned(),
            expires_at: None,
            scopes: Vec::new(),
        };
        let connection = Named { name: "c1".parse().unwrap(), revision: 6, spec };
        let sealed = Sealed { secrets: vec![sealed], connections: vec![connection], peppers: None };
        let snapshot = compile(&configuration(), sealed, Timestamp::from_millis(0));
        insta::assert_json_snapshot!(snapshot.objects);
        assert_eq!(snapshot.revision, 7);
    }

    #[test]
    fn a_connection_is_used_only_with_the_server_it_was_made_for() {
        let used = |connection: StoredConnection| {
            let configuration = Configuration { connections: vec![connection], ..configuration() };
            configuration.connections_in_use().count() == 1
        };
        let (url, issuer) = ("https://jira.example/mcp", "https://as.example");
        assert!(used(connection("ann", url, issuer)));
        assert!(!used(connection("", url, issuer)), "nobody's, where every user has an own one");
        assert!(!used(connection("ann", "https://jira.example/mcp/", issuer)));
        assert!(!used(connection("ann", url, "https://other.example")));
        let pending = StoredConnection { state: ConnectionState::Pending, ..connection("ann", url, issuer) };
        assert!(!used(pending));
        let wiped = StoredConnection { ciphertext: String::new(), ..connection("ann", url, issuer) };
        assert!(!used(wiped), "the server refused its token for good");
    }

    #[test]
    fn a_secret_that_no_server_uses_stays_here() {
        let configuration = configuration();
        let used: Vec<_> = configuration.secrets_in_use().map(|secret| secret.name.as_str()).collect();
        assert_eq!(used, ["used"]);
    }
}

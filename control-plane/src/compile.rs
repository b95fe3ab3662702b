//! Objects, token grants, instances and keys of issuers → the objects as gateways are told of them. Pure: no clock, no keys, no
//! database.

mod laptop;

use crate::{
    oauth::Target,
    settings::Addresses,
    store::{LaptopSession, StoredConnection, StoredInstance, StoredKeySet, StoredLaptop, StoredSecret},
};
use control_plane_api::{
    access::TokenGrant,
    issuer::IssuerSpec,
    name::Name,
    oauth::ConnectionState,
    object::{Named, Object},
    pepper::Peppers,
    runtime::Runtime,
    server::{ServerSpec, Transport},
    snapshot::Snapshot,
};
use issuers::Issuers;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

pub(crate) use laptop::compile as compile_laptop;

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
    /// What was asked of instances, and where they are reached.
    pub(crate) instances: Vec<StoredInstance>,
    /// Where people give consent, if they can.
    pub(crate) addresses: Option<Addresses>,
    /// Digests of the tokens of the gateways that are enrolled, and whether each is to be drained.
    pub(crate) gateways: BTreeMap<String, bool>,
    /// The local ones among them.
    pub(crate) laptops: Vec<StoredLaptop>,
    /// What they, and clients of theirs, present.
    pub(crate) laptop_sessions: Vec<LaptopSession>,
    /// Where local gateways reach the central one; absent: there is none.
    pub(crate) central_url: Option<Url>,
    /// What digests of tokens are keyed with.
    pub(crate) peppers: Peppers,
    /// [`issuers`] of this configuration.
    pub(crate) issuers: Issuers,
}

impl Configuration {
    /// The secrets that gateways need for some server; no other ever leaves. Those of containers are mcpd's own business.
    pub(crate) fn secrets_in_use(&self) -> impl Iterator<Item = &StoredSecret> {
        let used: BTreeSet<&Name> = self
            .objects
            .iter()
            .filter_map(|object| match object {
                Object::Server(server) => Some(&server.spec),
                _ => None,
            })
            .filter(|spec| spec.runtime.is_process() || matches!(spec.transport, Transport::Http { .. }))
            .flat_map(|spec| spec.transport.secrets())
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

/// What every gateway is told of the objects, in the order of kind and name. What is sealed to each of them comes on top.
///
/// There is no choice among objects by gateway: all are told all of it, so that it is compiled once for all.
pub(crate) fn compile(configuration: &Configuration) -> Vec<Object> {
    let beside = Beside::of(configuration);
    let mut objects: Vec<Object> = configuration.objects.iter().cloned().map(|object| beside.told(object)).collect();
    objects.sort_by_cached_key(Object::reference);
    objects
}

/// What lies in the store beside the objects and is told as part of them.
struct Beside<'a> {
    configuration: &'a Configuration,
    grants: BTreeMap<&'a Name, Vec<&'a TokenGrant>>,
    instances: BTreeMap<&'a Name, &'a StoredInstance>,
}

impl<'a> Beside<'a> {
    fn of(configuration: &'a Configuration) -> Self {
        let mut grants: BTreeMap<&Name, Vec<&TokenGrant>> = BTreeMap::new();
        for (user, grant) in &configuration.grants {
            grants.entry(user).or_default().push(grant);
        }
        let instances = configuration.instances.iter().map(|instance| (&instance.server, instance)).collect();
        Self { configuration, grants, instances }
    }

    fn told(&self, mut object: Object) -> Object {
        match &mut object {
            // To a gateway, nobody may present anything for a user who is shut out.
            Object::User(user) if user.spec.disabled => user.spec.tokens.clear(),
            Object::User(user) => {
                let own = self.grants.get(&user.name).into_iter().flatten();
                user.spec.tokens = own.map(|grant| TokenGrant::clone(grant)).collect();
            }
            Object::Server(server) => {
                let instance = self.instances.get(&server.name);
                server.spec.orders = instance.map(|instance| instance.orders).unwrap_or_default();
                reached(&mut server.spec, instance.and_then(|instance| instance.endpoint.as_deref()));
                if let Some(oauth) = &mut server.spec.oauth {
                    // Of no use to a gateway, and not sealed to it.
                    oauth.client_secret = None;
                    let addresses = self.configuration.addresses.as_ref().filter(|_| oauth.grant.is_code());
                    oauth.connect_url = addresses.map(|addresses| addresses.connect(&server.name));
                }
            }
            Object::Issuer(issuer) => {
                // Of no use to a gateway.
                issuer.spec.control_plane_audiences.clear();
                issuer.spec.device_client_id = None;
                issuer.spec.device_scopes = vec!["openid".to_owned()];
                add_keys(issuer, &self.configuration.key_sets);
            }
            _ => {}
        }
        object
    }
}

/// Who speaks for which user by a token of an issuer, for the control plane itself.
pub(crate) fn issuers(configuration: &Configuration) -> Issuers {
    let of_identity = |object: &&Object| matches!(object, Object::Issuer(_) | Object::User(_));
    let mut objects: Vec<Object> = configuration.objects.iter().filter(of_identity).cloned().collect();
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

/// What gateways are told of a server that runs in an engine of ours: the URL of its endpoint, as if somebody else ran it.
/// Without one the server stays as it is, but for what only its container needs, and gateways answer that it does not run.
fn reached(spec: &mut ServerSpec, endpoint: Option<&str>) {
    let (Runtime::Docker(container) | Runtime::Kubernetes(container)) = &mut spec.runtime else { return };
    container.env.clear();
    if let Transport::Stdio { env, .. } = &mut spec.transport {
        env.clear();
    }
    let Some(endpoint) = endpoint.filter(|_| spec.desired.is_running()) else { return };
    spec.transport = match std::mem::replace(&mut spec.transport, http(endpoint)) {
        Transport::Stdio { .. } => http(endpoint),
        Transport::Http { headers, sse, .. } => Transport::Http { url: endpoint.to_owned(), headers, sse },
    };
    spec.runtime = Runtime::Process;
    spec.orders.restarts = 0;
}

fn http(url: &str) -> Transport {
    Transport::Http { url: url.to_owned(), headers: BTreeMap::new(), sse: false }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use control_plane_api::runtime::RuntimeKind;

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

    pub(crate) fn configuration() -> Configuration {
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
            instances: Vec::new(),
            addresses: Addresses::new("https://mcpd.example", None),
            gateways: BTreeMap::new(),
            laptops: Vec::new(),
            laptop_sessions: Vec::new(),
            central_url: None,
            peppers: Peppers::default(),
            issuers: Issuers::default(),
        }
    }

    #[test]
    fn gateways_are_told_every_object_in_order_with_grants() {
        insta::assert_json_snapshot!(compile(&configuration()));
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

    fn in_a_container(endpoint: Option<&str>, desired: &str) -> (Configuration, serde_json::Value) {
        let transport = serde_json::json!({"type": "stdio", "command": "x", "env": {"T": {"secret": "used"}}});
        let runtime = serde_json::json!({"type": "docker", "image": "y@sha256:0"});
        let spec = serde_json::json!({"transport": transport, "runtime": runtime, "desired": desired});
        let server = serde_json::json!([{"kind": "server", "name": "slack", "spec": spec}]);
        let instance = StoredInstance::new("slack".parse().unwrap(), RuntimeKind::Docker);
        let configuration = Configuration {
            objects: serde_json::from_value(server).unwrap(),
            instances: vec![StoredInstance { endpoint: endpoint.map(str::to_owned), ..instance }],
            connections: Vec::new(),
            ..configuration()
        };
        let spec = serde_json::to_value(&compile(&configuration)[0]).unwrap()["spec"].clone();
        (configuration, spec)
    }

    #[test]
    fn gateways_are_told_where_a_container_is_and_nothing_of_its_secrets() {
        let url = "http://127.0.0.1:49153/mcp";
        let (configuration, spec) = in_a_container(Some(url), "running");
        assert_eq!(spec, serde_json::json!({"transport": {"type": "http", "url": url}}));
        assert_eq!(configuration.secrets_in_use().count(), 0);
        for (endpoint, desired) in [(None, "running"), (Some(url), "stopped")] {
            let (_, spec) = in_a_container(endpoint, desired);
            assert_eq!(spec["transport"], serde_json::json!({"type": "stdio", "command": "x"}));
            assert_eq!(spec["runtime"]["type"], "docker");
        }
    }

    #[test]
    fn a_secret_that_no_server_uses_stays_here() {
        let configuration = configuration();
        let used: Vec<_> = configuration.secrets_in_use().map(|secret| secret.name.as_str()).collect();
        assert_eq!(used, ["used"]);
    }
}

//! The REST client of mcpd: one method per route the CLI uses. It knows paths and types, not what commands want.

mod curl;
pub(crate) mod http;
mod missing;
mod objects;
mod reply;
pub(crate) mod wire;

pub(crate) use wire::Wire;

use crate::{
    failure::{Failure, Status},
    home::{Home, Token},
    suggest,
};
use control_plane_api::{
    access::{
        IssuedToken, LoginMethods, LoginRequest, OpenedSession, PasswordChange, RoleSummary, SessionSummary,
        TokenRequest, TokenSummary, UserSpec, WhoAmI,
    },
    apply::{ApplyReply, ApplyRequest},
    audit::{AuditEvent, AuditPage, RecordPage, receipt::SignedText},
    gateway::{ControlPlaneStatus, GatewayOrder, GatewaySummary, JoinToken, JoinTokenRequest},
    instance::{InstanceLogs, InstanceOrder, InstanceStatus, InstanceTest},
    issuer::IssuerSpec,
    laptop::{LaptopGrant, LaptopRequest},
    name::Name,
    oauth::{ConnectLink, ConnectRequest, ConnectionSummary},
    object::{Kind, Named, Object, ObjectRef},
    pin::{Approval, PinSpec},
    profile::ProfileSpec,
    project::ProjectSpec,
    secret::{KeyStatus, RewrapReply, RewrapRequest, Secret, SecretSummary, SecretValue},
    server::ServerSpec,
    timestamp::Timestamp,
};
use reqwest::{Method, RequestBuilder, header::IF_MATCH};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;
use url::Url;

/// A connection to one control plane with one token.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Token,
    wire: Wire,
}

impl Client {
    /// A client of the control plane at `base` with the token `home` has for it.
    pub(crate) fn new(home: &Home, base: Url, wire: &Wire) -> Result<Self, Failure> {
        let token = home.token(&base)?;
        Self::presenting(base, token, wire)
    }

    /// The same with `token`, which was just typed.
    pub(crate) fn with_token(base: Url, token: &Secret, wire: &Wire) -> Result<Self, Failure> {
        Self::presenting(base, Token { text: token.clone(), origin: "login".to_owned() }, wire)
    }

    fn presenting(base: Url, token: Token, wire: &Wire) -> Result<Self, Failure> {
        Ok(Self { http: wire.http(&base)?, base, token, wire: wire.clone() })
    }

    /// The same, for who has no time: requests end after `timeout`, and none is repeated.
    pub(crate) fn quickly(self, timeout: Duration) -> Result<Self, Failure> {
        let wire = Wire { each: timeout, retries: 0, ..self.wire };
        Ok(Self { http: wire.http(&self.base)?, wire, ..self })
    }

    /// Where the control plane is.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// `GET /api/v1/status`.
    pub(crate) async fn status(&self) -> Result<ControlPlaneStatus, Failure> {
        self.get("status", &[]).await
    }

    /// `GET /api/v1/whoami`.
    pub(crate) async fn whoami(&self) -> Result<WhoAmI, Failure> {
        self.get("whoami", &[]).await
    }

    /// `GET /api/v1/roles`.
    pub(crate) async fn roles(&self) -> Result<Vec<RoleSummary>, Failure> {
        self.get("roles", &[]).await
    }

    /// `GET /api/v1/{kind}s`.
    pub(crate) async fn objects<S: Spec>(&self) -> Result<Vec<Named<S>>, Failure> {
        self.get(&format!("{}s", S::KIND), &[]).await
    }

    /// `GET /api/v1/{kind}s/{name}`; none when it does not exist.
    pub(crate) async fn object<S: Spec>(&self, name: &Name) -> Result<Option<Named<S>>, Failure> {
        self.find(&format!("{}s/{name}", S::KIND)).await
    }

    /// Like [`Self::object`], but what is not there is a failure that suggests a name that is.
    pub(crate) async fn existing<S: Spec>(&self, name: &Name) -> Result<Named<S>, Failure> {
        match self.object(name).await? {
            Some(object) => Ok(object),
            None => Err(unknown(S::KIND, name, &self.names::<S>().await?)),
        }
    }

    /// The names of all objects of a kind.
    pub(crate) async fn names<S: Spec>(&self) -> Result<Vec<Name>, Failure> {
        Ok(self.objects::<S>().await?.into_iter().map(|object| object.name).collect())
    }

    /// `POST /api/v1/apply`.
    pub(crate) async fn apply(&self, objects: Vec<Object>, dry_run: bool) -> Result<ApplyReply, Failure> {
        let request = self.request(Method::POST, "apply").json(&ApplyRequest { objects, dry_run });
        self.send(request).await
    }

    /// `DELETE /api/v1/{kind}s/{name}`.
    pub(crate) async fn delete(&self, object: &ObjectRef) -> Result<(), Failure> {
        self.send_for_nothing(self.request(Method::DELETE, &format!("{}s/{}", object.kind, object.name))).await
    }

    /// `DELETE /api/v1/{kind}s/{name}?dry_run=true`: fails as [`Self::delete`] would. The precondition never holds: a control plane
    /// that does not know the question deletes nothing.
    pub(crate) async fn try_delete(&self, object: &ObjectRef) -> Result<(), Failure> {
        let mut url = self.url(&format!("{}s/{}", object.kind, object.name));
        url.set_query(Some("dry_run=true"));
        let request = self.http.delete(url).bearer_auth(self.token.text.expose());
        self.send_for_nothing(request.header(IF_MATCH, "\"0\"")).await
    }

    /// `PUT /api/v1/secrets/{name}`.
    pub(crate) async fn put_secret(&self, name: &Name, value: &Secret) -> Result<SecretSummary, Failure> {
        let value = SecretValue { value: value.expose().to_owned() };
        self.send(self.request(Method::PUT, &format!("secrets/{name}")).json(&value)).await
    }

    /// `GET /api/v1/master-keys`.
    pub(crate) async fn master_keys(&self) -> Result<KeyStatus, Failure> {
        self.get("master-keys", &[]).await
    }

    /// `POST /api/v1/master-keys`.
    pub(crate) async fn renew_master_key(&self) -> Result<KeyStatus, Failure> {
        self.send(self.request(Method::POST, "master-keys")).await
    }

    /// `POST /api/v1/master-keys/rewrap`.
    pub(crate) async fn rewrap(&self, after: Option<String>) -> Result<RewrapReply, Failure> {
        self.send(self.request(Method::POST, "master-keys/rewrap").json(&RewrapRequest { after })).await
    }

    /// `DELETE /api/v1/master-keys/older`.
    pub(crate) async fn forget_older_master_keys(&self) -> Result<KeyStatus, Failure> {
        self.send(self.request(Method::DELETE, "master-keys/older")).await
    }

    /// `GET /api/v1/secrets`: names, never values.
    pub(crate) async fn secrets(&self) -> Result<Vec<SecretSummary>, Failure> {
        self.get("secrets", &[]).await
    }

    /// `GET /api/v1/instances`.
    pub(crate) async fn instances(&self) -> Result<Vec<InstanceStatus>, Failure> {
        self.get("instances", &[]).await
    }

    /// `GET /api/v1/instances/{name}`.
    pub(crate) async fn instance(&self, name: &Name) -> Result<Vec<InstanceStatus>, Failure> {
        self.get(&format!("instances/{name}"), &[]).await
    }

    /// `POST /api/v1/instances/{name}/start`, `…/stop` or `…/restart`.
    pub(crate) async fn order_instance(&self, name: &Name, order: &str) -> Result<InstanceOrder, Failure> {
        self.send(self.request(Method::POST, &format!("instances/{name}/{order}"))).await
    }

    /// `GET /api/v1/instances/{name}/logs`.
    pub(crate) async fn instance_logs(
        &self,
        name: &Name,
        tail: u16,
        since: Option<Timestamp>,
    ) -> Result<Vec<InstanceLogs>, Failure> {
        let mut query = vec![("tail", tail.to_string())];
        query.extend(since.map(|since| ("since", since.to_string())));
        self.get(&format!("instances/{name}/logs"), &query).await
    }

    /// `POST /api/v1/instances/{name}/test`.
    pub(crate) async fn test_instance(&self, name: &Name) -> Result<Vec<InstanceTest>, Failure> {
        self.send(self.request(Method::POST, &format!("instances/{name}/test"))).await
    }

    /// `GET /api/v1/gateways`.
    pub(crate) async fn gateways(&self) -> Result<Vec<GatewaySummary>, Failure> {
        self.get("gateways", &[]).await
    }

    /// Those of [`Self::gateways`] that serve everybody. A developer's own comes and goes with a laptop, is not waited for, and
    /// has projects where others have servers.
    pub(crate) async fn serving_gateways(&self) -> Result<Vec<GatewaySummary>, Failure> {
        let mut all = self.gateways().await?;
        all.retain(|gateway| gateway.owner.is_none());
        Ok(all)
    }

    /// `GET /api/v1/gateways/{name}`; none when it never enrolled.
    pub(crate) async fn gateway(&self, name: &str) -> Result<Option<GatewaySummary>, Failure> {
        self.find(&format!("gateways/{name}")).await
    }

    /// Like [`Self::gateway`], but one that is not there is a failure that suggests a name that is.
    pub(crate) async fn existing_gateway(&self, name: &Name) -> Result<GatewaySummary, Failure> {
        match self.gateway(name.as_str()).await? {
            Some(gateway) => Ok(gateway),
            None => {
                let names: Vec<Name> = self.gateways().await?.into_iter().map(|gateway| gateway.name).collect();
                Err(suggesting("gateway", name, &names, "let one join with `mcpctl gateway join-token NAME`"))
            }
        }
    }

    /// `POST /api/v1/gateways/{name}/drain` or `…/resume`.
    pub(crate) async fn order_gateway(&self, name: &Name, order: &str) -> Result<GatewayOrder, Failure> {
        self.send(self.request(Method::POST, &format!("gateways/{name}/{order}"))).await
    }

    /// `DELETE /api/v1/gateways/{name}`.
    pub(crate) async fn delete_gateway(&self, name: &Name) -> Result<(), Failure> {
        self.send_for_nothing(self.request(Method::DELETE, &format!("gateways/{name}"))).await
    }

    /// `GET /api/v1/pins/{server}`; none when there is no such server.
    pub(crate) async fn pins(&self, server: &Name) -> Result<Option<Named<PinSpec>>, Failure> {
        self.find(&format!("pins/{server}")).await
    }

    /// `POST /api/v1/pins/{server}`.
    pub(crate) async fn approve(&self, server: &Name, approval: &Approval) -> Result<Named<PinSpec>, Failure> {
        self.send(self.request(Method::POST, &format!("pins/{server}")).json(approval)).await
    }

    /// `POST /api/v1/join-tokens`.
    pub(crate) async fn join_token(&self, gateway: Name, expires_in_s: i64) -> Result<JoinToken, Failure> {
        let body = JoinTokenRequest { gateway, expires_in_s };
        self.send(self.request(Method::POST, "join-tokens").json(&body)).await
    }

    /// `GET /api/v1/audit`.
    pub(crate) async fn audit(&self, query: &[(&str, String)]) -> Result<Vec<AuditEvent>, Failure> {
        Ok(self.get::<AuditPage>("audit", query).await?.events)
    }

    /// `GET /api/v1/audit/heads`: where every chain ends, signed.
    pub(crate) async fn audit_heads(&self) -> Result<SignedText, Failure> {
        self.get("audit/heads", &[]).await
    }

    /// `GET /api/v1/audit/records`: at most `limit` records of `gateway` behind the position `after`.
    pub(crate) async fn audit_records(
        &self,
        gateway: &Name,
        (epoch, seq): (u64, u64),
        limit: u32,
    ) -> Result<Vec<String>, Failure> {
        let query = [
            ("gateway", gateway.to_string()),
            ("epoch", epoch.to_string()),
            ("seq", seq.to_string()),
            ("limit", limit.to_string()),
        ];
        Ok(self.get::<RecordPage>("audit/records", &query).await?.records)
    }

    /// `GET /api/v1/users/{user}/tokens`.
    pub(crate) async fn tokens(&self, user: &Name) -> Result<Vec<TokenSummary>, Failure> {
        self.get(&format!("users/{user}/tokens"), &[]).await
    }

    /// `POST /api/v1/users/{user}/tokens`.
    pub(crate) async fn create_token(&self, user: &Name, request: &TokenRequest) -> Result<IssuedToken, Failure> {
        self.send(self.request(Method::POST, &format!("users/{user}/tokens")).json(request)).await
    }

    /// `DELETE /api/v1/users/{user}/tokens/{id}`.
    pub(crate) async fn revoke_token(&self, user: &Name, id: &str) -> Result<(), Failure> {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        self.send_for_nothing(self.request(Method::DELETE, &format!("users/{user}/tokens/{id}"))).await
    }

    /// `GET /api/v1/login`; nothing where the control plane is too old to say.
    pub(crate) async fn login_methods(&self) -> Result<LoginMethods, Failure> {
        match self.send(self.http.get(self.url("login"))).await {
            Err(failure) if matches!(failure.status, Status::NotFound | Status::Unauthenticated) => {
                Ok(LoginMethods::default())
            }
            told => told,
        }
    }

    /// `POST /api/v1/laptops`.
    pub(crate) async fn allow_laptop(&self, host: String) -> Result<LaptopGrant, Failure> {
        self.send(self.request(Method::POST, "laptops").json(&LaptopRequest { host })).await
    }

    /// `DELETE /api/v1/laptops/{name}`; whether there was one.
    pub(crate) async fn end_laptop(&self, name: &Name) -> Result<bool, Failure> {
        let request = self.request(Method::DELETE, &format!("laptops/{name}"));
        Ok(self.exchange_unless_absent(request).await?.is_some())
    }

    /// `POST /api/v1/sessions`.
    pub(crate) async fn log_in(&self, request: &LoginRequest) -> Result<OpenedSession, Failure> {
        self.send(self.http.post(self.url("sessions")).json(request)).await
    }

    /// `GET /api/v1/sessions`.
    pub(crate) async fn sessions(&self) -> Result<Vec<SessionSummary>, Failure> {
        self.get("sessions", &[]).await
    }

    /// `DELETE /api/v1/sessions/{id}`.
    pub(crate) async fn end_session(&self, id: &str) -> Result<(), Failure> {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        self.send_for_nothing(self.request(Method::DELETE, &format!("sessions/{id}"))).await
    }

    /// `PUT /api/v1/users/{user}/password`.
    pub(crate) async fn put_password(&self, user: &Name, change: &PasswordChange) -> Result<(), Failure> {
        self.send_for_nothing(self.request(Method::PUT, &format!("users/{user}/password")).json(change)).await
    }

    /// `GET /api/v1/connections`.
    pub(crate) async fn connections(&self) -> Result<Vec<ConnectionSummary>, Failure> {
        self.get("connections", &[]).await
    }

    /// `DELETE /api/v1/connections/{id}`.
    pub(crate) async fn delete_connection(&self, id: &Name) -> Result<(), Failure> {
        self.send_for_nothing(self.request(Method::DELETE, &format!("connections/{id}"))).await
    }

    /// `POST /api/v1/connections/{server}/ticket`.
    pub(crate) async fn connect_link(&self, server: &Name, scopes: Vec<String>) -> Result<ConnectLink, Failure> {
        let body = ConnectRequest { scopes };
        self.send(self.request(Method::POST, &format!("connections/{server}/ticket")).json(&body)).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.http.get(url).bearer_auth(self.token.text.expose())).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(self.token.text.expose())
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let body = self.exchange(request).await?;
        self.read(&body)
    }

    async fn send_for_nothing(&self, request: RequestBuilder) -> Result<(), Failure> {
        self.exchange(request).await.map(drop)
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        let request = request.build().map_err(|error| Failure::failed(error.to_string()))?;
        let path = request.url().path().to_owned();
        match self.wire.exchange(&self.http, request, &self.base, &self.token.origin).await {
            Err(failure) if failure.status == Status::NotFound => Err(self.suggest(failure, &path).await),
            told => told,
        }
    }

    /// The body of an answer; none where there is nothing at the path.
    async fn exchange_unless_absent(&self, request: RequestBuilder) -> Result<Option<Vec<u8>>, Failure> {
        let request = request.build().map_err(|error| Failure::failed(error.to_string()))?;
        match self.wire.exchange(&self.http, request, &self.base, &self.token.origin).await {
            Ok(body) => Ok(Some(body)),
            Err(failure) if failure.status == Status::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// `GET` of something that may not be there.
    async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let body = self.exchange_unless_absent(self.request(Method::GET, path)).await?;
        body.map(|body| self.read(&body)).transpose()
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|error| {
            Failure::failed(format!("the answer of `{}` is not understood: {error}", self.base))
                .hint("compare the versions with `mcpctl version`")
        })
    }
}

/// The spec of a kind of object that has routes of its own.
pub(crate) trait Spec: DeserializeOwned {
    /// Which kind.
    const KIND: Kind;
}

impl Spec for ServerSpec {
    const KIND: Kind = Kind::Server;
}
impl Spec for ProfileSpec {
    const KIND: Kind = Kind::Profile;
}
impl Spec for ProjectSpec {
    const KIND: Kind = Kind::Project;
}
impl Spec for UserSpec {
    const KIND: Kind = Kind::User;
}
impl Spec for IssuerSpec {
    const KIND: Kind = Kind::Issuer;
}

/// There is no `kind` called `name` among `names`.
pub(crate) fn unknown(kind: Kind, name: &Name, names: &[Name]) -> Failure {
    let none = match kind {
        Kind::Server | Kind::Profile => "there is none yet: `mcpctl setup slack` makes some",
        _ => "there is none yet",
    };
    suggesting(&kind.to_string(), name, names, none)
}

/// The same of whatever is called a `kind`; `none` is what to do where there is none.
fn suggesting(kind: &str, name: &Name, names: &[Name], none: &str) -> Failure {
    let failure = Failure::not_found(format!("{kind} `{name}` does not exist"));
    match suggest::closest(name.as_str(), names.iter().map(Name::as_str)) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None if names.is_empty() => failure.hint(none),
        None => failure.hint(format!("there are: {}", listed(names.iter().map(Name::as_str)))),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 12;
    let shown: Vec<&str> = names.take(SHOWN_MAX + 1).collect();
    let more = if shown.len() > SHOWN_MAX { ", …" } else { "" };
    shown.get(..SHOWN_MAX).unwrap_or(&shown).join(", ") + more
}

/// Serialises one query parameter the way the wire spells it.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

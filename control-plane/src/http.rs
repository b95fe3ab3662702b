//! The REST API: every route on one page, with what it asks of its caller and what it takes and gives.
//!
//! The same table makes the router, the access check of every request and the OpenAPI document, so that none of the
//! three can forget a route. Paths that are not here answer 404, and only to those who show a token.

mod addressed;
mod apply;
mod audit;
mod authenticate;
mod body;
mod connections;
mod enrol;
mod gateways;
mod instances;
mod laptops;
mod master_keys;
mod objects;
pub mod openapi;
mod pages;
mod pins;
mod precondition;
mod problem;
mod request_id;
mod roles;
pub mod route;
mod secrets;
mod service;
mod sessions;
mod users;

use crate::{
    identity::{
        Access::{Administer, Anyone, Gateway, Inspect, Join, Member, Open, Operate, Read},
        Logins, Uses,
    },
    instances::Instances,
    metrics::{self, Metrics},
    oauth::OauthClient,
    publish::Published,
    secrets::Keys,
    store::Store,
};
pub(crate) use addressed::{Addressed, LOOPBACK_HOSTS, check as check_addressed};
use axum::{Router, extract::Request, middleware};
use control_plane_api::{
    access::{
        IssuedToken, LoginMethods, LoginRequest, OpenedSession, PasswordChange, RoleSummary, SessionSummary,
        TokenRequest, TokenSummary, UserSpec, WhoAmI,
    },
    apply::{ApplyReply, ApplyRequest},
    audit::{AuditBatch, AuditPage, RecordPage, receipt::SignedText},
    gateway::{
        ControlPlaneStatus, EnrolReply, EnrolRequest, GatewayOrder, GatewayStatus, GatewaySummary, JoinToken,
        JoinTokenRequest,
    },
    instance::{InstanceLogs, InstanceOrder, InstanceStatus, InstanceTest},
    issuer::IssuerSpec,
    laptop::{LaptopGrant, LaptopRequest},
    oauth::{ConnectLink, ConnectRequest, ConnectionSummary, TokenRefusal, TokenRefusalReply},
    pin::{Approval, PinReport, PinSpec},
    profile::ProfileSpec,
    project::ProjectSpec,
    secret::{KeyStatus, RewrapReply, RewrapRequest, SecretSummary, SecretValue},
    server::ServerSpec,
    snapshot::SignedEvent,
    timestamp::Timestamp,
};
use problem::ApiError;
use route::{Route, SchemaOf, Shape, delete, get, many, one, post, put};
use std::sync::Arc;

/// What every route may use.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) keys: Arc<Keys>,
    pub(crate) published: Published,
    pub(crate) oauth: OauthClient,
    pub(crate) instances: Instances,
    pub(crate) logins: Arc<Logins>,
    pub(crate) uses: Uses,
    pub(crate) metrics: Metrics,
    pub(crate) started_at: Timestamp,
}

/// Every route there is.
#[must_use]
pub fn routes() -> Vec<Route> {
    [
        service_routes(),
        object_routes(),
        instance_routes(),
        account_routes(),
        connection_routes(),
        gateway_routes(),
        laptop_routes(),
        audit_routes(),
    ]
    .concat()
}

fn service_routes() -> Vec<Route> {
    vec![
        get("/healthz", Open, service::healthz, "Whether the process runs").answers(204, Shape::Nothing),
        get("/readyz", Open, service::readyz, "Whether the database answers").answers(204, Shape::Nothing),
        get("/api/v1/openapi.json", Open, service::openapi, "This document").answers(200, Shape::Anything),
        get("/api/v1/status", Anyone, service::status, "Version, store and revision")
            .answers(200, one::<ControlPlaneStatus>()),
        get("/api/v1/whoami", Anyone, service::whoami, "Who the caller is").answers(200, one::<WhoAmI>()),
        get("/api/v1/roles", Anyone, roles::list, "What each role may do").answers(200, many::<RoleSummary>()),
    ]
}

fn object_routes() -> Vec<Route> {
    let mut routes = Vec::new();
    routes.extend(objects::routes_of::<ServerSpec>(["/api/v1/servers", "/api/v1/servers/{name}"], Read, Operate));
    routes.extend(objects::routes_of::<ProfileSpec>(["/api/v1/profiles", "/api/v1/profiles/{name}"], Read, Operate));
    routes.extend(objects::routes_of::<ProjectSpec>(["/api/v1/projects", "/api/v1/projects/{name}"], Member, Operate));
    routes.extend(objects::routes_of::<UserSpec>(["/api/v1/users", "/api/v1/users/{name}"], Inspect, Administer));
    // Who says who somebody is decides what everybody may do: administrators only.
    routes.extend(objects::routes_of::<IssuerSpec>(["/api/v1/issuers", "/api/v1/issuers/{name}"], Read, Administer));
    routes.extend(pin_routes());
    routes.push(
        post("/api/v1/apply", Operate, apply::apply, "Create or change many objects, all or none")
            .takes(one::<ApplyRequest>())
            .answers(200, one::<ApplyReply>()),
    );
    routes
}

fn instance_routes() -> Vec<Route> {
    let statuses = || many::<InstanceStatus>();
    let ordered = || one::<InstanceOrder>();
    let [single, start, stop, restart, logs, test] = [
        "/api/v1/instances/{name}",
        "/api/v1/instances/{name}/start",
        "/api/v1/instances/{name}/stop",
        "/api/v1/instances/{name}/restart",
        "/api/v1/instances/{name}/logs",
        "/api/v1/instances/{name}/test",
    ];
    vec![
        get("/api/v1/instances", Read, instances::list, "How the servers that are run here are")
            .answers(200, statuses()),
        get(single, Read, instances::read, "The instances of one server, one for each place it runs at")
            .answers(200, statuses()),
        post(start, Operate, instances::start, "Want a server to run").answers(200, ordered()),
        post(stop, Operate, instances::stop, "Want a server not to run").answers(200, ordered()),
        post(restart, Operate, instances::restart, "Start a server anew").answers(200, ordered()),
        // What a server writes is not told to whoever may read the configuration.
        get(logs, Operate, instances::logs, "What the instances of a server wrote last")
            .asks("tail", "Number of lines of each, 1 to 1000; 100 by default")
            .asks("since", "Only lines written at this time or later, RFC 3339")
            .answers(200, many::<InstanceLogs>()),
        post(test, Operate, instances::test, "Ask a server now what it is and which tools it has")
            .answers(200, many::<InstanceTest>()),
    ]
}

fn pin_routes() -> [Route; 2] {
    let pins = || Shape::One(SchemaOf::of_named::<PinSpec>());
    [
        get("/api/v1/pins/{name}", Read, pins::read, "Which definitions of a server's tools are trusted")
            .answers(200, pins()),
        post("/api/v1/pins/{name}", Operate, pins::approve, "Approve definitions that gateways find now, all or none")
            .takes(one::<Approval>())
            .answers(200, pins()),
    ]
}

fn account_routes() -> Vec<Route> {
    vec![
        get(
            "/api/v1/users/{name}/tokens",
            Inspect,
            users::list_tokens,
            "The tokens of a user, never the tokens themselves",
        )
        .answers(200, many::<TokenSummary>()),
        post("/api/v1/users/{name}/tokens", Administer, users::issue_token, "Issue a token, shown this once")
            .takes(one::<TokenRequest>())
            .answers(201, one::<IssuedToken>()),
        delete("/api/v1/users/{name}/tokens/{id}", Administer, users::delete_token, "End a token")
            .answers(204, Shape::Nothing),
        put(
            "/api/v1/users/{name}/password",
            Anyone,
            sessions::put_password,
            "Set, change or remove a password: one's own, or as administrator anybody's. Every session of the user ends",
        )
        .takes(one::<PasswordChange>())
        .answers(204, Shape::Nothing),
        get("/api/v1/login", Open, sessions::methods, "How people may log in").answers(200, one::<LoginMethods>()),
        post(
            "/api/v1/sessions",
            Open,
            sessions::log_in,
            "Log in with a password, or with a token of an issuer; the session's token is shown this once",
        )
            .takes(one::<LoginRequest>())
            .answers(201, one::<OpenedSession>()),
        get("/api/v1/sessions", Anyone, sessions::list, "The sessions: one's own, or all")
            .answers(200, many::<SessionSummary>()),
        delete("/api/v1/sessions/{id}", Anyone, sessions::end, "End a session; `current` is the one that is presented")
            .answers(204, Shape::Nothing),
        get("/api/v1/secrets", Read, secrets::list, "The names of the secrets, never their values")
            .answers(200, many::<SecretSummary>()),
        put("/api/v1/secrets/{name}", Administer, secrets::put, "Set a secret")
            .takes(one::<SecretValue>())
            .answers(201, one::<SecretSummary>())
            .answers(200, one::<SecretSummary>()),
        delete("/api/v1/secrets/{name}", Administer, secrets::delete, "Remove a secret that no server uses")
            .asks("dry_run", objects::DRY_RUN)
            .answers(204, Shape::Nothing),
        get(
            "/api/v1/master-keys",
            Administer,
            master_keys::status,
            "The master keys and what is under them, never the keys",
        )
        .answers(200, one::<KeyStatus>()),
        post("/api/v1/master-keys", Administer, master_keys::renew, "Make a new current master key")
            .answers(201, one::<KeyStatus>()),
        post(
            "/api/v1/master-keys/rewrap",
            Administer,
            master_keys::rewrap,
            "Put the next values under the current key",
        )
        .takes(one::<RewrapRequest>())
        .answers(200, one::<RewrapReply>()),
        delete("/api/v1/master-keys/older", Administer, master_keys::forget, "Forget older keys that nothing is under")
            .answers(200, one::<KeyStatus>()),
    ]
}

fn connection_routes() -> Vec<Route> {
    vec![
        get("/api/v1/connections", Member, connections::list, "The connections to servers: one's own, or all")
            .answers(200, many::<ConnectionSummary>()),
        delete("/api/v1/connections/{name}", Member, connections::delete, "End a connection, by its id")
            .answers(204, Shape::Nothing),
        post("/api/v1/connections/{name}/ticket", Member, connections::issue_ticket, "A link to connect a server")
            .takes(one::<ConnectRequest>())
            .answers(201, one::<ConnectLink>()),
        get("/connect/{name}", Open, pages::connect, "The page on which a person connects a server")
            .asks("ticket", "For whom the link was made, and which scopes the server asked for")
            .asks("scope", "Without a ticket: scopes to ask for, separated by spaces")
            .answers(200, Shape::Page),
        post("/connect/{name}", Open, pages::agree, "Agreeing on that page").answers(200, Shape::Page),
        post("/login", Open, pages::login, "Logging a browser in with a password or a token").answers(303, Shape::Page),
        post("/logout", Open, pages::logout, "Logging a browser out").answers(200, Shape::Page),
        get("/oauth/callback", Open, pages::callback, "Where authorization servers send browsers back to")
            .asks("state", "Which question this answers")
            .asks("code", "What the tokens are given for")
            .asks("iss", "Who answers")
            .asks("error", "Why there is no code")
            .answers(200, Shape::Page),
        get("/oauth/client.json", Open, pages::client, "mcpctl as authorization servers may know it")
            .answers(200, Shape::Anything),
    ]
}

fn gateway_routes() -> Vec<Route> {
    vec![
        post("/api/v1/join-tokens", Administer, enrol::issue_join_token, "Allow one gateway to enrol, once")
            .takes(one::<JoinTokenRequest>())
            .answers(201, one::<JoinToken>()),
        get("/api/v1/gateways", Read, gateways::list, "The gateways and what they last reported")
            .answers(200, many::<GatewaySummary>()),
        get("/api/v1/gateways/{name}", Read, gateways::read, "One gateway").answers(200, one::<GatewaySummary>()),
        delete("/api/v1/gateways/{name}", Administer, gateways::delete, "Turn a gateway away for good")
            .answers(204, Shape::Nothing),
        post("/api/v1/gateways/{name}/drain", Administer, gateways::drain, "Have a gateway take nothing new")
            .answers(200, one::<GatewayOrder>()),
        post("/api/v1/gateways/{name}/resume", Administer, gateways::resume, "Have a drained gateway serve again")
            .answers(200, one::<GatewayOrder>()),
        post("/api/v1/gateways/{name}/enrol", Join, enrol::enrol, "Enrol a gateway with its join token")
            .takes(one::<EnrolRequest>())
            .answers(201, one::<EnrolReply>()),
        get(
            "/api/v1/gateways/{name}/config",
            Gateway,
            gateways::config,
            "Configuration as it changes, an event stream",
        )
        .answers(200, Shape::Events(SchemaOf::of::<SignedEvent>())),
        put("/api/v1/gateways/{name}/status", Gateway, gateways::report, "Report which configuration is in force")
            .takes(one::<GatewayStatus>())
            .answers(204, Shape::Nothing),
        post(
            "/api/v1/gateways/{name}/refused-token",
            Gateway,
            connections::refused,
            "Say that a server refused a token, and hear whether there is another",
        )
        .takes(one::<TokenRefusal>())
        .answers(200, one::<TokenRefusalReply>()),
        post(
            "/api/v1/gateways/{name}/pins",
            Gateway,
            pins::report,
            "Pin definitions that were seen for the first time",
        )
        .takes(one::<PinReport>())
        .answers(204, Shape::Nothing),
        post("/api/v1/gateways/{name}/audit", Gateway, audit::ship, "Ship audit records; again changes nothing")
            .takes(one::<AuditBatch>())
            .answers(200, one::<SignedText>()),
    ]
}

fn laptop_routes() -> Vec<Route> {
    vec![
        post("/api/v1/laptops", Member, laptops::allow, "Allow a local gateway of one's own to enrol")
            .takes(one::<LaptopRequest>())
            .answers(201, one::<LaptopGrant>()),
        get("/api/v1/laptops", Member, laptops::list, "One's own local gateways")
            .answers(200, many::<GatewaySummary>()),
        delete("/api/v1/laptops/{name}", Member, laptops::end, "End a local gateway of one's own")
            .answers(204, Shape::Nothing),
    ]
}

fn audit_routes() -> Vec<Route> {
    vec![
        get("/api/v1/audit", Inspect, audit::list, "The audit log, newest first")
            .asks("limit", "Number of events, 1 to 10000; 50 by default")
            .asks("user", "Only this user's")
            .asks("tool", "Only those for this tool, prompt or resource, by the name the client used")
            .asks("project", "Only those asked through this project")
            .asks("decision", "`allow` or `deny`")
            .asks("action", "An action such as `mcp_call`; may be given several times; `all` by default")
            .asks("server", "Only those for this server")
            .asks("outcome", "An outcome such as `tool_error`")
            .asks("since", "Only those that began at this time or later, RFC 3339")
            .asks("until", "Only those that began before this time, RFC 3339")
            .answers(200, one::<AuditPage>()),
        get("/api/v1/audit/heads", Inspect, audit::heads, "Where the chain of every gateway ends, signed")
            .answers(200, one::<SignedText>()),
        get("/api/v1/audit/records", Inspect, audit::records, "Audit records as they were written, oldest first")
            .asks("gateway", "Whose; `mcpd` for changes of the configuration")
            .asks("epoch", "Only those behind this epoch, or in it")
            .asks("seq", "Only those behind this position in that epoch")
            .asks("limit", "Number of records, 1 to 1000; 500 by default")
            .answers(200, one::<RecordPage>()),
    ]
}

/// The routes as a service. The checks of address and access are around everything, also around what is not there.
pub(crate) fn router(app: App, addressed: Addressed) -> Router {
    let routes = routes();
    let (gate, metrics) = (authenticate::Gate::new(app.clone(), &routes), app.metrics.clone());
    let mut router = Router::new();
    for route in routes {
        router = router.route(route.path, route.service);
    }
    router
        .fallback(|| async {
            ApiError::not_found("there is nothing at this path").hint("`GET /api/v1/openapi.json` lists every path")
        })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(gate, authenticate::authenticate))
        .layer(body::limit())
        .layer(middleware::from_fn_with_state(addressed, addressed::check))
        .layer(tower_http::trace::TraceLayer::new_for_http().make_span_with(span))
        .layer(middleware::from_fn(request_id::name))
        .layer(middleware::from_fn_with_state(metrics, metrics::observe))
        .with_state(app)
}

/// Without the query: tickets and codes are in there.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(request_id::HEADER).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::debug_span!("request", id, method = %request.method(), path = request.uri().path())
}

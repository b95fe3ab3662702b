//! A protected MCP server and its authorization server, both on one port of this machine, as good or bad as a test
//! wants.

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

pub(crate) type Pairs = BTreeMap<String, String>;

/// How it behaves, and what it has seen.
pub(crate) struct Ways {
    pub(crate) challenge: String,
    pub(crate) resource: Value,
    pub(crate) metadata: Value,
    pub(crate) expires_in: u64,
    pub(crate) rotates: bool,
    /// An error that the token endpoint answers to every refresh.
    pub(crate) refuses_refresh: Option<(u16, &'static str)>,
    pub(crate) iss: Option<String>,
    pub(crate) registrations: Vec<Value>,
    /// Path of every request.
    pub(crate) seen: Vec<String>,
    /// Every token request, `authorization` among its fields.
    pub(crate) exchanges: Vec<Pairs>,
    codes: BTreeMap<String, Pairs>,
    refresh: BTreeSet<String>,
    pub(crate) reuses: usize,
    issued: usize,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) base: String,
    ways: Arc<Mutex<Ways>>,
    refreshes: watch::Sender<usize>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let ways = Ways {
            challenge: format!(
                r#"Bearer resource_metadata="{base}/.well-known/oauth-protected-resource/mcp", scope="read:issues""#
            ),
            resource: json!({"resource": format!("{base}/mcp"), "authorization_servers": [base]}),
            metadata: json!({
                "issuer": base,
                "authorization_endpoint": format!("{base}/authorize"),
                "token_endpoint": format!("{base}/token"),
                "registration_endpoint": format!("{base}/register"),
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": true,
            }),
            expires_in: 3_600,
            rotates: true,
            refuses_refresh: None,
            iss: Some(base.clone()),
            registrations: Vec::new(),
            seen: Vec::new(),
            exchanges: Vec::new(),
            codes: BTreeMap::new(),
            refresh: BTreeSet::new(),
            reuses: 0,
            issued: 0,
        };
        let this = Self { base, ways: Arc::new(Mutex::new(ways)), refreshes: watch::Sender::new(0) };
        let router = Router::new()
            .route("/mcp", post(mcp))
            .route("/.well-known/oauth-protected-resource/mcp", get(resource))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/register", post(register))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .fallback(missing)
            .with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    pub(crate) fn ways<T>(&self, look: impl FnOnce(&mut Ways) -> T) -> T {
        look(&mut self.ways.lock().unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// Waits until `count` refreshes have been answered.
    pub(crate) async fn refreshed(&self, count: usize) {
        let mut refreshes = self.refreshes.subscribe();
        let waited = timeout(Duration::from_secs(60), refreshes.wait_for(|seen| *seen >= count)).await;
        waited.expect("the refreshes come in time").unwrap();
    }

    fn saw(&self, path: &str) {
        self.ways(|ways| ways.seen.push(path.to_owned()));
    }
}

async fn missing(State(fake): State<Fake>) -> StatusCode {
    fake.saw("elsewhere");
    StatusCode::NOT_FOUND
}

async fn mcp(State(fake): State<Fake>) -> Response {
    fake.saw("/mcp");
    let challenge = fake.ways(|ways| ways.challenge.clone());
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

async fn resource(State(fake): State<Fake>) -> Response {
    fake.saw("resource");
    document(fake.ways(|ways| ways.resource.clone()))
}

async fn metadata(State(fake): State<Fake>) -> Response {
    fake.saw("metadata");
    document(fake.ways(|ways| ways.metadata.clone()))
}

fn document(value: Value) -> Response {
    if value.is_null() { StatusCode::NOT_FOUND.into_response() } else { axum::Json(value).into_response() }
}

async fn register(State(fake): State<Fake>, body: Bytes) -> Response {
    fake.saw("register");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let client = fake.ways(|ways| {
        ways.registrations.push(body);
        json!({"client_id": format!("client-of-{}", fake.base), "client_secret": "client-secret-canary"})
    });
    (StatusCode::CREATED, axum::Json(client)).into_response()
}

/// Gives consent in the person's name.
async fn authorize(State(fake): State<Fake>, Query(query): Query<Pairs>) -> Response {
    fake.saw("authorize");
    let place = fake.ways(|ways| {
        let code = format!("code-{}", ways.codes.len());
        let mut place = url::Url::parse(&query["redirect_uri"]).unwrap();
        place.query_pairs_mut().append_pair("code", &code).append_pair("state", &query["state"]);
        if let Some(iss) = &ways.iss {
            place.query_pairs_mut().append_pair("iss", iss);
        }
        ways.codes.insert(code, query);
        place.to_string()
    });
    (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
}

async fn token(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    fake.saw("token");
    let mut form: Pairs = url::form_urlencoded::parse(&body).into_owned().collect();
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        form.insert("authorization".to_owned(), value.to_str().unwrap().to_owned());
    }
    let refresh = form["grant_type"] == "refresh_token";
    let (status, answer) = fake.ways(|ways| {
        ways.exchanges.push(form.clone());
        ways.exchange(&form)
    });
    if refresh {
        fake.refreshes.send_modify(|count| *count += 1);
    }
    (status, axum::Json(answer)).into_response()
}

impl Ways {
    fn exchange(&mut self, form: &Pairs) -> (StatusCode, Value) {
        let refused = |error: &str| (StatusCode::BAD_REQUEST, json!({"error": error}));
        match form["grant_type"].as_str() {
            "authorization_code" => {
                let Some(asked) = self.codes.remove(&form["code"]) else { return refused("invalid_grant") };
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
                if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
                    return refused("invalid_grant");
                }
                if form["resource"] != asked["resource"] {
                    return refused("invalid_target");
                }
            }
            "refresh_token" => {
                if let Some((status, error)) = self.refuses_refresh {
                    return (StatusCode::from_u16(status).unwrap(), json!({"error": error}));
                }
                if !self.refresh.contains(&form["refresh_token"]) {
                    self.reuses += 1;
                    return refused("invalid_grant");
                }
                if self.rotates {
                    self.refresh.remove(&form["refresh_token"]);
                }
            }
            "client_credentials" => {}
            _ => return refused("unsupported_grant_type"),
        }
        self.issued += 1;
        let (access, refresh) = (format!("access-canary-{}", self.issued), format!("refresh-canary-{}", self.issued));
        let mut answer = json!({"access_token": access, "token_type": "Bearer", "expires_in": self.expires_in});
        if form["grant_type"] != "client_credentials" && (self.rotates || form["grant_type"] != "refresh_token") {
            self.refresh.insert(refresh.clone());
            answer["refresh_token"] = json!(refresh);
        }
        (StatusCode::OK, answer)
    }
}

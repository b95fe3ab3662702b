//! A person's consent: the browser is sent to the authorization server and comes back with a code.
//!
//! `state` is random, good once and for ten minutes, and bound to the session of the browser that was sent away; the
//! answer is judged by what was noted then: issuer (RFC 9207), redirect URI, PKCE verifier, resource (RFC 8707).

use super::{
    OauthClient, OauthError, Target,
    discovery::Discovered,
    exchange::{Tokens, known_or_other},
    grant::{Flow, Grant, lock_flow, lock_grant, open_flow},
    refused,
    registration::no_address,
    scopes,
};
use crate::{
    identity::{Actor, new_id},
    store::StoredConnection,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use control_plane_api::{
    name::Name,
    oauth::{ConnectionState, OauthMode},
    timestamp::Timestamp,
    token,
};
use rand::{Rng as _, RngCore as _, rngs::OsRng};
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

/// Time for a person to give consent, in milliseconds.
const FLOW_TIMEOUT_MS: i64 = 600_000;
/// Consents in a row that one server may ask for with challenges.
const STEP_UPS_MAX: u64 = 3;
/// After this time challenges are counted from the beginning, in milliseconds.
const STEP_UPS_PERIOD_MS: i64 = 3_600_000;

/// What a person is asked to agree to.
pub(crate) struct Consent {
    pub(crate) target: Target,
    /// Who is in front of the browser.
    pub(crate) user: Name,
    /// Scopes a server's challenge asked for.
    pub(crate) challenged: Vec<String>,
}

/// The same with what is known of the authorization server.
pub(crate) struct Prepared {
    consent: Consent,
    discovered: Discovered,
    pub(crate) scopes: Vec<String>,
}

/// What the browser comes back with.
#[derive(serde::Deserialize)]
pub(crate) struct Callback {
    #[serde(default)]
    state: String,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl Consent {
    /// Whose connection it will be; absent: the server's own.
    pub(crate) fn owner(&self) -> Option<&Name> {
        (self.target.settings.mode == OauthMode::PerUser).then_some(&self.user)
    }
}

impl Prepared {
    /// Who will ask for the consent.
    pub(crate) fn issuer(&self) -> &str {
        &self.discovered.authority.issuer
    }

    /// What was asked.
    pub(crate) fn consent(&self) -> &Consent {
        &self.consent
    }
}

impl OauthClient {
    /// Finds out what a consent would be about.
    pub(crate) async fn prepare(&self, consent: Consent) -> Result<Prepared, OauthError> {
        if !consent.target.settings.grant.is_code() {
            return Err(refused("this server is connected by mcpd itself, without anybody's consent"));
        }
        let have = self.store.read().await?.connection_of(&consent.target.server, consent.owner()).await?;
        if !consent.challenged.is_empty() && have.as_ref().is_some_and(|have| step_ups(have) >= STEP_UPS_MAX) {
            return Err(refused("the server asks for more permissions again and again; it may be broken"));
        }
        let discovered = self.discover(&consent.target).await?;
        // What another authorization server granted means nothing to this one.
        let have = have.filter(|have| have.issuer == discovered.authority.issuer).map(|have| have.scopes);
        let have = have.unwrap_or_default();
        let scopes = scopes::wanted(&discovered, &consent.target.settings, &consent.challenged, &have);
        Ok(Prepared { consent, discovered, scopes })
    }

    /// Notes what the answer will be judged by. Where the browser is to go; `session` is its session's digest.
    pub(crate) async fn begin(&self, prepared: Prepared, session: String) -> Result<Url, OauthError> {
        let redirect_uri = self.addresses.as_ref().ok_or_else(no_address)?.redirect_uri();
        let Prepared { consent, discovered, scopes } = prepared;
        let authority = &discovered.authority;
        let client = self.client_at(&consent.target, authority).await?.name;
        let (state, verifier) = (random(), random());
        let mut url = authority.authorization_endpoint.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &client.client_id)
                .append_pair("redirect_uri", &redirect_uri)
                .append_pair("state", &state)
                .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())))
                .append_pair("code_challenge_method", "S256")
                .append_pair("resource", &discovered.resource);
            if !scopes.is_empty() {
                query.append_pair("scope", &scopes.join(" "));
            }
            if scopes::needs_prompt(&scopes) {
                query.append_pair("prompt", "consent");
            }
        }
        let flow = Flow {
            session,
            server: consent.target.server.clone(),
            user: consent.owner().cloned(),
            url: consent.target.url.clone(),
            resource: discovered.resource.clone(),
            issuer: authority.issuer.clone(),
            promises_iss: authority.promises_iss,
            token_endpoint: authority.token_endpoint.to_string(),
            redirect_uri,
            client,
            verifier: verifier.to_string(),
            scopes,
            stepping_up: !consent.challenged.is_empty(),
        };
        let digest = token::digest(&state);
        let ciphertext = lock_flow(&self.keys, &digest, &flow)?;
        let mut tx = self.store.write().await?;
        tx.add_flow(&digest, &ciphertext, Timestamp::now().plus_millis(FLOW_TIMEOUT_MS)).await?;
        tx.commit().await?;
        Ok(url)
    }

    /// Judges what the browser came back with and obtains the tokens. The server that is connected now.
    pub(crate) async fn finish(&self, callback: Callback, session: &str, actor: &Actor) -> Result<Name, OauthError> {
        let flow = self.taken(&callback.state, session).await?;
        if !is_from(&flow, callback.iss.as_deref()) {
            // Whatever else it says is another authorization server's word, and is not shown.
            return Err(refused("the answer did not come from the authorization server that was asked"));
        }
        if let Some(error) = &callback.error {
            return Err(refused(format!("consent was not given: {}", known_or_other(error))));
        }
        let code = callback.code.filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| refused("the authorization server sent no code"))?;
        let target = self.target(&flow.server).await?.filter(|target| target.url == flow.url);
        let target = target.ok_or_else(|| refused("the server was changed while consent was given"))?;
        let client = self.client_again(&target, &flow.issuer, &flow.client).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", flow.redirect_uri.as_str()),
            ("code_verifier", flow.verifier.as_str()),
            ("resource", flow.resource.as_str()),
        ];
        let tokens = match self.tokens(&target, &flow.token_endpoint, &client, &form).await {
            Err(OauthError::ClientUnknown(reason)) => {
                self.forget_client(&flow.issuer, &flow.client).await?;
                return Err(OauthError::ClientUnknown(reason));
            }
            tokens => tokens?,
        };
        self.connect(&flow, tokens, actor).await?;
        tracing::info!(server = %flow.server, user = flow.user.as_ref().map(Name::as_str), "Connected a server");
        Ok(flow.server.clone())
    }

    /// The consent under way to which `state` belongs, taken for good, if this browser began it.
    async fn taken(&self, state: &str, session: &str) -> Result<Flow, OauthError> {
        let unknown = || refused("this answer is to no question of ours, or came too late; begin again");
        let digest = token::digest(state);
        let mut tx = self.store.write().await?;
        let ciphertext = tx.take_flow(&digest).await?;
        // Committed whatever follows: a state is good once.
        tx.commit().await?;
        let flow = open_flow(&self.keys, &digest, &ciphertext.ok_or_else(unknown)?)?;
        if flow.session == session { Ok(flow) } else { Err(unknown()) }
    }

    async fn connect(&self, flow: &Flow, tokens: Tokens, actor: &Actor) -> Result<(), OauthError> {
        let mut change = self.store.change().await?;
        let have = change.tx().connection_of(&flow.server, flow.user.as_ref()).await?;
        let earlier = have.as_ref().map_or(0, step_ups);
        let now = Timestamp::now();
        let grant = Grant {
            access_token: tokens.access_token.0.to_string(),
            refresh_token: tokens.refresh_token.as_ref().map(|token| token.0.to_string()),
            resource: flow.resource.clone(),
            token_endpoint: flow.token_endpoint.clone(),
            client: flow.client.clone(),
        };
        let expires_at = expiry(&tokens, now);
        let mut connection = StoredConnection {
            id: have.as_ref().map_or_else(|| name(&new_id()), |have| Ok(have.id.clone()))?,
            server: flow.server.clone(),
            user: flow.user.clone(),
            issuer: flow.issuer.clone(),
            url: flow.url.clone(),
            revision: change.next(),
            version: have.as_ref().map_or(1, |have| have.version.saturating_add(1)),
            state: ConnectionState::Connected,
            problem: None,
            scopes: tokens.scopes(&flow.scopes),
            ciphertext: String::new(),
            connected_at: Some(now),
            expires_at,
            renew_at: renewal(now, expires_at, grant.refresh_token.is_some()),
            step_ups: if flow.stepping_up { earlier.saturating_add(1) } else { 0 },
        };
        connection.ciphertext = lock_grant(&self.keys, &connection, &grant)?;
        change.writing().put_connection(&connection).await?;
        change.record(actor, &connection.target(), "connected").await?;
        change.commit().await?;
        self.published.announce();
        Ok(())
    }
}

impl StoredConnection {
    /// How the audit log calls it.
    pub(crate) fn target(&self) -> String {
        match &self.user {
            Some(user) => format!("connection/{}/{user}", self.server),
            None => format!("connection/{}", self.server),
        }
    }
}

/// The table of RFC 9207 §2.4: plain comparison, and an issuer that promises `iss` must send it.
fn is_from(flow: &Flow, iss: Option<&str>) -> bool {
    match iss {
        Some(iss) => iss == flow.issuer,
        None => !flow.promises_iss,
    }
}

/// Consents in a row that challenges led to, lately.
fn step_ups(connection: &StoredConnection) -> u64 {
    let lately = Timestamp::now().plus_millis(-STEP_UPS_PERIOD_MS);
    if connection.connected_at.is_some_and(|at| at > lately) { connection.step_ups } else { 0 }
}

/// When the access token ends.
pub(super) fn expiry(tokens: &Tokens, now: Timestamp) -> Option<Timestamp> {
    tokens.lifetime_s().map(|seconds| now.plus_millis(seconds.saturating_mul(1_000)))
}

/// When to look at a token again: with a fifth to a quarter of its life left if it can be renewed, else at its end.
pub(super) fn renewal(now: Timestamp, expires_at: Option<Timestamp>, renewable: bool) -> Option<Timestamp> {
    let expires_at = expires_at?;
    let lifetime = expires_at.as_millis().saturating_sub(now.as_millis()).max(0);
    let early = if renewable { lifetime / 5 + OsRng.gen_range(0..=lifetime / 20) } else { 0 };
    Some(expires_at.plus_millis(-early))
}

/// An id of ours as a name.
pub(super) fn name(id: &str) -> Result<Name, OauthError> {
    id.parse().map_err(|_| OauthError::Unavailable("mcpd made an id that is none".to_owned()))
}

/// 256 random bits: a state, or a PKCE verifier (RFC 7636 §4.1).
fn random() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    OsRng.fill_bytes(bytes.as_mut_slice());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::grant::{ClientName, ClientOrigin};
    use control_plane_api::oauth::ClientAuthentication;

    fn check(promises_iss: bool, iss: Option<&str>, accepted: bool) {
        let client = ClientName {
            client_id: String::new(),
            origin: ClientOrigin::Document,
            method: ClientAuthentication::None,
            redirect_uri: None,
        };
        let flow = Flow {
            session: String::new(),
            server: "x".parse().unwrap(),
            user: None,
            url: String::new(),
            resource: String::new(),
            issuer: "https://as.example/t1".to_owned(),
            promises_iss,
            token_endpoint: String::new(),
            redirect_uri: String::new(),
            client,
            verifier: String::new(),
            scopes: Vec::new(),
            stepping_up: false,
        };
        assert_eq!(is_from(&flow, iss), accepted, "{promises_iss} {iss:?}");
    }

    #[test]
    fn an_answer_is_from_whom_was_asked() {
        for promises in [true, false] {
            check(promises, Some("https://as.example/t1"), true);
            for other in ["https://as.example/t1/", "https://AS.example/t1", "https://evil.example", ""] {
                check(promises, Some(other), false);
            }
        }
        check(true, None, false);
        check(false, None, true);
    }

    #[test]
    fn a_token_is_renewed_in_the_last_quarter_of_its_life() {
        let now = Timestamp::from_millis(1_000_000);
        let end = Some(now.plus_millis(100_000));
        for _ in 0..100 {
            let at = renewal(now, end, true).unwrap().as_millis() - now.as_millis();
            assert!((75_000..=80_000).contains(&at), "{at}");
        }
        assert_eq!(renewal(now, end, false), end);
        assert_eq!(renewal(now, None, true), None);
        assert_eq!(renewal(now, Some(now.plus_millis(-5)), true), Some(now.plus_millis(-5)));
    }

    #[test]
    fn no_two_states_are_alike_and_each_is_a_verifier() {
        assert_ne!(*random(), *random());
        assert_eq!(random().len(), 43);
    }
}

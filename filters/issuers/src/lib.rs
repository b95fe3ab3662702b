//! Access tokens of issuers: JSON Web Tokens (RFC 7519, RFC 8725, RFC 9068), judged without asking anybody.
//!
//! The claims are read strictly: a claim of the wrong type is refused, never taken for absent, and a name that is there
//! twice is refused before anything looks into it. What a token's header says about keys (`jwk`, `jku`, `x5u`) is not
//! even read: keys come from the configuration. What a client is told of a rejection is unknown here.

mod key;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use control_plane_api::{
    access::Role,
    issuer::{Algorithm, IssuerSpec},
    name::Name,
    snapshot::Snapshot,
    timestamp::Timestamp,
    token,
};
use key::Key;
use protocol::{Members, json};
use std::{collections::HashMap, fmt};

/// Longest token looked into, in bytes.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Deepest nesting of a token's claims.
const CLAIMS_DEPTH_MAX: u32 = 16;
/// Longest token id taken over into the audit log, in bytes.
const TOKEN_ID_BYTES_MAX: usize = 64;

/// The issuers that are trusted, by their identifiers.
#[derive(Default)]
pub struct Issuers(HashMap<String, Trusted>);

/// For whom an accepted token speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// The user.
    pub user: Name,
    /// The user's roles: those of the configuration, never of the token.
    pub roles: Vec<Role>,
    /// The issuer's identifier.
    pub issuer: String,
    /// What the audit log calls the token: its own id, or the beginning of its digest.
    pub token_id: String,
}

/// Why a token is not accepted. For the audit log: who presented it is told no more than that it is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Not even the form of a token.
    Malformed,
    /// Not accepted, and why.
    Refused(&'static str),
    /// A good token that may not do enough: everything that is needed.
    Scope(Vec<String>),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("malformed token"),
            Self::Refused(why) => f.write_str(why),
            Self::Scope(needed) => write!(f, "a scope is missing; needed: {}", needed.join(" ")),
        }
    }
}

/// Where a token is presented.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// At an endpoint of a gateway, by the URL a client types.
    Endpoint(&'a str),
    /// At the control plane, by its public URL if it has one.
    ControlPlane(Option<&'a str>),
    /// At the control plane, to open a session: a token for it, or an id token for the client by which people log in there.
    Login(Option<&'a str>),
}

struct Trusted {
    audiences: Vec<String>,
    control_plane_audiences: Vec<String>,
    device_client_id: Option<String>,
    algorithms: Vec<Algorithm>,
    keys: Vec<Key>,
    user_claim: String,
    /// By the value of `user_claim`.
    users: HashMap<String, (Name, Vec<Role>)>,
    scopes: Vec<String>,
    skew_ms: i64,
}

/// A token taken apart, nothing of it believed yet.
struct Parts<'a> {
    header: Members,
    claims: Members,
    message: &'a [u8],
    signature: Vec<u8>,
}

impl Issuers {
    /// Compiles the issuers and users of `snapshot`.
    #[must_use]
    pub fn compile(snapshot: &Snapshot) -> Self {
        Self(snapshot.issuers().map(|(_, spec)| (spec.issuer.clone(), Trusted::compile(snapshot, spec))).collect())
    }

    /// Whose token `presented` is, if it is one for `resource`.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn recognise(&self, presented: &str, resource: Resource<'_>, now: Timestamp) -> Result<Speaker, Rejection> {
        if self.0.is_empty() {
            return Err(Rejection::Malformed);
        }
        let parts = Parts::take(presented).ok_or(Rejection::Malformed)?;
        let identifier = parts.claims.read::<String>("iss").filter(|iss| self.0.contains_key(iss)).unwrap_or_default();
        let issuer = self.0.get(&identifier).ok_or(Rejection::Refused("token of an unknown issuer"))?;
        issuer.check_signature(&parts)?;
        issuer.check_times(&parts.claims, now)?;
        issuer.check_audience(&parts.claims, resource)?;
        let (user, roles) = issuer.user(&parts.claims)?;
        // An id token has no scopes; who shows one may do nothing with it but open a session.
        if !issuer.is_for_device(&parts.claims, resource) {
            issuer.check_scopes(&parts.claims)?;
        }
        Ok(Speaker { user, roles, issuer: identifier, token_id: token_id(&parts.claims, presented) })
    }

    /// The same for a token that was recognised before. The token itself is not there any
    /// more: whether it has expired meanwhile is asked when the next one is presented. None: the issuer or the user is gone.
    #[must_use]
    pub fn again(&self, speaker: &Speaker) -> Option<Speaker> {
        let users = &self.0.get(&speaker.issuer)?.users;
        let (_, roles) = users.values().find(|(name, _)| *name == speaker.user)?;
        Some(Speaker { roles: roles.clone(), ..speaker.clone() })
    }
}

impl<'a> Parts<'a> {
    fn take(presented: &'a str) -> Option<Self> {
        if presented.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (message, signature) = presented.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            message: message.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }
}

impl Trusted {
    fn compile(snapshot: &Snapshot, spec: &IssuerSpec) -> Self {
        let users = snapshot.users().filter(|(_, user)| !user.disabled);
        let known: HashMap<&Name, &Vec<Role>> = users.map(|(name, user)| (name, &user.roles)).collect();
        let holder = |value: &str, name: &Name| {
            known.get(name).map(|roles| (value.to_owned(), (name.clone(), (*roles).clone())))
        };
        let users = if spec.users.is_empty() {
            known.keys().filter_map(|name| holder(name.as_str(), name)).collect()
        } else {
            spec.users.iter().filter_map(|(value, name)| holder(value, name)).collect()
        };
        Self {
            audiences: spec.audiences.clone(),
            control_plane_audiences: spec.control_plane_audiences.clone(),
            device_client_id: spec.device_client_id.clone(),
            algorithms: spec.algorithms.clone(),
            keys: spec.jwks.keys.iter().filter_map(|key| Key::read(key, &spec.algorithms)).collect(),
            user_claim: spec.user_claim.clone(),
            users,
            scopes: spec.scopes_required.clone(),
            skew_ms: i64::from(spec.clock_skew_s) * 1_000,
        }
    }

    fn check_signature(&self, parts: &Parts<'_>) -> Result<(), Rejection> {
        let header = &parts.header;
        if header.get("crit").is_some() {
            return Err(Rejection::Refused("token with an extension that is not known"));
        }
        if header.get("typ").is_some() && !header.read::<String>("typ").is_some_and(|typ| is_access_token(&typ)) {
            return Err(Rejection::Refused("token that is not an access token"));
        }
        let alg = header.read::<String>("alg");
        let algorithm = self.algorithms.iter().copied().find(|one| alg.as_deref() == Some(one.as_str()));
        let algorithm = algorithm.ok_or(Rejection::Refused("token signed by an algorithm that is not accepted"))?;
        let signed = |key: &Key| key.verifies(algorithm, parts.message, &parts.signature);
        let good = match (header.get("kid").is_some(), header.read::<String>("kid"), self.keys.as_slice()) {
            (true, Some(kid), keys) => keys.iter().filter(|key| key.is_called(&kid)).any(signed),
            // Without a name there must be no choice.
            (false, _, [only]) => signed(only),
            _ => false,
        };
        if good { Ok(()) } else { Err(Rejection::Refused("token with a signature of none of the issuer's keys")) }
    }

    fn check_times(&self, claims: &Members, now: Timestamp) -> Result<(), Rejection> {
        let moment = |claim: &str| claims.read::<f64>(claim).map(millis);
        let end = moment("exp").ok_or(Rejection::Refused("token without an end"))?;
        if end.saturating_add(self.skew_ms) <= now.as_millis() {
            return Err(Rejection::Refused("expired token"));
        }
        if claims.get("nbf").is_none() {
            return Ok(());
        }
        match moment("nbf") {
            Some(begin) if begin.saturating_sub(self.skew_ms) <= now.as_millis() => Ok(()),
            _ => Err(Rejection::Refused("token that is not valid yet")),
        }
    }

    /// A token for the endpoints of gateways is none for the control plane, nor the other way round.
    fn check_audience(&self, claims: &Members, resource: Resource<'_>) -> Result<(), Rejection> {
        let (url, others) = match resource {
            Resource::Endpoint(url) => (Some(url), &self.audiences),
            Resource::ControlPlane(url) | Resource::Login(url) => (url, &self.control_plane_audiences),
        };
        if self.is_for_device(claims, resource) {
            return Ok(());
        }
        if audiences(claims).iter().any(|audience| Some(audience.as_str()) == url || others.contains(audience)) {
            Ok(())
        } else {
            Err(Rejection::Refused("token for another audience"))
        }
    }

    /// Whether it is an id token for the client that logs people in, shown where that counts: for that client alone, since
    /// one for several may have been given to any of them (OpenID Connect Core 3.1.3.7).
    fn is_for_device(&self, claims: &Members, resource: Resource<'_>) -> bool {
        let client = self.device_client_id.as_ref().filter(|_| matches!(resource, Resource::Login(_)));
        client.is_some_and(|client| matches!(audiences(claims).as_slice(), [only] if only == client))
    }

    fn user(&self, claims: &Members) -> Result<(Name, Vec<Role>), Rejection> {
        // An address that somebody only claims to have is nobody's.
        let verified = claims.get("email_verified").is_none_or(|raw| matches!(raw.get(), "true" | "\"true\""));
        if self.user_claim == "email" && !verified {
            return Err(Rejection::Refused("token with an address that is not verified"));
        }
        let value = claims.read::<String>(&self.user_claim);
        let user = value.and_then(|value| self.users.get(&value).cloned());
        user.ok_or(Rejection::Refused("token of nobody who is a user here"))
    }

    /// `scope` (RFC 9068 §2.2.3), or `scp` as some issuers call it.
    fn check_scopes(&self, claims: &Members) -> Result<(), Rejection> {
        let texts = |claim: &str| {
            let one = claims.read::<String>(claim).map(|one| vec![one]);
            one.or_else(|| claims.read::<Vec<String>>(claim)).unwrap_or_default()
        };
        let given = [texts("scope"), texts("scp")].concat().join(" ");
        if self.scopes.iter().all(|needed| given.split(' ').any(|scope| scope == needed)) {
            Ok(())
        } else {
            Err(Rejection::Scope(self.scopes.clone()))
        }
    }
}

/// For whom a token is: one, or several.
fn audiences(claims: &Members) -> Vec<String> {
    let one = claims.read::<String>("aud").map(|one| vec![one]);
    one.or_else(|| claims.read::<Vec<String>>("aud")).unwrap_or_default()
}

/// A part of a token as an object, read the same way by everybody.
fn object(part: &str) -> Option<Members> {
    let text = URL_SAFE_NO_PAD.decode(part).ok()?;
    json::check(&text, CLAIMS_DEPTH_MAX).ok()?;
    serde_json::from_slice(&text).ok()
}

/// `JWT`, or `at+jwt` of RFC 9068; other types (identity assertions, proofs, logout tokens) are not for resources.
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

/// Seconds since the epoch, possibly with a fraction, in milliseconds; the cast saturates.
fn millis(seconds: f64) -> i64 {
    (seconds * 1_000.0) as i64
}

/// What the audit log calls the token: its own id, or the beginning of its digest.
fn token_id(claims: &Members, presented: &str) -> String {
    let plain = |id: &String| {
        !id.is_empty() && id.len() <= TOKEN_ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let own = claims.read::<String>("jti").filter(plain);
    own.unwrap_or_else(|| token::digest(presented).chars().take(16).collect())
}

#[cfg(test)]
mod tests;

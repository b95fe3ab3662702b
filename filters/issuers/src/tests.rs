//! Tokens as an attacker would make them.

use super::*;
use proptest::prelude::{any, proptest};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

const NOW_S: i64 = 1_800_000_000;
const RESOURCE: &str = "https://gw.example/mcp";

/// The modulus of a key whose private half was thrown away after it had made the two tokens below.
const RSA_N: &str = "r6OPW-SPyes4cTC8A6flHiYr1cEvFihYw4-UyI8bZGfZc5TnqZkSiQ9ncYemrdnYUq5anc0xSHv9p_-MtGIIZXk8knDWU8tQQHz0\
     6hqd6DnaXVMx2z5d6xJJXg-cvb46ysmtRjxHN1XyCGyZaZx0I0WWeRXB4iPRYho2HG4z-DO69T7Pxy6oO2aErIc2tlax5b7-3Q4Z\
     g0z46ck59p4OdrsPIG4WEOL-JxpFoYJfb8TWbcc4ZqBPnuiWLq2qlL4lgwjuIdMV6ir4-FOyVu965ut8M6ln0ipW4iyUhGUp-Fm8\
     bFj_C3ufrwWThxciZXxaBz0HDMDN0N8m91h6kDfaLw";
const SIGNED_RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiaHR0cHM6Ly9ndy5\
     leGFtcGxlL21jcCIsInN1YiI6ImFkYSIsImp0aSI6InQtcnNhIiwiZXhwIjoxODAwMDAwNjAwfQ.Q-IPeZ-Hy4k7p0ev8iugolSQ\
     C81LLZ3Z3uS3H_PIn_OfFHn8gRrtuJR0UjinVrS4pOx3mB-Mw8XgpdjHozMpB7XTJ9olJTs-6IhjGVB_Eim5L4bnNR5RGBaFhETw\
     urA786Wo-YXPFtmdZNMLKhYuvaGwVt86bbQ5_NJBreaXYUUCWJhkZLJPjIJS4a2m7nGCZDwaY8yvHGZCgizofRvIUJbW7eXEvm9G\
     IimoDRDowrmKOEpRUrrqRfHhhXhTYFSiJhXBKVauvQPNIIJ8_tjh9fbTXj1E-6iMF84yCM9Kk99hRIU5HdQA5EmmBppY-hgRl3op\
     5OL9YSNboDjNo5g-mQ";
const SIGNED_PS256: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiaHR0cHM6Ly9ndy5\
     leGFtcGxlL21jcCIsInN1YiI6ImFkYSIsImp0aSI6InQtcnNhIiwiZXhwIjoxODAwMDAwNjAwfQ.ZU3iAl4KGBnm9Eclv8hAu1Ys\
     Y6Czzf12g9iNkqrrkznWbs6WpQlB5RT6jyssjlsJnx0nHWXwQ01aUrWtMt9j-fZi8t69GAc4l__IAp1aRpvj01uh-siPpm2iSXc9\
     Uwyq4U8ZUjs0eT9XUsrtQKHxB0GJVaQGI-xAYHfoNqAInAPh8egRhkL3yzAfyxIt9yj0oF0ROi2objZrdICoGYanrJqg9GdnFCz5\
     Y8bTh-QY45Y7FBbzawWNz8QDy76uDsdCaxA1owFCYFkavTgUVar_IWSCSP-NeCXEmfW9SfVMFUBnmJFrbe3OnkCLFhepd93vUWO5\
     K9JarSbpQdFC2n4xMA";

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer with a key of each family.
struct Idp {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
}

impl Idp {
    fn new(seed: u8) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self {
            ed25519: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(),
            p256: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap(),
        }
    }

    fn keys(&self) -> Value {
        let point = self.p256.public_key().as_ref();
        json!([
            {"kty": "RSA", "kid": "rsa", "use": "sig", "n": RSA_N, "e": "AQAB"},
            {"kty": "EC", "kid": "p256", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encode(self.ed25519.public_key())},
            {"kty": "OKP", "kid": "enc", "use": "enc", "crv": "Ed25519", "x": encode(self.ed25519.public_key())},
        ])
    }

    /// Signs the very texts.
    fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = if header.contains("ES256") {
            let random = SystemRandom::new();
            encode(self.p256.sign(&random, message.as_bytes()).unwrap())
        } else {
            encode(self.ed25519.sign(message.as_bytes()))
        };
        format!("{message}.{signature}")
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }
}

fn ed() -> Value {
    json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"})
}

/// Good claims, with `changes`; null takes one out.
fn claims(changes: Value) -> Value {
    let mut claims =
        json!({"iss": "https://idp.example", "aud": RESOURCE, "sub": "ada", "exp": NOW_S + 600, "jti": "t1"});
    for (claim, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(claim),
            value => claims.as_object_mut().unwrap().insert(claim.clone(), value.clone()),
        };
    }
    claims
}

fn issuers(idp: &Idp, changes: Value) -> Issuers {
    let mut spec = json!({"issuer": "https://idp.example", "jwks": {"keys": idp.keys()}});
    for (field, value) in changes.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let other = json!({"issuer": "https://other.example", "jwks": {"keys": Idp::new(2).keys()}});
    Issuers::compile(&snapshot(json!([
        {"kind": "user", "name": "ada", "spec": {"roles": ["developer"]}},
        {"kind": "issuer", "name": "idp", "spec": spec},
        {"kind": "issuer", "name": "other", "spec": other},
    ])))
}

fn snapshot(objects: Value) -> Snapshot {
    Snapshot { objects: serde_json::from_value(objects).unwrap(), ..Snapshot::empty() }
}

fn recognised(issuers: &Issuers, token: &str) -> Result<Speaker, Rejection> {
    issuers.recognise(token, Resource::Endpoint(RESOURCE), Timestamp::from_millis(NOW_S * 1_000))
}

fn judge(issuers: &Issuers, token: &str) -> Result<String, String> {
    recognised(issuers, token).map(|speaker| speaker.user.to_string()).map_err(|rejection| rejection.to_string())
}

/// Judges a token of the first issuer, as configured by default.
fn check(header: &Value, changes: Value, expected: Result<&str, &str>) {
    let idp = Idp::new(1);
    let found = judge(&issuers(&idp, json!({})), &idp.sign(header, &claims(changes.clone())));
    assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{header} {changes}");
}

#[test]
fn a_good_token_of_every_family_names_its_user() {
    let idp = Idp::new(1);
    let issuers = issuers(&idp, json!({}));
    let es256 = idp.sign(&json!({"alg": "ES256", "kid": "p256"}), &claims(json!({})));
    for token in [SIGNED_RS256, SIGNED_PS256, &es256, &idp.sign(&ed(), &claims(json!({"aud": ["x", RESOURCE]})))] {
        assert_eq!(judge(&issuers, token), Ok("ada".to_owned()), "{token}");
    }
    let speaker = recognised(&issuers, SIGNED_RS256).unwrap();
    assert_eq!((speaker.token_id.as_str(), speaker.roles.len()), ("t-rsa", 1));
}

#[test]
fn the_algorithm_is_the_keys_and_not_the_tokens_choice() {
    const ALGORITHM: Result<&str, &str> = Err("token signed by an algorithm that is not accepted");
    const SIGNATURE: Result<&str, &str> = Err("token with a signature of none of the issuer's keys");
    for alg in ["none", "None", "nOnE", "", "HS256", "RS1", "ES384"] {
        check(&json!({"alg": alg, "kid": "ed"}), json!({}), ALGORITHM);
    }
    check(&json!({"kid": "ed"}), json!({}), ALGORITHM);
    check(&json!({"alg": "RS256", "kid": "ed"}), json!({}), SIGNATURE);
    check(&json!({"alg": "EdDSA", "kid": "rsa"}), json!({}), SIGNATURE);
    check(&json!({"alg": "ES256", "kid": "ed"}), json!({}), SIGNATURE);

    // The public key as a shared secret.
    let idp = Idp::new(1);
    let message = format!("{}.{}", encode(r#"{"alg":"HS256","kid":"rsa"}"#), encode(claims(json!({})).to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, RSA_N.as_bytes()), message.as_bytes());
    let found = judge(&issuers(&idp, json!({})), &format!("{message}.{}", encode(tag)));
    assert_eq!(found, ALGORITHM.map(str::to_owned).map_err(str::to_owned));
}

#[test]
fn a_key_is_chosen_by_its_name_among_the_issuers_own() {
    let unknown = Err("token with a signature of none of the issuer's keys");
    for kid in ["p256", "enc", "", "../../dev/null", "' OR 1=1--", "https://evil.example/jwks"] {
        check(&json!({"alg": "EdDSA", "kid": kid}), json!({}), unknown);
    }
    check(&json!({"alg": "EdDSA"}), json!({}), unknown);
    check(&json!({"alg": "EdDSA", "kid": 1}), json!({}), unknown);
    check(&json!({"alg": "EdDSA", "kid": null}), json!({}), unknown);
    let refused = || unknown.map(str::to_owned).map_err(str::to_owned);
    let evil = Idp::new(3);
    let issuers = issuers(&Idp::new(1), json!({}));
    let header = json!({"alg": "EdDSA", "kid": "ed", "jku": "https://evil.example", "jwk": evil.keys()[2]});
    assert_eq!(judge(&issuers, &evil.sign(&header, &claims(json!({})))), refused());
    // A good token of one issuer that says it is another's.
    assert_eq!(judge(&issuers, &Idp::new(2).sign(&ed(), &claims(json!({})))), refused());
}

#[test]
fn a_single_key_needs_no_name() {
    let idp = Idp::new(1);
    let one = issuers(&idp, json!({"jwks": {"keys": [idp.keys()[2]]}}));
    assert_eq!(judge(&one, &idp.sign(&json!({"alg": "EdDSA"}), &claims(json!({})))), Ok("ada".to_owned()));
}

#[test]
fn a_signature_of_zeros_or_of_something_else_is_none() {
    let idp = Idp::new(1);
    let issuers = issuers(&idp, json!({}));
    for header in [json!({"alg": "ES256", "kid": "p256"}), ed()] {
        let token = idp.sign(&header, &claims(json!({})));
        let message = token.rsplit_once('.').unwrap().0;
        let other = idp.sign(&header, &claims(json!({"sub": "eve"})));
        for signature in [encode([0; 64]), String::new(), encode([0; 32]), other.rsplit_once('.').unwrap().1.to_owned()]
        {
            assert!(judge(&issuers, &format!("{message}.{signature}")).is_err(), "{header} {signature}");
        }
    }
    assert!(judge(&issuers, &SIGNED_RS256.replace("eyJhbGciOiJSUzI1NiIs", "eyJhbGciOiJQUzI1NiIs")).is_err());
}

#[test]
fn issuer_audience_and_time_are_checked() {
    let issuer = Err("token of an unknown issuer");
    for iss in
        [json!("https://idp.example/"), json!("https://IDP.example"), json!(["https://idp.example"]), Value::Null]
    {
        check(&ed(), json!({"iss": iss}), issuer);
    }
    let audience = Err("token for another audience");
    for aud in
        [json!("https://gw.example"), json!("https://gw.example/projects/w/mcp"), json!([]), json!([1]), Value::Null]
    {
        check(&ed(), json!({"aud": aud}), audience);
    }
    check(&ed(), json!({"exp": NOW_S - 59}), Ok("ada"));
    check(&ed(), json!({"exp": NOW_S - 60}), Err("expired token"));
    check(&ed(), json!({"exp": (NOW_S + 600).to_string()}), Err("token without an end"));
    check(&ed(), json!({"exp": Value::Null}), Err("token without an end"));
    check(&ed(), json!({"nbf": NOW_S + 60}), Ok("ada"));
    check(&ed(), json!({"nbf": NOW_S + 61}), Err("token that is not valid yet"));
    check(&ed(), json!({"nbf": "0"}), Err("token that is not valid yet"));
}

#[test]
fn what_is_not_an_access_token_is_refused() {
    for typ in [json!("oauth-id-jag+jwt"), json!("dpop+jwt"), json!("logout+jwt"), json!(1)] {
        let header = json!({"alg": "EdDSA", "kid": "ed", "typ": typ});
        check(&header, json!({}), Err("token that is not an access token"));
    }
    check(&json!({"alg": "EdDSA", "kid": "ed", "typ": "application/AT+JWT"}), json!({}), Ok("ada"));
    let header = json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false});
    check(&header, json!({}), Err("token with an extension that is not known"));
}

#[test]
fn a_token_is_read_strictly_and_within_bounds() {
    let idp = Idp::new(1);
    let issuers = issuers(&idp, json!({}));
    let good = claims(json!({})).to_string();
    let twice = good.replacen('{', r#"{"sub":"admin","#, 1);
    assert_eq!(judge(&issuers, &idp.sign_text(&ed().to_string(), &twice)), Err("malformed token".to_owned()));
    let header = r#"{"alg":"EdDSA","kid":"x","kid":"ed"}"#;
    assert_eq!(judge(&issuers, &idp.sign_text(header, &good)), Err("malformed token".to_owned()));
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let nested = good.replacen('{', &format!(r#"{{"x":{deep},"#), 1);
    assert_eq!(judge(&issuers, &idp.sign_text(&ed().to_string(), &nested)), Err("malformed token".to_owned()));
    let huge = idp.sign(&ed(), &claims(json!({"x": "x".repeat(TOKEN_BYTES_MAX)})));
    assert_eq!(judge(&issuers, &huge), Err("malformed token".to_owned()));
    let token = idp.sign(&ed(), &claims(json!({})));
    for bad in ["", ".", "..", "a.b", "a.b.c.d.e", &format!("{token}="), &format!("{token}."), &token.replace('.', " ")]
    {
        assert_eq!(judge(&issuers, bad), Err("malformed token".to_owned()), "{bad}");
    }
}

#[test]
fn whose_token_it_is_says_the_configured_claim() {
    let idp = Idp::new(1);
    let nobody = || Err("token of nobody who is a user here".to_owned());
    let by_name = issuers(&idp, json!({}));
    for sub in [json!("eve"), json!("ADA"), json!(1), Value::Null] {
        assert_eq!(judge(&by_name, &idp.sign(&ed(), &claims(json!({"sub": sub})))), nobody());
    }
    let by_address = issuers(&idp, json!({"user_claim": "email", "users": {"ada@corp.example": "ada"}}));
    let of = |changes| judge(&by_address, &idp.sign(&ed(), &claims(changes)));
    assert_eq!(of(json!({"email": "ada@corp.example"})), Ok("ada".to_owned()));
    assert_eq!(of(json!({"email": "ada@corp.example", "email_verified": true})), Ok("ada".to_owned()));
    let unverified = Err("token with an address that is not verified".to_owned());
    assert_eq!(of(json!({"email": "ada@corp.example", "email_verified": false})), unverified);
    assert_eq!(of(json!({"email": "ada"})), nobody());
    assert_eq!(of(json!({})), nobody());
}

#[test]
fn a_token_needs_every_scope_and_is_told_all_of_them() {
    let idp = Idp::new(1);
    let issuers = issuers(&idp, json!({"scopes_required": ["mcp", "tools"]}));
    let of = |changes| judge(&issuers, &idp.sign(&ed(), &claims(changes)));
    for good in [json!({"scope": "tools x mcp"}), json!({"scp": ["mcp", "tools"]}), json!({"scp": "mcp tools"})] {
        assert_eq!(of(good), Ok("ada".to_owned()));
    }
    for bad in [json!({}), json!({"scope": "mcp"}), json!({"scope": "mcp,tools"}), json!({"scope": 1})] {
        assert_eq!(of(bad), Err("a scope is missing; needed: mcp tools".to_owned()));
    }
}

#[test]
fn a_configured_audience_is_accepted_besides_the_endpoint() {
    let idp = Idp::new(1);
    let issuers = issuers(&idp, json!({"audiences": ["api://mcp"]}));
    for (aud, good) in [("api://mcp", true), (RESOURCE, true), ("api://other", false)] {
        assert_eq!(judge(&issuers, &idp.sign(&ed(), &claims(json!({"aud": aud})))).is_ok(), good, "{aud}");
    }
}

#[test]
fn a_token_without_a_plain_id_is_called_by_its_digest() {
    let idp = Idp::new(1);
    for jti in [Value::Null, json!(7), json!(""), json!("a\nb"), json!("x".repeat(65))] {
        let token = idp.sign(&ed(), &claims(json!({"jti": jti})));
        let judged = recognised(&issuers(&idp, json!({})), &token).unwrap();
        assert_eq!(judged.token_id, token::digest(&token)[..16]);
    }
}

#[test]
fn a_token_for_a_gateway_is_none_for_the_control_plane_nor_the_other_way_round() {
    let idp = Idp::new(1);
    let issuers = issuers(&idp, json!({"audiences": ["api://mcp"], "control_plane_audiences": ["api://mcpd"]}));
    let check = |aud: &str, resource: Resource<'_>, good: bool| {
        let token = idp.sign(&ed(), &claims(json!({"aud": aud})));
        let judged = issuers.recognise(&token, resource, Timestamp::from_millis(NOW_S * 1_000));
        assert_eq!(judged.is_ok(), good, "{aud} {resource:?}");
    };
    let mcpd = Resource::ControlPlane(Some("https://mcpd.example"));
    for aud in ["https://mcpd.example", "api://mcpd"] {
        check(aud, mcpd, true);
        check(aud, Resource::Endpoint(RESOURCE), false);
    }
    for aud in [RESOURCE, "api://mcp", "", "https://mcpd.example/"] {
        check(aud, mcpd, false);
        check(aud, Resource::ControlPlane(None), false);
    }
    check("api://mcpd", Resource::ControlPlane(None), true);
}

#[test]
fn nobody_speaks_for_a_disabled_user() {
    let idp = Idp::new(1);
    let spec = json!({"issuer": "https://idp.example", "jwks": {"keys": idp.keys()}});
    let users = |disabled: bool| {
        Issuers::compile(&snapshot(json!([
            {"kind": "user", "name": "ada", "spec": {"disabled": disabled}},
            {"kind": "issuer", "name": "idp", "spec": spec},
        ])))
    };
    let speaker = recognised(&users(false), &idp.sign(&ed(), &claims(json!({})))).unwrap();
    assert!(users(false).again(&speaker).is_some());
    assert!(users(true).again(&speaker).is_none() && Issuers::default().again(&speaker).is_none());
    assert!(judge(&users(true), &idp.sign(&ed(), &claims(json!({})))).is_err());
}

proptest! {
    #[test]
    fn one_changed_character_makes_a_token_worthless(at in any::<proptest::sample::Index>(), with in "[A-Za-z0-9_.-]") {
        let idp = Idp::new(1);
        let token = idp.sign(&ed(), &claims(json!({})));
        let at = at.index(token.len());
        let changed = format!("{}{with}{}", &token[..at], &token[at + 1..]);
        assert!(changed == token || judge(&issuers(&idp, json!({})), &changed).is_err(), "{changed}");
    }

    #[test]
    fn no_text_is_taken_for_a_token(text in "[ -~]{0,80}", more in "\\PC{0,20}") {
        assert!(judge(&issuers(&Idp::new(1), json!({})), &format!("{text}.{more}.{text}")).is_err());
    }
}

#[test]
fn an_id_token_for_the_login_client_opens_a_session_and_nothing_else() {
    let idp = Idp::new(1);
    let issuers = issuers(&idp, json!({"device_client_id": "mcpctl", "scopes_required": ["mcp"]}));
    let check = |audience: Value, resource: Resource<'_>| {
        let token = idp.sign(&ed(), &claims(json!({"aud": audience})));
        issuers.recognise(&token, resource, Timestamp::from_millis(NOW_S * 1_000)).is_ok()
    };
    let login = Resource::Login(Some("https://mcpd.example"));
    assert!(check(json!("mcpctl"), login) && check(json!(["mcpctl"]), login));
    // For several it may have been given to any of them; for the control plane itself it needs the scopes.
    assert!(!check(json!(["mcpctl", "other"]), login) && !check(json!("https://mcpd.example"), login));
    for elsewhere in [Resource::ControlPlane(Some("https://mcpd.example")), Resource::Endpoint(RESOURCE)] {
        assert!(!check(json!("mcpctl"), elsewhere));
    }
}

//! The arguments of a call as the audit log may have them: values, but not what looks like a secret, and not without end.
//!
//! A leaf that looks like a secret, by its name or by its form, becomes `{"hmac": …, "type": …}`: a digest under a key of
//! this gateway. Equal secrets are seen to be equal, and nobody without the key can try values against it. That a text is a
//! secret in no form known here is not noticed: who wants to be sure leaves values out.

use crate::audit::Auditor;
use serde_json::{Map, Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

/// Longest text of a leaf, in bytes; of a longer one the beginning, its length and its digest are kept.
const TEXT_BYTES_MAX: usize = 1_024;
/// Size of all of it as JSON, in bytes; what is beyond is told by its number and digest.
const BYTES_MAX: usize = 16 << 10;
/// Room that what tells of a cut takes, in bytes.
const CUT_BYTES: usize = 200;

/// Parts of names whose values are secrets, in lower case and without separators.
const SECRET_NAMES: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "cookie",
    "bearer",
    "sessionid",
    "clientsecret",
    "connectionstring",
    "otp",
];
/// What tokens of known kinds begin with: ours, GitHub, GitLab, Slack, AWS, Google, npm, PyPI, Stripe and model providers,
/// Vault, JWT, PEM.
const SECRET_FORMS: [&str; 34] = [
    "mcpctl_pat_",
    "mcpctl_gw_",
    "mcpctl_join_",
    "mcpctl_ses_",
    "mcpctl_connect_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "npm_",
    "pypi-",
    "sk_live_",
    "rk_live_",
    "sk-",
    "hvs.",
    "hvb.",
    "ATATT",
    "eyJ",
    "-----BEGIN",
    "Bearer ",
    "Basic ",
];

/// `raw` as it is recorded.
pub(super) fn recorded(raw: &RawValue, auditor: &Auditor) -> Value {
    let digest = |text: &[u8]| auditor.keyed_digest(text);
    recorded_with(raw, &digest)
}

fn recorded_with(raw: &RawValue, digest: &dyn Fn(&[u8]) -> String) -> Value {
    // What was forwarded was read strictly before, so this cannot fail.
    let Ok(value) = serde_json::from_str(raw.get()) else {
        return json!({"cut": {"bytes": raw.get().len()}});
    };
    let mut left = BYTES_MAX;
    Recording { digest }.value(value, false, &mut left)
}

struct Recording<'a> {
    digest: &'a dyn Fn(&[u8]) -> String,
}

impl Recording<'_> {
    /// `value`, with at most `left` bytes of it; `secret`: by the name it has.
    fn value(&self, value: Value, secret: bool, left: &mut usize) -> Value {
        let value = match value {
            Value::Object(members) => return self.object(members, secret, left),
            Value::Array(elements) => return self.array(elements, secret, left),
            Value::Null => Value::Null,
            leaf if secret => self.hidden(&leaf),
            Value::String(text) if looks_secret(&text) => self.hidden(&Value::String(text)),
            Value::String(text) => Value::String(shortened(text)),
            leaf => leaf,
        };
        *left = left.saturating_sub(size(&value));
        value
    }

    fn object(&self, members: Map<String, Value>, secret: bool, left: &mut usize) -> Value {
        let mut kept = Map::new();
        let mut members = members.into_iter();
        while let Some((name, value)) = members.next() {
            if *left < CUT_BYTES {
                let rest: Map<String, Value> = std::iter::once((name, value)).chain(members).collect();
                kept.insert("…".to_owned(), self.cut(rest.len(), &Value::Object(rest)));
                break;
            }
            let secret = secret || names_secret(&name);
            let name =
                if looks_secret(&name) { format!("hmac:{}", (self.digest)(name.as_bytes())) } else { shortened(name) };
            *left = left.saturating_sub(name.len() + 4);
            kept.insert(name, self.value(value, secret, left));
        }
        Value::Object(kept)
    }

    fn array(&self, elements: Vec<Value>, secret: bool, left: &mut usize) -> Value {
        let mut kept = Vec::new();
        let mut elements = elements.into_iter();
        while let Some(element) = elements.next() {
            if *left < CUT_BYTES {
                let rest: Vec<Value> = std::iter::once(element).chain(elements).collect();
                kept.push(self.cut(rest.len(), &Value::Array(rest)));
                break;
            }
            *left = left.saturating_sub(1);
            kept.push(self.value(element, secret, left));
        }
        Value::Array(kept)
    }

    /// A secret of any type: a number may be a PIN, and `true` an answer.
    fn hidden(&self, leaf: &Value) -> Value {
        let (kind, text) = match leaf {
            Value::String(text) => ("string", text.clone()),
            Value::Number(number) => ("number", number.to_string()),
            Value::Bool(truth) => ("boolean", truth.to_string()),
            other => ("other", other.to_string()),
        };
        json!({"hmac": (self.digest)(text.as_bytes()), "type": kind, "bytes": text.len()})
    }

    /// The rest may hold secrets: its digest is keyed, too.
    fn cut(&self, count: usize, rest: &Value) -> Value {
        let text = rest.to_string();
        json!({"cut": {"members": count, "bytes": text.len(), "hmac": (self.digest)(text.as_bytes())}})
    }
}

fn names_secret(name: &str) -> bool {
    let bare: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SECRET_NAMES.iter().any(|secret| bare.contains(secret))
}

/// Whether a token of a known kind stands anywhere in `text`, at the beginning of a word and long enough to be one.
fn looks_secret(text: &str) -> bool {
    const REST_MIN: usize = 12;
    SECRET_FORMS.iter().any(|form| {
        text.match_indices(form).any(|(at, _)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let follows = text.get(at + form.len()..).unwrap_or_default();
            before.is_none_or(|c| !c.is_ascii_alphanumeric()) && rest_of_word(follows) >= REST_MIN
                || *form == "-----BEGIN"
        })
    })
}

fn rest_of_word(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_-.+/=".contains(b)).count()
}

fn shortened(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let (length, digest) = (text.len(), hex::encode(Sha256::digest(text.as_bytes())));
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX - CUT_BYTES));
        text.push_str(&format!("… ({length} bytes, sha256 {digest})"));
    }
    text
}

/// As JSON, where a control character takes six bytes.
fn size(value: &Value) -> usize {
    value.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &Value) -> Value {
        let raw = serde_json::value::to_raw_value(arguments).unwrap();
        recorded_with(&raw, &|text| format!("<{}>", text.len()))
    }

    #[test]
    fn what_is_no_secret_is_recorded_as_it_is() {
        let plain =
            json!({"channel": "general", "limit": 20, "deep": [{"a": null, "b": true}], "note": "a sketch of ghp_"});
        assert_eq!(check(&plain), plain);
    }

    #[test]
    fn s_04_a_secret_by_its_form_is_hidden_wherever_it_stands() {
        let tokens = [
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "AKIAIOSFODNN7EXAMPLE",
            "mcpctl_pat_0123456789abcdefghijABCDEFGHIJ0123456789abc1A2B3C",
            "xoxb-4242424242-whole-system",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        ];
        for token in tokens {
            for text in [token.to_owned(), format!("use {token} for it"), format!("key={token};")] {
                let shown = check(&json!({"text": text, "list": [text], text.clone(): 1})).to_string();
                assert!(!shown.contains(&token[..16]), "{shown}");
                assert_eq!(shown.matches("\"type\":\"string\"").count(), 2, "{shown}");
            }
        }
    }

    #[test]
    fn s_04_a_secret_by_its_name_is_hidden_of_every_type() {
        for name in ["password", "API-Key", "clientSecret", "x_auth_token", "Set-Cookie"] {
            let shown = check(&json!({name: "open sesame", "n": {name: 4_711}, "l": {name: [true, {"x": "inner"}]}}));
            let text = shown.to_string();
            for bare in ["open sesame", "4711", "true", "inner"] {
                assert!(!text.contains(bare), "{name}: {text}");
            }
            assert_eq!(shown["n"][name], json!({"hmac": "<4>", "type": "number", "bytes": 4}));
        }
    }

    #[test]
    fn a_09_arguments_without_end_are_cut_with_a_digest_of_the_rest() {
        let long = check(&json!({"text": "x".repeat(64 << 20)}));
        assert!(long["text"].as_str().unwrap().contains("67108864 bytes, sha256 "));
        let many: Vec<Value> = (0..100_000).map(|number| json!({"n": number, "password": "hush"})).collect();
        let wide: Map<String, Value> = (0..50_000).map(|number| (format!("k{number}"), json!("\u{1}\u{1}"))).collect();
        for arguments in [
            json!({"many": many}),
            Value::Object(wide),
            json!({"a": "\u{1}".repeat(900), "b": vec!["\u{1}".repeat(900); 40]}),
        ] {
            let shown = check(&arguments).to_string();
            assert!(shown.len() < BYTES_MAX + 8 * 1_024 && shown.contains("\"cut\""), "{}", shown.len());
            assert!(!shown.contains("hush"));
        }
    }
}

//! What a gateway keeps secret: its identity towards the control plane, and the credentials of upstream servers.
//!
//! A [`Secret`] can be used and cannot be shown. A [`Keyring`] turns the sealed values of a snapshot into secrets; an
//! [`Identity`] is what enrolment ([`establish`]) gives and `identity.json` keeps. Deliberately unknown here: which
//! server needs which secret, and how it is injected.
//!
//! ```no_run
//! # use gateway::{keys, settings::{Settings, StateDir}};
//! # async fn start(settings: Settings) -> anyhow::Result<()> {
//! let state = StateDir::open(&settings.state_path()?)?;
//! let audit_key = keys::AuditKey::load(&state)?;
//! let identity = keys::establish(&keys::Enrolment::from_settings(&settings, &state, &audit_key)).await?;
//! let control_plane = gateway::control_plane::ControlPlane::new(&settings.mcpd_url, &settings.name, identity.token())?;
//! let keyring = keys::Keyring::Sealed(identity.into());   // keyring.open(&spec)? gives a Secret
//! # Ok(())
//! # }
//! ```

mod audit_key;
mod enrol;
mod identity;

pub use audit_key::{AuditKey, AuditKeyError, HidingKey};
pub use control_plane_api::secret::Secret;
pub use enrol::{EnrolError, Enrolment, establish};
pub use identity::{Identity, IdentityError};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use control_plane_api::secret::SecretSpec;
use std::sync::Arc;

/// Why a secret of a snapshot is of no use. Never holds the value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// Damaged, sealed to another gateway's key, or not text.
    #[error("it is not sealed to this gateway: set it again with `mcpctl setup`")]
    NotSealedToUs,
    /// A configuration file refers to a variable that is not set.
    #[error("the environment variable `{0}` is not set")]
    NotInEnvironment(String),
    /// A configuration file holds something else than a reference.
    #[error("write `env:NAME`: a configuration file names the environment variable that holds a secret")]
    NotAReference,
}

/// What opens the secrets of a snapshot. Cheap to clone.
#[derive(Clone)]
pub enum Keyring {
    /// From a control plane: sealed to this gateway's key.
    Sealed(Arc<Identity>),
    /// From a configuration file: `sealed: "env:NAME"` stands for the environment variable `NAME`.
    Environment,
}

impl Keyring {
    /// The token by which the control plane knows this gateway; none without one.
    #[must_use]
    pub fn own_token(&self) -> Option<Secret> {
        match self {
            Self::Sealed(identity) => Some(identity.token()),
            Self::Environment => None,
        }
    }

    /// The value of `spec`.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn open(&self, spec: &SecretSpec) -> Result<Secret, SecretError> {
        match self {
            Self::Sealed(identity) => {
                let sealed = BASE64_STANDARD.decode(&spec.sealed).map_err(|_| SecretError::NotSealedToUs)?;
                let value = identity.unseal(&sealed).ok_or(SecretError::NotSealedToUs)?;
                String::from_utf8(value).map(Secret::new).map_err(|_| SecretError::NotSealedToUs)
            }
            Self::Environment => {
                let name = spec.sealed.strip_prefix("env:").ok_or(SecretError::NotAReference)?;
                std::env::var(name).map(Secret::new).map_err(|_| SecretError::NotInEnvironment(name.to_owned()))
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::identity::tests::signing_key;
    use super::*;
    use crate::upstream::{Endpoint, credentials::Bearer};
    use crypto_box::{PublicKey, aead::OsRng};
    use serde::Serialize;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Endpoint: Debug, Display, Serialize);
    assert_not_impl_any!(Bearer: Debug, Display, Serialize);
    assert_not_impl_any!(Identity: Debug, Display, Serialize);
    assert_not_impl_any!(Keyring: Debug, Display, Serialize);

    fn check(keyring: &Keyring, sealed: &str, expected: Result<&str, SecretError>) {
        let opened = keyring.open(&SecretSpec { sealed: sealed.to_owned() });
        assert_eq!(opened.as_ref().map(Secret::expose), expected.as_ref().copied());
    }

    fn seal(to: &Identity, value: &[u8]) -> String {
        let key = PublicKey::from_slice(&hex::decode(to.sealing_key()).unwrap()).unwrap();
        BASE64_STANDARD.encode(key.seal(&mut OsRng, value).unwrap())
    }

    #[test]
    fn only_the_gateway_it_was_sealed_to_opens_a_secret() {
        let (ours, theirs) = (identity::tests::identity("ours"), identity::tests::identity("theirs"));
        let (for_us, for_them) = (seal(&ours, "xoxb-ü".as_bytes()), seal(&theirs, b"x"));
        let not_text = seal(&ours, &[0xff]);
        let keyring = Keyring::Sealed(ours.into());
        check(&keyring, &for_us, Ok("xoxb-ü"));
        for bad in [&for_them, &not_text, "", "AAAA", "not base64!"] {
            check(&keyring, bad, Err(SecretError::NotSealedToUs));
        }
    }

    #[test]
    fn a_configuration_file_names_variables() {
        check(&Keyring::Environment, "env:PATH", Ok(&std::env::var("PATH").unwrap()));
        check(&Keyring::Environment, "env:NOT_SET_X", Err(SecretError::NotInEnvironment("NOT_SET_X".to_owned())));
        check(&Keyring::Environment, "xoxb-1", Err(SecretError::NotAReference));
    }
}

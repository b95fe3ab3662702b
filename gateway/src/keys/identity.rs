//! Who this gateway is: `identity.json` in the state directory, readable by its user only.

use super::Secret;
use crate::settings::{StateDir, replace_file};
use control_plane_api::{gateway::EnrolReply, name::Name};
use crypto_box::{SecretKey, aead::OsRng};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use std::{fs::File, io, io::Read as _, os::unix::fs::PermissionsExt as _};
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

const FILE: &str = "identity.json";

/// An enrolled gateway: its keys, its token, and the key that verifies what the control plane signs.
pub struct Identity {
    name: Name,
    sealing: SecretKey,
    token: Secret,
    verifying_key: VerifyingKey,
}

/// Why there is no usable identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// `identity.json` cannot be read or written.
    #[error("`identity.json` cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// Other users can read it, so it is no secret any more.
    #[error(
        "`identity.json` can be read by other users: make it mode 0600 if you trust them, else delete it and enrol again"
    )]
    Exposed,
    /// It is not what this program wrote, or the control plane answered with keys that are none.
    #[error("the identity is damaged ({0}): delete `identity.json` and enrol again")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    name: Name,
    sealing_key: String,
    token: String,
    verifying_key: String,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.sealing_key.zeroize();
        self.token.zeroize();
    }
}

impl ZeroizeOnDrop for Stored {}

impl Identity {
    /// The stored identity of the gateway `name`; none before the first enrolment.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn load(state: &StateDir, name: &Name) -> Result<Option<Self>, IdentityError> {
        let mut file = match File::open(state.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(IdentityError::Exposed);
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text)?;
        let stored: Stored = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if stored.name != *name {
            return Err(damaged(format!("it belongs to the gateway `{}`", stored.name)));
        }
        let sealing = key_bytes(&stored.sealing_key)?;
        let identity = Self {
            name: stored.name.clone(),
            sealing: SecretKey::from_bytes(*sealing),
            token: Secret::new(stored.token.clone()),
            verifying_key: verifying_key(&stored.verifying_key)?,
        };
        Ok(Some(identity))
    }

    /// Writes `identity.json`: whole and durable when this returns.
    pub(super) fn save(&self, state: &StateDir) -> Result<(), IdentityError> {
        let stored = Stored {
            name: self.name.clone(),
            sealing_key: hex::encode(Zeroizing::new(self.sealing.to_bytes())),
            token: self.token.expose().to_owned(),
            verifying_key: hex::encode(self.verifying_key.as_bytes()),
        };
        let text = Zeroizing::new(serde_json::to_vec_pretty(&stored).map_err(io::Error::from)?);
        Ok(replace_file(&state.join(FILE), &text)?)
    }

    /// The identity that `reply` completes.
    pub(super) fn enrolled(name: &Name, sealing: SecretKey, reply: EnrolReply) -> Result<Self, IdentityError> {
        let verifying_key = verifying_key(&reply.verifying_key)?;
        Ok(Self { name: name.clone(), sealing, token: Secret::new(reply.token), verifying_key })
    }

    /// The bearer this gateway shows to the control plane.
    #[must_use]
    pub fn token(&self) -> Secret {
        self.token.clone()
    }

    /// The key that verifies every signed event of the control plane.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying_key
    }

    /// Hex X25519 public key to which secrets are sealed.
    #[must_use]
    pub fn sealing_key(&self) -> String {
        hex::encode(self.sealing.public_key().as_bytes())
    }

    /// Opens a NaCl sealed box; none when it was not sealed to this gateway.
    pub(super) fn unseal(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.sealing.unseal(sealed).ok()
    }
}

/// A new X25519 key pair for sealing.
pub(super) fn new_sealing_key() -> SecretKey {
    SecretKey::generate(&mut OsRng)
}

fn verifying_key(text: &str) -> Result<VerifyingKey, IdentityError> {
    VerifyingKey::from_bytes(&*key_bytes(text)?)
        .map_err(|_| damaged("its verifying key is not an Ed25519 key".to_owned()))
}

fn key_bytes(text: &str) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, &mut *bytes).map_err(|_| damaged("a key is not 64 hex digits".to_owned()))?;
    Ok(bytes)
}

fn damaged(why: String) -> IdentityError {
    IdentityError::Damaged(why)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use std::{fs::Permissions, path::Path};

    /// The key a fake control plane signs with.
    pub(crate) fn signing_key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    pub(crate) fn identity(name: &str) -> Identity {
        let reply = EnrolReply {
            token: "mcpctl_gw_test".to_owned(),
            verifying_key: hex::encode(signing_key().verifying_key().as_bytes()),
        };
        Identity::enrolled(&name.parse().unwrap(), new_sealing_key(), reply).unwrap()
    }

    fn saved(dir: &Path) -> (StateDir, Identity) {
        let state = StateDir::open(dir).unwrap();
        let identity = identity("local");
        identity.save(&state).unwrap();
        (state, identity)
    }

    fn load(state: &StateDir) -> Result<Option<Identity>, IdentityError> {
        Identity::load(state, &"local".parse().unwrap())
    }

    #[test]
    fn an_identity_survives_a_restart_and_only_its_user_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let (state, identity) = saved(dir.path());
        let loaded = load(&state).unwrap().unwrap();
        assert_eq!(loaded.sealing_key(), identity.sealing_key());
        assert_eq!(loaded.token().expose(), "mcpctl_gw_test");
        assert_eq!(loaded.verifying_key(), identity.verifying_key());
        assert_eq!(state.join(FILE).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_identity_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (state, _) = saved(dir.path());
        std::fs::set_permissions(state.join(FILE), Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load(&state), Err(IdentityError::Exposed)));
    }

    #[test]
    fn a_damaged_identity_is_refused_and_a_missing_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (state, _) = saved(dir.path());
        assert!(Identity::load(&state, &"other".parse().unwrap()).is_err());
        let good = std::fs::read_to_string(state.join(FILE)).unwrap();
        for bad in ["", "{}", &good.replacen("\"sealing_key\": \"", "\"sealing_key\": \"zz", 1)] {
            std::fs::write(state.join(FILE), bad).unwrap();
            assert!(matches!(load(&state), Err(IdentityError::Damaged(_))), "{bad}");
        }
        std::fs::remove_file(state.join(FILE)).unwrap();
        assert!(load(&state).unwrap().is_none());
    }
}

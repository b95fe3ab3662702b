//! The key that signs the checkpoints of this gateway's audit log: `audit-key` in the state directory, made at the first
//! start, and kept when the gateway enrols anew. Whoever has it can make up a log, so it is for nothing else.

use crate::settings::{StateDir, replace_file};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::rngs::OsRng;
use sha2_of_hmac::Sha256;
use std::{fs::File, io, io::Read as _, os::unix::fs::PermissionsExt as _, sync::Arc};
use zeroize::Zeroizing;

const FILE: &str = "audit-key";

/// An Ed25519 key pair. Cheap to clone; no Debug.
#[derive(Clone)]
pub struct AuditKey(Arc<SigningKey>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum AuditKeyError {
    /// It cannot be read or written.
    #[error("`{FILE}` cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// Other users can read it.
    #[error(
        "`{FILE}` can be read by other users: make it mode 0600 if you trust them, else delete it to have a new one made"
    )]
    Exposed,
    /// It holds something else.
    #[error("`{FILE}` is not 64 hex digits: put the right one back, or delete it to have a new one made")]
    Malformed,
}

impl AuditKey {
    /// The key of the gateway whose state is in `state`; makes one (mode 0600) at the first start.
    ///
    /// # Errors
    /// [`AuditKeyError`].
    pub fn load(state: &StateDir) -> Result<Self, AuditKeyError> {
        let mut text = Zeroizing::new(String::new());
        match File::open(state.join(FILE)) {
            Ok(mut file) => {
                if file.metadata()?.permissions().mode() & 0o077 != 0 {
                    return Err(AuditKeyError::Exposed);
                }
                file.read_to_string(&mut text)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *text = hex::encode(Zeroizing::new(SigningKey::generate(&mut OsRng).to_bytes()));
                replace_file(&state.join(FILE), text.as_bytes())?;
            }
            Err(error) => return Err(error.into()),
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), &mut *bytes).map_err(|_| AuditKeyError::Malformed)?;
        Ok(Self(Arc::new(SigningKey::from_bytes(&bytes))))
    }

    /// Hex public half, by which others verify.
    #[must_use]
    pub fn public(&self) -> String {
        hex::encode(self.0.verifying_key().as_bytes())
    }

    /// The key under which the log hides secrets; derived, so that it can be told from the one that signs.
    #[must_use]
    pub fn hiding(&self) -> HidingKey {
        let secret = Zeroizing::new(self.0.to_bytes());
        HidingKey(Arc::new(Zeroizing::new(mac(&*secret, b"mcpctl audit hiding v1"))))
    }

    /// What signs.
    pub(crate) fn signing(&self) -> &SigningKey {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(seed: u8) -> Self {
        Self(Arc::new(SigningKey::from_bytes(&[seed; 32])))
    }
}

/// Gives digests that only who has it can compute. Cheap to clone; no Debug.
#[derive(Clone)]
pub struct HidingKey(Arc<Zeroizing<[u8; 32]>>);

impl HidingKey {
    /// HMAC-SHA256 of `text`, in hex.
    #[must_use]
    pub fn digest(&self, text: &[u8]) -> String {
        hex::encode(mac(&self.0[..], text))
    }
}

/// HMAC-SHA256 (RFC 2104).
fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = [0; 32];
    // Keys of every length are taken, so this is always some.
    if let Ok(mut made) = Hmac::<Sha256>::new_from_slice(key) {
        made.update(text);
        mac = made.finalize().into_bytes().into();
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn the_key_is_made_once_and_only_its_user_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let made = AuditKey::load(&state).unwrap().public();
        assert_eq!(AuditKey::load(&state).unwrap().public(), made);
        let (one, other) = (AuditKey::of(1).hiding(), AuditKey::of(2).hiding());
        assert_eq!(one.digest(b"x"), AuditKey::of(1).hiding().digest(b"x"));
        assert_ne!(one.digest(b"x"), other.digest(b"x"));
        assert_eq!(state.join(FILE).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(state.join(FILE), Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(AuditKey::load(&state), Err(AuditKeyError::Exposed)));
        std::fs::remove_file(state.join(FILE)).unwrap();
        replace_file(&state.join(FILE), b"zz").unwrap();
        assert!(matches!(AuditKey::load(&state), Err(AuditKeyError::Malformed)));
    }
}

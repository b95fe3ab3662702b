//! What the encrypted file is encrypted with.

use super::KEY_FILE;
use crate::{failure::Failure, prompt};
use argon2::{Algorithm, Argon2, Params, Version};
use control_plane_api::secret::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use zeroize::Zeroizing;

/// Where systemd puts credentials, and what ours is called there.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
pub(crate) const CREDENTIAL: &str = "mcpctl-key";
/// The variable with a passphrase.
pub(crate) const PASSPHRASE: &str = "MCPCTL_PASSPHRASE";
/// Argon2id as OWASP's ASVS 5 wants it: KiB of memory, rounds, lanes.
const ARGON2: (u32, u32, u32) = (46 << 10, 1, 1);

/// A key.
pub(super) type Bytes = Zeroizing<[u8; 32]>;

/// The key of the last passphrase, and its salt: the bridge wants it again when a token is refused, and nobody types it twice.
static STRETCHED: Mutex<Option<(Vec<u8>, Bytes)>> = Mutex::new(None);

/// What the file is encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyKind {
    /// A systemd credential.
    Credential,
    /// A passphrase.
    Passphrase,
    /// A key in a file beside it.
    Beside,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential => write!(f, "the systemd credential `{CREDENTIAL}`"),
            Self::Passphrase => f.write_str("a passphrase"),
            Self::Beside => write!(f, "in `{KEY_FILE}` beside it"),
        }
    }
}

impl KeyKind {
    /// The best that there is for a new file.
    pub(super) fn available() -> Self {
        if systemd_file().is_some_and(|file| file.exists()) {
            Self::Credential
        } else if given().is_some() {
            Self::Passphrase
        } else {
            Self::Beside
        }
    }
}

/// The key from a systemd credential; none without one.
pub(super) fn of_systemd() -> Option<Bytes> {
    let text = fs::read(systemd_file()?).ok().map(Zeroizing::new)?;
    Some(Zeroizing::new(Sha256::digest(text.as_slice()).into()))
}

/// The key from the passphrase, which is asked for where that is possible; none without one.
pub(super) fn of_passphrase(salt: &[u8]) -> Result<Option<Bytes>, Failure> {
    let mut last = STRETCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, key)) = &*last
        && of == salt
    {
        return Ok(Some(key.clone()));
    }
    let passphrase = match given() {
        Some(passphrase) => passphrase,
        None if prompt::is_possible() => prompt::ask_passphrase("passphrase of mcpctl's credentials: ")?,
        None => return Ok(None),
    };
    let key = stretched(passphrase.expose(), salt)?;
    *last = Some((salt.to_vec(), key.clone()));
    Ok(Some(key))
}

/// Whether the passphrase is there without asking.
pub(super) fn is_given() -> bool {
    given().is_some()
}

fn systemd_file() -> Option<PathBuf> {
    env::var_os(CREDENTIALS_DIRECTORY).map(|folder| Path::new(&folder).join(CREDENTIAL))
}

fn given() -> Option<Secret> {
    env::var(PASSPHRASE).ok().filter(|text| !text.is_empty()).map(Secret::new)
}

fn stretched(passphrase: &str, salt: &[u8]) -> Result<Bytes, Failure> {
    let (memory, rounds, lanes) = ARGON2;
    let mut key = Zeroizing::new([0_u8; 32]);
    Params::new(memory, rounds, lanes, Some(32))
        .map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
        .and_then(|argon2| argon2.hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice()))
        .map_err(|error| Failure::failed(format!("the passphrase cannot be used: {error}")))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_gives_one_key_for_one_salt() {
        let key = |passphrase, salt: [u8; 16]| stretched(passphrase, &salt).unwrap();
        assert_eq!(key("a", [1; 16]), key("a", [1; 16]));
        assert_ne!(key("a", [1; 16]), key("b", [1; 16]));
        assert_ne!(key("a", [1; 16]), key("a", [2; 16]));
    }
}

//! The master key: 32 random bytes in a file that only its owner can read.

use crate::home::{HomeError, PrivateFile};
use rand::{RngCore as _, rngs::OsRng};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};
use zeroize::Zeroizing;

/// Longest key file that is read, in bytes: 64 hex digits and some white space.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// The master key. No Debug.
pub(crate) struct MasterKey(Zeroizing<[u8; 32]>);

/// Why there is no master key, or why it is not the right one.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Reading failed.
    #[error("cannot read the master key file `{path}`: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Others could read it.
    #[error("the master key file `{path}` can be read by others (mode {mode:o})")]
    Exposed {
        /// Which file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("the master key file `{path}` does not hold 64 hex digits")]
    Malformed {
        /// Which file.
        path: String,
    },
    /// It could not be made.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The database was made with another key.
    #[error("the master key does not fit the database: the secrets in it were encrypted with another one")]
    Mismatch,
}

impl MasterKeyError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check MCPD_MASTER_KEY_FILE and who may read the file",
            Self::Exposed { .. } => "make it yours alone with `chmod 600`, and consider the key known to others",
            Self::Malformed { .. } => "restore the file from a backup; a new key cannot read the old secrets",
            Self::Home(error) => error.hint(),
            Self::Mismatch => {
                "point MCPD_MASTER_KEY_FILE to the key this database was made with, or use a new database"
            }
        }
    }
}

impl MasterKey {
    /// Reads the key from `path`; makes one there at first start.
    pub(crate) fn load(path: &Path) -> Result<Self, MasterKeyError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = Zeroizing::new([0_u8; 32]);
                OsRng.fill_bytes(bytes.as_mut_slice());
                let text = Zeroizing::new(format!("{}\n", Zeroizing::new(hex::encode(bytes.as_slice())).as_str()));
                // Another process may have been first: its key is the one that counts, so it is read back.
                PrivateFile::write(path, &text)?.put_new()?;
            }
            _ => {}
        }
        Self::read(path)
    }

    fn read(path: &Path) -> Result<Self, MasterKeyError> {
        let name = || path.display().to_string();
        let unreadable = |source| MasterKeyError::Unreadable { path: name(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed { path: name(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
            .map_err(|_| MasterKeyError::Malformed { path: name() })?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    #[cfg(test)]
    pub(crate) fn of(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, mode: u32) -> Result<MasterKey, MasterKeyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        MasterKey::load(&path)
    }

    #[test]
    fn the_key_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        let first = MasterKey::load(&path).unwrap();
        assert_eq!(first.bytes(), MasterKey::load(&path).unwrap().bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let key = "ab".repeat(32);
        assert!(check(&key, 0o400).is_ok());
        for mode in [0o640, 0o604, 0o660, 0o644] {
            assert!(matches!(check(&key, mode), Err(MasterKeyError::Exposed { .. })), "{mode:o}");
        }
    }

    #[test]
    fn anything_but_64_hex_digits_is_refused() {
        for text in ["", "abc", &"g".repeat(64), &"ab".repeat(33)] {
            assert!(matches!(check(text, 0o600), Err(MasterKeyError::Malformed { .. })), "{text}");
        }
    }
}

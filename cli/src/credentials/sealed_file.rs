//! The encrypted file, for machines without a keyring: `credentials.json`, 0600, XChaCha20-Poly1305.
//!
//! Its key is the first of: a systemd credential; a passphrase (Argon2id); a random key in a file beside it, which protects
//! only backups and strangers to whom the file alone was shown.

mod key;

pub(super) use key::{CREDENTIAL, KeyKind, PASSPHRASE};

use crate::{
    failure::{During as _, Failure, Status},
    home::{mode_of, replace},
};
use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use control_plane_api::secret::Secret;
use rand::{RngCore as _, rngs::OsRng};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

const FILE: &str = "credentials.json";
const KEY_FILE: &str = "credentials.key";
const PRIVATE: u32 = 0o600;
const FORMAT: u8 = 1;
const AAD: &[u8] = b"mcpctl|credentials|1";

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u8,
    key: KeyKind,
    salt: String,
    nonce: String,
    ciphertext: String,
}

/// See the module.
pub(super) struct SealedFile<'a> {
    root: &'a Path,
}

impl<'a> SealedFile<'a> {
    pub(super) fn of(root: &'a Path) -> Self {
        Self { root }
    }

    /// What is in the file, and with what it is encrypted; none without a file.
    pub(super) fn get(&self) -> Result<Option<(Secret, KeyKind)>, Failure> {
        let Some(stored) = self.stored()? else {
            return Ok(None);
        };
        let bytes = |text: &str| hex::decode(text).map_err(|_| self.damaged());
        let (salt, nonce, ciphertext) = (bytes(&stored.salt)?, bytes(&stored.nonce)?, bytes(&stored.ciphertext)?);
        if nonce.len() != 24 {
            return Err(self.damaged());
        }
        let key = self.key(stored.key, &salt)?;
        let payload = Payload { msg: &ciphertext, aad: AAD };
        let plain =
            XChaCha20Poly1305::new(Key::from_slice(key.as_slice())).decrypt(XNonce::from_slice(&nonce), payload);
        let plain = plain.map(Zeroizing::new).map_err(|_| {
            let path = self.path(FILE);
            let message =
                format!("`{}` does not open: its key, which is {}, is another one", path.display(), stored.key);
            Failure::new(Status::Unauthenticated, message)
                .hint("give the right one, or forget the credential with `mcpctl credentials delete` and keep it anew")
        })?;
        let text = std::str::from_utf8(&plain).map_err(|_| self.damaged())?;
        Ok(Some((Secret::new(text.to_owned()), stored.key)))
    }

    /// What is in the file, unless a passphrase would have to be asked for.
    pub(super) fn get_silently(&self) -> Result<Option<Secret>, Failure> {
        match self.stored()? {
            Some(stored) if stored.key == KeyKind::Passphrase && !key::is_given() => Ok(None),
            _ => Ok(self.get()?.map(|(secret, _)| secret)),
        }
    }

    /// Writes the file anew; with what it is encrypted.
    pub(super) fn set(&self, secret: &Secret) -> Result<KeyKind, Failure> {
        let kind = self.next_key()?;
        if kind == KeyKind::Beside && !self.path(KEY_FILE).exists() {
            let mut bytes = Zeroizing::new([0_u8; 32]);
            OsRng.fill_bytes(bytes.as_mut_slice());
            self.write(KEY_FILE, Zeroizing::new(hex::encode(bytes.as_slice())).as_bytes())?;
        }
        let (mut salt, mut nonce) = ([0_u8; 16], [0_u8; 24]);
        OsRng.fill_bytes(&mut salt);
        OsRng.fill_bytes(&mut nonce);
        let key = self.key(kind, &salt)?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: AAD };
        let sealed =
            XChaCha20Poly1305::new(Key::from_slice(key.as_slice())).encrypt(XNonce::from_slice(&nonce), payload);
        let ciphertext = sealed.map_err(|_| Failure::failed("the credential is too long to be encrypted"))?;
        let stored = Stored {
            format: FORMAT,
            key: kind,
            salt: hex::encode(salt),
            nonce: hex::encode(nonce),
            ciphertext: hex::encode(ciphertext),
        };
        let text = serde_json::to_string_pretty(&stored).map_err(|error| Failure::failed(error.to_string()))?;
        self.write(FILE, text.as_bytes())?;
        Ok(kind)
    }

    /// What the next file is encrypted with. One that needs a passphrase or a systemd credential is never followed by one
    /// whose key lies beside it.
    pub(super) fn next_key(&self) -> Result<KeyKind, Failure> {
        let next = KeyKind::available();
        match self.stored()?.map(|stored| stored.key) {
            Some(now) if next == KeyKind::Beside && now != KeyKind::Beside => {
                let path = self.path(FILE);
                let message = format!("`{}` is protected by {now}, which is not given", path.display());
                let hint = format!(
                    "set {PASSPHRASE}, or give up the protection with `mcpctl credentials delete` and keep the credential anew"
                );
                Err(Failure::new(Status::Unauthenticated, message).hint(hint))
            }
            _ => Ok(next),
        }
    }

    /// Removes the file and a key beside it, which opens nothing else. Whether there was a file.
    pub(super) fn delete(&self) -> Result<bool, Failure> {
        let removed = self.remove(FILE)?;
        self.remove(KEY_FILE)?;
        Ok(removed)
    }

    fn remove(&self, name: &str) -> Result<bool, Failure> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).during(|| format!("cannot delete `{}`", path.display())),
        }
    }

    fn stored(&self) -> Result<Option<Stored>, Failure> {
        let path = self.path(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).during(|| format!("cannot read `{}`", path.display())),
        };
        refuse_exposed(&path)?;
        let stored: Option<Stored> = serde_json::from_str(&text).ok();
        stored.filter(|stored| stored.format == FORMAT).map(Some).ok_or_else(|| self.damaged())
    }

    fn key(&self, kind: KeyKind, salt: &[u8]) -> Result<key::Bytes, Failure> {
        let missing = |what: String| {
            Failure::new(Status::Unauthenticated, format!("`{}` cannot be opened: {what}", self.path(FILE).display()))
                .hint("give it, or forget the credential with `mcpctl credentials delete`")
        };
        match kind {
            KeyKind::Credential => {
                key::of_systemd().ok_or_else(|| missing(format!("there is no systemd credential `{CREDENTIAL}`")))
            }
            KeyKind::Passphrase => key::of_passphrase(salt)?.ok_or_else(|| missing(format!("{PASSPHRASE} is not set"))),
            KeyKind::Beside => {
                let path = self.path(KEY_FILE);
                let text = fs::read_to_string(&path)
                    .map(Zeroizing::new)
                    .during(|| format!("cannot read `{}`", path.display()))?;
                refuse_exposed(&path)?;
                let mut key = Zeroizing::new([0_u8; 32]);
                hex::decode_to_slice(text.trim(), key.as_mut_slice()).map_err(|_| self.damaged())?;
                Ok(key)
            }
        }
    }

    fn write(&self, name: &str, text: &[u8]) -> Result<(), Failure> {
        let path = self.path(name);
        replace(&path, text, PRIVATE).during(|| format!("cannot write `{}`", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn damaged(&self) -> Failure {
        Failure::failed(format!("`{}` or its key is damaged", self.path(FILE).display()))
            .hint("forget both with `mcpctl credentials delete` and keep the credential anew")
    }
}

fn refuse_exposed(path: &Path) -> Result<(), Failure> {
    if mode_of(path).is_some_and(|mode| mode & 0o077 != 0) {
        let message = format!("`{}` can be read by other users, so it is not used", path.display());
        return Err(Failure::new(Status::Unauthenticated, message).hint(format!("chmod 600 {}", path.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn check(secret: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = SealedFile::of(folder.path());
        assert!(file.get().unwrap().is_none());
        assert_eq!(file.set(&Secret::new(secret.to_owned())).unwrap(), KeyKind::Beside);
        let (found, kind) = file.get().unwrap().unwrap();
        assert_eq!((found.expose(), kind), (secret, KeyKind::Beside));
        folder
    }

    #[test]
    fn a_credential_comes_back_and_stands_nowhere_in_the_clear() {
        let folder = check("mcpctl_pat_canary");
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            assert!(!fs::read_to_string(&path).unwrap().contains("canary"));
            assert_eq!(mode_of(&path), Some(0o600));
        }
        assert!(SealedFile::of(folder.path()).delete().unwrap());
        assert!(!SealedFile::of(folder.path()).delete().unwrap());
    }

    #[test]
    fn another_key_a_change_and_open_permissions_are_refused() {
        let folder = check("mcpctl_pat_canary");
        let file = SealedFile::of(folder.path());
        fs::write(folder.path().join(KEY_FILE), "ab".repeat(32)).unwrap();
        assert_eq!(file.get().err().unwrap().status, Status::Unauthenticated);
        fs::set_permissions(folder.path().join(KEY_FILE), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(file.get().err().unwrap().hint.unwrap().starts_with("chmod 600"));
        let folder = check("mcpctl_pat_canary");
        fs::write(folder.path().join(FILE), "{}").unwrap();
        let file = SealedFile::of(folder.path());
        assert!(file.get().err().unwrap().message.contains("damaged"));
        assert!(file.set(&Secret::new("x".to_owned())).err().unwrap().hint.unwrap().contains("credentials delete"));
        assert!(file.delete().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

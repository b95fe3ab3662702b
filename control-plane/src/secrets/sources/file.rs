//! Master keys in a file that only its owner can read: 64 hex digits on each line, the newest key first.

use super::{KeySource, parse};
use crate::{
    home::PrivateFile,
    secrets::{MasterKey, MasterKeyError},
    store::Store,
};
use futures::future::BoxFuture;
use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};
use zeroize::Zeroizing;

/// Longest key file that is read, in bytes: some hundred keys.
const KEY_FILE_BYTES_MAX: u64 = 8 << 10;

/// See the module.
pub(crate) struct FileSource {
    path: PathBuf,
}

impl FileSource {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The keys in the file; makes one there at first start.
    pub(crate) fn load(&self) -> Result<Vec<MasterKey>, MasterKeyError> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Another process may have been first: its key is the one that counts, so it is read back.
                PrivateFile::write(&self.path, &lines(&[MasterKey::random()]))?.put_new()?;
            }
            _ => {}
        }
        self.read()
    }

    fn read(&self) -> Result<Vec<MasterKey>, MasterKeyError> {
        let path = || self.path.display().to_string();
        let unreadable = |source| MasterKeyError::Unreadable { path: path(), source };
        let file = File::open(&self.path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed { path: path(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        parse(&text).ok_or_else(|| MasterKeyError::Malformed { place: self.place() })
    }

    fn write(&self, keys: &[MasterKey]) -> Result<(), MasterKeyError> {
        PrivateFile::write(&self.path, &lines(keys))?.put()?;
        Ok(())
    }
}

impl KeySource for FileSource {
    fn place(&self) -> String {
        format!("file `{}`", self.path.display())
    }

    fn keys<'a>(&'a self, _store: &'a Store) -> BoxFuture<'a, Result<Vec<MasterKey>, MasterKeyError>> {
        Box::pin(async { self.load() })
    }

    fn is_renewable(&self) -> bool {
        true
    }

    fn renew(&self) -> Result<(), MasterKeyError> {
        let mut keys = self.read()?;
        keys.insert(0, MasterKey::random());
        self.write(&keys)
    }

    fn forget_older(&self) -> Result<(), MasterKeyError> {
        let keys = self.read()?;
        self.write(keys.get(..1).unwrap_or_default())
    }
}

fn lines(keys: &[MasterKey]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for key in keys {
        let line = Zeroizing::new(hex::encode(key.bytes()));
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, mode: u32) -> Result<Vec<MasterKey>, MasterKeyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        FileSource::new(path).load()
    }

    fn bytes(keys: &[MasterKey]) -> Vec<Vec<u8>> {
        keys.iter().map(|key| key.bytes().to_vec()).collect()
    }

    #[test]
    fn the_key_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        let source = FileSource::new(path.clone());
        let first = source.load().unwrap();
        assert_eq!(bytes(&first), bytes(&source.load().unwrap()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_new_key_comes_before_the_old_ones_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let source = FileSource::new(folder.path().join("master-key"));
        let first = bytes(&source.load().unwrap());
        source.renew().unwrap();
        let both = bytes(&source.load().unwrap());
        assert_eq!((both.len(), both.get(1)), (2, first.first()));
        source.forget_older().unwrap();
        assert_eq!(bytes(&source.load().unwrap()), both.get(..1).unwrap());
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
    fn anything_but_lines_of_64_hex_digits_is_refused() {
        for text in ["", "abc", &"g".repeat(64), &"ab".repeat(33), &format!("{} x", "ab".repeat(32))] {
            assert!(matches!(check(text, 0o600), Err(MasterKeyError::Malformed { .. })), "{text}");
        }
    }
}

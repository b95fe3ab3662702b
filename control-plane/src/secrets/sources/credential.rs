//! Master keys that systemd hands over (systemd.exec, `LoadCredential=` and `LoadCredentialEncrypted=`): a file of the form of
//! [`super::file`] in a folder that exists for this service only. Its protection is systemd's.

use super::{KeySource, parse};
use crate::{
    secrets::{MasterKey, MasterKeyError},
    store::Store,
};
use futures::future::BoxFuture;
use std::{env, fs, io, path::PathBuf};
use zeroize::Zeroizing;

/// Where systemd says that the folder is.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// See the module.
pub(super) struct CredentialSource {
    name: String,
    directory: Option<PathBuf>,
}

impl CredentialSource {
    pub(super) fn new(name: &str) -> Result<Self, MasterKeyError> {
        Self::within(env::var_os(DIRECTORY).map(PathBuf::from), name)
    }

    fn within(directory: Option<PathBuf>, name: &str) -> Result<Self, MasterKeyError> {
        if name.is_empty() || name.starts_with('.') || name.contains('/') {
            return Err(MasterKeyError::Source { name: "credential".to_owned() });
        }
        Ok(Self { name: name.to_owned(), directory })
    }
}

impl KeySource for CredentialSource {
    fn place(&self) -> String {
        format!("systemd credential `{}`", self.name)
    }

    fn keys<'a>(&'a self, _store: &'a Store) -> BoxFuture<'a, Result<Vec<MasterKey>, MasterKeyError>> {
        Box::pin(async {
            let unreadable = |source| MasterKeyError::Unreadable { path: self.place(), source };
            let none = || unreadable(io::Error::other(format!("{DIRECTORY} is not set: systemd did not start mcpd")));
            let directory = self.directory.as_ref().ok_or_else(none)?;
            let text = fs::read_to_string(directory.join(&self.name)).map(Zeroizing::new).map_err(unreadable)?;
            parse(&text).ok_or_else(|| MasterKeyError::Malformed { place: self.place() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    async fn check(directory: Option<PathBuf>) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open_in(folder.path()).await;
        let source = CredentialSource::within(directory, "master-key").unwrap();
        source.keys(&store).await.map(|keys| keys.len()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn systemd_gives_the_keys() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(None).await.unwrap_err().contains("CREDENTIALS_DIRECTORY is not set"));
        assert!(check(Some(folder.path().to_owned())).await.unwrap_err().contains("systemd credential `master-key`"));
        fs::write(folder.path().join("master-key"), format!("{}\n{}\n", "ab".repeat(32), "cd".repeat(32))).unwrap();
        assert_eq!(check(Some(folder.path().to_owned())).await, Ok(2));
    }
}

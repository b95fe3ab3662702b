//! Where master keys come from: always from outside of the database.
//!
//! A source is named as `file:PATH`, `credential:NAME` (systemd), `env:NAME` or `transit:URL` (HashiCorp Vault, OpenBao).
//! One may give several keys, the newest first. What the keys are used for is unknown here.

mod credential;
mod environment;
mod file;
mod transit;

pub(crate) use file::FileSource;
pub(super) use transit::TransitError;

use super::{MasterKey, MasterKeyError};
use crate::store::Store;
use axum::BoxError;
use credential::CredentialSource;
use environment::EnvironmentSource;
use futures::future::BoxFuture;
use std::path::{Path, PathBuf};
use transit::TransitSource;

/// Keeps master keys.
pub(crate) trait KeySource: Send + Sync {
    /// Where that is, as people name it.
    fn place(&self) -> String;

    /// The keys it keeps, the newest first; never none. A source that only wraps keys has them kept in `store`, wrapped.
    fn keys<'a>(&'a self, store: &'a Store) -> BoxFuture<'a, Result<Vec<MasterKey>, MasterKeyError>>;

    /// Whether mcpd can change what it keeps.
    fn is_renewable(&self) -> bool {
        false
    }

    /// Keeps a new key in front of those it has.
    fn renew(&self) -> Result<(), MasterKeyError> {
        Err(MasterKeyError::NotRenewable { place: self.place() })
    }

    /// Forgets all keys but the newest.
    fn forget_older(&self) -> Result<(), MasterKeyError> {
        Err(MasterKeyError::NotRenewable { place: self.place() })
    }
}

/// The source called `name`; the token for a key management service is in `token_file`, or in the environment.
pub(crate) fn named(name: &str, token_file: Option<&Path>) -> Result<Box<dyn KeySource>, MasterKeyError> {
    let unknown = || MasterKeyError::Source { name: name.chars().take_while(|c| *c != ':').take(20).collect() };
    let (kind, rest) = name.split_once(':').ok_or_else(unknown)?;
    Ok(match kind {
        "file" => Box::new(FileSource::new(PathBuf::from(rest))),
        "credential" => Box::new(CredentialSource::new(rest)?),
        "env" => Box::new(EnvironmentSource::new(rest)),
        "transit" => Box::new(TransitSource::new(rest, token_file)?),
        _ => return Err(unknown()),
    })
}

/// The source that is a file of its own, made at first start.
pub(crate) fn file(path: &Path) -> Box<dyn KeySource> {
    Box::new(FileSource::new(path.to_owned()))
}

/// The keys in `text`: one of 64 hex digits on each line. None: it holds something else, or nothing.
fn parse(text: &str) -> Option<Vec<MasterKey>> {
    let keys: Option<Vec<MasterKey>> = text.split_whitespace().map(MasterKey::parse).collect();
    keys.filter(|keys| !keys.is_empty())
}

/// What went wrong, without what it was about.
fn reason(error: impl Into<BoxError>) -> String {
    let error: BoxError = error.into();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, place: &str) {
        assert_eq!(
            named(name, None).map(|source| source.place()).map_err(|error| error.to_string()),
            Ok(place.to_owned()),
            "{name}"
        );
    }

    #[test]
    fn a_source_is_known_by_its_kind() {
        check("file:/etc/mcpd/key", "file `/etc/mcpd/key`");
        check("env:MCPD_KEY", "environment variable `MCPD_KEY`");
        check("credential:master-key", "systemd credential `master-key`");
        check(
            "transit:https://vault.example:8200/v1/transit/mcpctl",
            "transit key `mcpctl` at `https://vault.example:8200/v1/transit`",
        );
    }

    #[test]
    fn what_is_no_source_is_refused_without_repeating_it() {
        let key = "ab".repeat(32);
        for bad in [
            key.as_str(),
            "",
            "vault:x",
            "transit:nonsense",
            "transit:http://vault.example/v1/transit/k",
            "credential:../x",
        ] {
            let error = named(bad, None).err().unwrap();
            assert!(!error.to_string().contains(&key), "{error}");
            assert!(error.hint().contains("file:"), "{bad}: {}", error.hint());
        }
    }
}

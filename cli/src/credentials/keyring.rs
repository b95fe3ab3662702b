//! The keyring of the operating system: Keychain on macOS, the Secret Service elsewhere, which is there in a desktop session.

use crate::failure::{Failure, Status};
use control_plane_api::secret::Secret;
use keyring::v1::{Entry, Error};
use std::{env, path::Path};

/// The name under which all of ours stand there.
const SERVICE: &str = "mcpctl";

/// Whether there is one. Without a session bus nobody has to be asked.
pub(super) fn is_there() -> bool {
    let has_bus = || env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty());
    (cfg!(target_os = "macos") || has_bus()) && Entry::store_status().is_ok()
}

/// The credential of `root`; none when there is none, or no keyring. One that stays locked is an error: with another token
/// the user would be somebody else.
pub(super) fn get(root: &Path) -> Result<Option<Secret>, Failure> {
    match entry(root).and_then(|entry| entry.get_password()) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(Error::NoEntry | Error::NoDefaultStore) => Ok(None),
        Err(error) => Err(failure(&error)),
    }
}

pub(super) fn set(root: &Path, secret: &Secret) -> Result<(), Failure> {
    entry(root).and_then(|entry| entry.set_password(secret.expose())).map_err(|error| failure(&error))
}

/// Whether there was one.
pub(super) fn delete(root: &Path) -> Result<bool, Failure> {
    match entry(root).and_then(|entry| entry.delete_credential()) {
        Ok(()) => Ok(true),
        Err(Error::NoEntry | Error::NoDefaultStore) => Ok(false),
        Err(error) => Err(failure(&error)),
    }
}

fn entry(root: &Path) -> Result<Entry, Error> {
    Entry::new(SERVICE, &root.to_string_lossy())
}

/// What the library says holds no credential; bytes that are no text are not repeated.
fn failure(error: &Error) -> Failure {
    let reason = match error {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "it holds something that is no text".to_owned(),
        Error::NoDefaultStore => "there is none".to_owned(),
        other => other.to_string(),
    };
    Failure::new(Status::Failed, format!("the keyring of the operating system cannot be used: {reason}"))
        .hint("unlock it, or choose the encrypted file with `--store file` or MCPCTL_CREDENTIAL_STORE=file")
}

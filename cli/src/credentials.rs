//! Where mcpctl keeps its own credential: the keyring of the operating system, else an encrypted file.
//!
//! What the credential is for, and what comes before and after it, is known to [`crate::home`].

mod keyring;
mod sealed_file;

use crate::{
    failure::{Failure, Status},
    output::Output,
};
use clap::ValueEnum;
use control_plane_api::secret::Secret;
use sealed_file::SealedFile;
use std::{env, fmt, path::PathBuf};

/// Says where, unless the command line does.
const CHOICE: &str = "MCPCTL_CREDENTIAL_STORE";

/// Where the credential is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Choice {
    /// The keyring where there is one, else the file
    #[default]
    Auto,
    /// The keyring of the operating system
    Keyring,
    /// An encrypted file in mcpctl's own directory
    File,
}

/// Where a credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The keyring of the operating system.
    Keyring,
    /// The encrypted file, and what it is encrypted with.
    File(sealed_file::KeyKind),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyring => f.write_str("the keyring of the operating system"),
            Self::File(key) => write!(f, "an encrypted file, whose key is {key}"),
        }
    }
}

/// The credentials of the user of one home directory.
pub(crate) struct Credentials {
    root: PathBuf,
}

impl Credentials {
    /// Those that belong to `root`.
    pub(crate) fn of(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The credential that is kept, and where; none: none is.
    pub(crate) fn get(&self) -> Result<Option<(Secret, Place)>, Failure> {
        if let Some((secret, key)) = self.file().get()? {
            return Ok(Some((secret, Place::File(key))));
        }
        match Self::uses_keyring(chosen(None)?) {
            true => Ok(keyring::get(&self.root)?.map(|secret| (secret, Place::Keyring))),
            false => Ok(None),
        }
    }

    /// The credential, where it can be had without asking anybody: from a file whose key is at hand, never from a keyring.
    pub(crate) fn get_silently(&self) -> Option<Secret> {
        self.file().get_silently().ok().flatten()
    }

    /// Keeps `secret`, in place of the one there is.
    pub(crate) fn set(&self, secret: &Secret, choice: Option<Choice>, output: Output) -> Result<Place, Failure> {
        let choice = chosen(choice)?;
        if Self::uses_keyring(choice) {
            match keyring::set(&self.root, secret) {
                Ok(()) => {
                    self.file().delete()?;
                    return Ok(Place::Keyring);
                }
                Err(failure) if choice == Choice::Auto => {
                    output.note(format!("{}; an encrypted file takes its place", failure.message));
                }
                Err(failure) => return Err(failure),
            }
        }
        let key = self.file().set(secret)?;
        if Self::reaches_keyring(choice)
            && let Err(failure) = keyring::delete(&self.root)
        {
            output.warn(format!("an older credential may be left there: {}", failure.message));
        }
        if key == sealed_file::KeyKind::Beside {
            output.warn(format!(
                "the key lies beside the file: whoever can read your files can read the credential. Give a passphrase in {} or a \
                 systemd credential `{}` to do better",
                sealed_file::PASSPHRASE,
                sealed_file::CREDENTIAL
            ));
        }
        Ok(Place::File(key))
    }

    /// Fails as [`Self::set`] would for want of a key, before there is anything to keep.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if Self::uses_keyring(chosen(None)?) { Ok(()) } else { self.file().next_key().map(drop) }
    }

    /// Forgets the credential, wherever it is kept. Whether there was one.
    pub(crate) fn delete(&self) -> Result<bool, Failure> {
        let from_file = self.file().delete()?;
        let from_keyring = Self::reaches_keyring(chosen(None)?) && keyring::delete(&self.root)?;
        Ok(from_file || from_keyring)
    }

    /// Whether the keyring may hold something, whatever is preferred.
    fn reaches_keyring(choice: Choice) -> bool {
        choice == Choice::Keyring || keyring::is_there()
    }

    fn file(&self) -> SealedFile<'_> {
        SealedFile::of(&self.root)
    }

    fn uses_keyring(choice: Choice) -> bool {
        match choice {
            Choice::Auto => keyring::is_there(),
            Choice::Keyring => true,
            Choice::File => false,
        }
    }
}

fn chosen(choice: Option<Choice>) -> Result<Choice, Failure> {
    if let Some(choice) = choice {
        return Ok(choice);
    }
    match env::var(CHOICE).ok().filter(|word| !word.is_empty()) {
        None => Ok(Choice::Auto),
        Some(word) => Choice::from_str(&word, true).map_err(|_| {
            Failure::new(Status::Usage, format!("{CHOICE} is `{word}`")).hint("it takes `auto`, `keyring` or `file`")
        }),
    }
}

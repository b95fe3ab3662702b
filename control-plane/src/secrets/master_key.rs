//! A master key: 32 random bytes. Where it is kept is the affair of [`super::sources`].

use super::sources::TransitError;
use crate::home::HomeError;
use rand::{RngCore as _, rngs::OsRng};
use std::io;
use zeroize::Zeroizing;

/// See the module. No Debug.
pub(crate) struct MasterKey(Zeroizing<[u8; 32]>);

/// Why there is no master key, or why it is not the right one.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Reading failed.
    #[error("cannot read the master key from `{path}`: {source}")]
    Unreadable {
        /// Where.
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
    /// There is something else.
    #[error("the master key ({place}) is not 64 hex digits")]
    Malformed {
        /// Where.
        place: String,
    },
    /// It could not be made.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The place has no name that is known.
    #[error("there is no source of master keys called `{name}`, or its name is incomplete")]
    Source {
        /// Its kind; the rest of the name may be a key.
        name: String,
    },
    /// The key management service gave none.
    #[error("{place} gave no master key: {error}")]
    Transit {
        /// Which service.
        place: String,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database did not answer.
    #[error("{0}")]
    Store(String),
    /// mcpd cannot change what is kept there.
    #[error("mcpd cannot change the keys in {place}")]
    NotRenewable {
        /// Where.
        place: String,
    },
    /// The database was made with another key.
    #[error(
        "the master key does not fit the database: what is in it was encrypted with {needed}, and mcpd was given {given}"
    )]
    Mismatch {
        /// The key the database was made with.
        needed: String,
        /// The keys there are, and where.
        given: String,
    },
}

impl MasterKeyError {
    pub(super) fn transit(place: String, error: TransitError) -> Self {
        Self::Transit { place, error: Box::new(error) }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check MCPD_MASTER_KEY_FILE or MCPD_MASTER_KEY_SOURCE, and who may read it",
            Self::Exposed { .. } => "make it yours alone with `chmod 600`, and consider the key known to others",
            Self::Malformed { .. } => "restore it from a backup; a new key cannot read the old secrets",
            Self::Home(error) => error.hint(),
            Self::Source { .. } => {
                "write `file:PATH`, `credential:NAME`, `env:NAME` or `transit:https://HOST/v1/ENGINE/KEY`"
            }
            Self::Transit { .. } => {
                "check the service, the token in VAULT_TOKEN or VAULT_TOKEN_FILE, and that it may encrypt and decrypt with the key"
            }
            Self::Store(_) => "check the database's own log, and the space left on its disk",
            Self::NotRenewable { .. } => {
                "make the new key there, name the old one in MCPD_OLD_MASTER_KEY_SOURCES, and start mcpd again"
            }
            Self::Mismatch { .. } => {
                "give mcpd the key this database was made with (MCPD_MASTER_KEY_SOURCE, MCPD_OLD_MASTER_KEY_SOURCES), or use a new database"
            }
        }
    }
}

impl MasterKey {
    pub(super) fn random() -> Self {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        OsRng.fill_bytes(bytes.as_mut_slice());
        Self(bytes)
    }

    /// From 64 hex digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text, bytes.as_mut_slice()).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    #[cfg(test)]
    pub(super) fn of(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

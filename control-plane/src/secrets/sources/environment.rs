//! Master keys in an environment variable, 64 hex digits each, separated by white space. For containers that have nothing
//! better: a variable is seen by whoever may look into the process.

use super::{KeySource, parse};
use crate::{
    secrets::{MasterKey, MasterKeyError},
    store::Store,
};
use futures::future::BoxFuture;
use std::{env, io};
use zeroize::Zeroizing;

/// See the module.
pub(super) struct EnvironmentSource {
    name: String,
}

impl EnvironmentSource {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

impl KeySource for EnvironmentSource {
    fn place(&self) -> String {
        format!("environment variable `{}`", self.name)
    }

    fn keys<'a>(&'a self, _store: &'a Store) -> BoxFuture<'a, Result<Vec<MasterKey>, MasterKeyError>> {
        Box::pin(async {
            let text = env::var(&self.name).map(Zeroizing::new).map_err(|error| {
                let what = match error {
                    env::VarError::NotPresent => "it is not set",
                    env::VarError::NotUnicode(_) => "it is not text",
                };
                MasterKeyError::Unreadable { path: self.place(), source: io::Error::other(what) }
            })?;
            parse(&text).ok_or_else(|| MasterKeyError::Malformed { place: self.place() })
        })
    }
}

//! One revision as it is sent to all gateways: compiled once, and turned into text once, however many ask for it.

use super::contents::{Contents, Difference};
use crate::compile::Configuration;
use axum::body::Bytes;
use control_plane_api::timestamp::Timestamp;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, OnceLock},
};

/// Earlier revisions from which a gateway that comes back is told the changes only. They share what did not change.
const EARLIER_MAX: usize = 64;

/// A list of objects without its brackets, as it is signed and as it stands inside a JSON string.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) plain: String,
    pub(super) escaped: Bytes,
}

impl Text {
    pub(super) fn new(plain: String) -> Result<Self, serde_json::Error> {
        let quoted = Bytes::from(serde_json::to_vec(&plain)?);
        let escaped = quoted.slice(1..quoted.len().saturating_sub(1));
        Ok(Self { plain, escaped })
    }
}

/// What leads from one revision to this one.
pub(super) struct Changes {
    pub(super) difference: Difference,
    pub(super) upserts: Text,
}

/// The configuration at one revision.
pub(crate) struct Edition {
    configuration: Arc<Configuration>,
    pub(super) contents: Arc<Contents>,
    pub(super) issued_at: Timestamp,
    earlier: VecDeque<Arc<Contents>>,
    whole: OnceLock<Text>,
    changes: Mutex<BTreeMap<u64, Arc<Changes>>>,
}

impl Edition {
    /// The one of `configuration`, which follows `before`.
    pub(super) fn new(configuration: Configuration, before: Option<&Self>) -> Result<Self, serde_json::Error> {
        let contents = Contents::of(&configuration, before.map(|before| &*before.contents))?;
        let mut earlier = before.map(|before| before.earlier.clone()).unwrap_or_default();
        earlier.extend(before.map(|before| Arc::clone(&before.contents)));
        while earlier.len() > EARLIER_MAX {
            earlier.pop_front();
        }
        Ok(Self {
            configuration: Arc::new(configuration),
            contents: Arc::new(contents),
            issued_at: Timestamp::now(),
            earlier,
            whole: OnceLock::new(),
            changes: Mutex::default(),
        })
    }

    /// As it lies in the store.
    pub(crate) fn configuration(&self) -> &Arc<Configuration> {
        &self.configuration
    }

    /// What was published at `revision`, if that is known still.
    pub(super) fn at(&self, revision: u64) -> Option<Arc<Contents>> {
        let known = self.earlier.iter().chain([&self.contents]);
        known.rev().find(|contents| contents.revision == revision).map(Arc::clone)
    }

    /// All objects.
    pub(super) fn whole(&self) -> Result<&Text, serde_json::Error> {
        if let Some(text) = self.whole.get() {
            return Ok(text);
        }
        let text = Text::new(self.contents.text())?;
        Ok(self.whole.get_or_init(|| text))
    }

    /// What has changed since `before`.
    pub(super) fn changes_since(&self, before: &Contents) -> Result<Arc<Changes>, serde_json::Error> {
        let mut known = self.changes.lock();
        if let Some(changes) = known.get(&before.revision) {
            return Ok(Arc::clone(changes));
        }
        let mut difference = before.changes_to(&self.contents);
        let upserts = Text::new(std::mem::take(&mut difference.upserts))?;
        let changes = Arc::new(Changes { difference, upserts });
        known.insert(before.revision, Arc::clone(&changes));
        Ok(changes)
    }
}

//! What the control plane pushes: a whole configuration, then changes to it, each with a monotonic revision.

use crate::{
    access::UserSpec,
    issuer::IssuerSpec,
    limits::Limits,
    name::Name,
    oauth::ConnectionSpec,
    object::{Object, ObjectRef},
    pin::PinSpec,
    profile::ProfileSpec,
    project::ProjectSpec,
    secret::SecretSpec,
    server::ServerSpec,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The whole configuration of one gateway at one revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Grows by at least one with every change anywhere; never goes back.
    pub revision: u64,
    /// When the control plane composed it.
    pub issued_at: Timestamp,
    /// Everything this gateway needs and nothing else.
    pub objects: Vec<Object>,
    /// The peppers of token digests ([`crate::pepper::Peppers`]), sealed to this gateway; absent: digests have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peppers: Option<SecretSpec>,
    /// Bounds in force. Left out where they are the defaults: a gateway of the version before may not know all of them.
    #[serde(default, skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    /// Whether this gateway is to be drained: nothing new comes in, what runs may end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub draining: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What changed between two revisions; applied as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeSet {
    /// The revision this builds on.
    pub base: u64,
    /// The revision after it.
    pub revision: u64,
    /// When the control plane composed it.
    pub issued_at: Timestamp,
    /// Objects that are new or different.
    #[serde(default)]
    pub upserts: Vec<Object>,
    /// Objects that are gone.
    #[serde(default)]
    pub removals: Vec<ObjectRef>,
    /// The peppers of token digests, when there are others now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peppers: Option<SecretSpec>,
    /// Whether the gateway is to be drained, when that has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<bool>,
}

/// One event of the configuration stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, made once for each change of the configuration")]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConfigEvent {
    /// First event of a stream, unless the gateway came back with a revision from which the changes can be told.
    Snapshot(Snapshot),
    /// Every other event. One that leads nowhere ([`ChangeSet::is_nothing_since`]) tells a gateway that came back that it has
    /// missed nothing.
    ChangeSet(ChangeSet),
}

/// A [`ConfigEvent`] with the control plane's signature over the gateway it is for and the very bytes of `payload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedEvent {
    /// JSON text of a [`ConfigEvent`].
    pub payload: String,
    /// Hex Ed25519 signature over the name of the gateway, a line feed, and the UTF-8 bytes of `payload`.
    pub signature: String,
}

impl SignedEvent {
    /// What is signed: what is meant for one gateway is good for no other.
    #[must_use]
    pub fn signed_text(gateway: &Name, payload: &str) -> String {
        format!("{gateway}\n{payload}")
    }
}

/// Why a change set does not follow the snapshot it was applied to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SequenceError {
    /// Something in between was missed: a whole snapshot is needed.
    #[error("change set builds on revision {base}, but revision {have} is in force")]
    Gap {
        /// What the change set builds on.
        base: u64,
        /// What is in force.
        have: u64,
    },
    /// Going back is never accepted silently.
    #[error("revision {offered} is not newer than revision {have}")]
    NotNewer {
        /// What was offered.
        offered: u64,
        /// What is in force.
        have: u64,
    },
}

impl ChangeSet {
    /// Whether this says that `revision` is the newest there is, and nothing else.
    #[must_use]
    pub fn is_nothing_since(&self, revision: u64) -> bool {
        let nothing =
            self.upserts.is_empty() && self.removals.is_empty() && self.peppers.is_none() && self.draining.is_none();
        nothing && self.base == revision && self.revision == revision
    }
}

impl Snapshot {
    /// A snapshot without any object: what a gateway starts from.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            revision: 0,
            issued_at: Timestamp::from_millis(0),
            objects: Vec::new(),
            peppers: None,
            limits: Limits::default(),
            draining: false,
        }
    }

    /// Applies `change` as a whole.
    ///
    /// # Errors
    /// [`SequenceError`] when `change` does not follow this revision; the snapshot is then unchanged.
    pub fn apply(&mut self, change: ChangeSet) -> Result<(), SequenceError> {
        if change.base != self.revision {
            return Err(SequenceError::Gap { base: change.base, have: self.revision });
        }
        if change.revision <= self.revision {
            return Err(SequenceError::NotNewer { offered: change.revision, have: self.revision });
        }
        let gone: BTreeSet<ObjectRef> =
            change.upserts.iter().map(Object::reference).chain(change.removals.iter().cloned()).collect();
        self.objects.retain(|object| !gone.contains(&object.reference()));
        self.objects.extend(change.upserts);
        self.objects.sort_by_cached_key(Object::reference);
        self.peppers = change.peppers.or(self.peppers.take());
        self.draining = change.draining.unwrap_or(self.draining);
        self.revision = change.revision;
        self.issued_at = change.issued_at;
        Ok(())
    }

    /// What turns this snapshot into `next`.
    #[must_use]
    pub fn changes_to(&self, next: &Self) -> ChangeSet {
        let old: BTreeMap<ObjectRef, &Object> =
            self.objects.iter().map(|object| (object.reference(), object)).collect();
        let mut removals: BTreeSet<ObjectRef> = old.keys().cloned().collect();
        let mut upserts = Vec::new();
        for object in &next.objects {
            let reference = object.reference();
            removals.remove(&reference);
            if old.get(&reference) != Some(&object) {
                upserts.push(object.clone());
            }
        }
        let removals = removals.into_iter().collect();
        let peppers = next.peppers.clone().filter(|next| self.peppers.as_ref() != Some(next));
        ChangeSet {
            base: self.revision,
            revision: next.revision,
            issued_at: next.issued_at,
            upserts,
            removals,
            peppers,
            draining: (self.draining != next.draining).then_some(next.draining),
        }
    }

    /// The servers.
    pub fn servers(&self) -> impl Iterator<Item = (&Name, &ServerSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::Server(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }

    /// The pins, by server.
    pub fn pins(&self) -> impl Iterator<Item = (&Name, &PinSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::Pin(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }

    /// The access tokens for servers, sealed, by connection.
    pub fn connections(&self) -> impl Iterator<Item = (&Name, &ConnectionSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::Connection(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }

    /// The profiles.
    pub fn profiles(&self) -> impl Iterator<Item = (&Name, &ProfileSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::Profile(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }

    /// The projects.
    pub fn projects(&self) -> impl Iterator<Item = (&Name, &ProjectSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::Project(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }

    /// The users.
    pub fn users(&self) -> impl Iterator<Item = (&Name, &UserSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::User(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }

    /// The authorization servers whose tokens are accepted.
    pub fn issuers(&self) -> impl Iterator<Item = (&Name, &IssuerSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::Issuer(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }

    /// The secrets, sealed.
    pub fn secrets(&self) -> impl Iterator<Item = (&Name, &SecretSpec)> {
        self.objects.iter().filter_map(|object| match object {
            Object::Secret(o) => Some((&o.name, &o.spec)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Kind, Named};

    fn project(name: &str, description: &str) -> Object {
        let spec = ProjectSpec { description: description.to_owned(), ..Default::default() };
        Object::Project(Named { name: name.parse().unwrap(), revision: 1, spec })
    }

    fn snapshot(revision: u64, objects: Vec<Object>) -> Snapshot {
        Snapshot { revision, objects, ..Snapshot::empty() }
    }

    #[test]
    fn the_difference_of_two_snapshots_leads_from_one_to_the_other() {
        let mut before = snapshot(3, vec![project("a", "old"), project("b", "same"), project("c", "gone")]);
        let mut after = snapshot(5, vec![project("a", "new"), project("b", "same"), project("d", "new")]);
        after.peppers = Some(SecretSpec { sealed: "box".to_owned() });
        after.draining = true;
        let change = before.changes_to(&after);
        assert_eq!(change.upserts.len(), 2);
        assert_eq!(change.removals, [ObjectRef { kind: Kind::Project, name: "c".parse().unwrap() }]);
        before.apply(change).unwrap();
        assert_eq!(before, after);
    }

    #[test]
    fn a_change_set_out_of_sequence_is_refused_and_changes_nothing() {
        let mut have = snapshot(3, vec![project("a", "")]);
        let change = ChangeSet { base: 2, ..have.changes_to(&snapshot(4, vec![])) };
        assert_eq!(have.apply(change), Err(SequenceError::Gap { base: 2, have: 3 }));
        let change = have.changes_to(&snapshot(3, vec![]));
        assert_eq!(have.apply(change), Err(SequenceError::NotNewer { offered: 3, have: 3 }));
        assert_eq!(have, snapshot(3, vec![project("a", "")]));
    }

    #[test]
    fn who_is_a_version_behind_is_told_nothing_it_may_not_know() {
        let text = serde_json::to_string(&Snapshot::empty()).unwrap();
        assert!(!text.contains("limits") && !text.contains("draining"), "{text}");
        let bounded = Snapshot { limits: Limits { uri_bytes_max: 7, ..Limits::default() }, ..Snapshot::empty() };
        let text = serde_json::to_string(&bounded).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), bounded);
    }
}

//! What gateways know at one revision, as far as all know the same, and what has changed between two.
//!
//! An object is kept as the text that is sent of it, which revisions share as long as it is the same. What is sealed differs
//! from gateway to gateway: of that only the names and revisions are known here.

use crate::compile::{Configuration, compile};
use control_plane_api::{
    name::Name,
    object::{Kind, Object, ObjectRef},
};
use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};
use zeroize::Zeroizing;

/// One object as it is sent.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    reference: ObjectRef,
    text: String,
}

/// Names and revisions of what is sealed to every gateway.
pub(super) type Sealed = BTreeMap<Name, u64>;

/// What every gateway knows at one revision.
pub(super) struct Contents {
    pub(super) revision: u64,
    /// In the order of kind and name.
    objects: Vec<Arc<Told>>,
    pub(super) secrets: Arc<Sealed>,
    pub(super) connections: Arc<Sealed>,
    peppers: Arc<Zeroizing<String>>,
}

/// What leads from one revision to another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Objects that are new or different, as text with commas in between.
    pub(super) upserts: String,
    pub(super) removals: Vec<ObjectRef>,
    /// Secrets and connections that are to be sealed.
    pub(super) secrets: Vec<Name>,
    pub(super) connections: Vec<Name>,
    pub(super) has_other_peppers: bool,
}

impl Contents {
    /// Those of `configuration`; what is as it was in `before` is shared with that.
    pub(super) fn of(configuration: &Configuration, before: Option<&Self>) -> Result<Self, serde_json::Error> {
        let mut earlier = before.map(|before| before.objects.as_slice()).unwrap_or_default().iter().peekable();
        let mut told = |object: Object| {
            let told = Told { reference: object.reference(), text: serde_json::to_string(&object)? };
            while earlier.next_if(|earlier| earlier.reference < told.reference).is_some() {}
            Ok(match earlier.next_if(|earlier| ***earlier == told) {
                Some(same) => Arc::clone(same),
                None => Arc::new(told),
            })
        };
        let secrets = configuration.secrets_in_use().map(|secret| (secret.name.clone(), secret.revision)).collect();
        let connections = configuration.connections_in_use().map(|one| (one.id.clone(), one.revision)).collect();
        let peppers = Zeroizing::new(configuration.peppers.to_text());
        Ok(Self {
            revision: configuration.revision,
            objects: compile(configuration).into_iter().map(&mut told).collect::<Result<_, serde_json::Error>>()?,
            secrets: shared(secrets, before.map(|before| &before.secrets)),
            connections: shared(connections, before.map(|before| &before.connections)),
            peppers: shared(peppers, before.map(|before| &before.peppers)),
        })
    }

    /// Every object as text, with commas in between.
    pub(super) fn text(&self) -> String {
        joined(self.objects.iter())
    }

    /// What leads from here to `next`.
    pub(super) fn changes_to(&self, next: &Self) -> Difference {
        let (mut upserts, mut removals) = (Vec::new(), Vec::new());
        let (mut old, mut new) = (self.objects.iter().peekable(), next.objects.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) if Arc::ptr_eq(old, new) => Ordering::Equal,
                (Some(old), Some(new)) => old.reference.cmp(&new.reference),
            };
            let before = old.next_if(|_| order.is_le());
            let after = new.next_if(|_| order.is_ge());
            match (before, after) {
                (Some(gone), None) => removals.push(gone.reference.clone()),
                (before, Some(after)) if before != Some(after) => upserts.push(after),
                _ => {}
            }
        }
        let mut sealed = |kind, old: &Arc<Sealed>, new: &Arc<Sealed>| {
            if Arc::ptr_eq(old, new) {
                return Vec::new();
            }
            let gone = old.keys().filter(|name| !new.contains_key(*name));
            removals.extend(gone.map(|name| ObjectRef { kind, name: name.clone() }));
            new.iter()
                .filter(|(name, revision)| old.get(*name) != Some(revision))
                .map(|(name, _)| name.clone())
                .collect()
        };
        let secrets = sealed(Kind::Secret, &self.secrets, &next.secrets);
        let connections = sealed(Kind::Connection, &self.connections, &next.connections);
        let upserts = joined(upserts.into_iter());
        Difference { upserts, removals, secrets, connections, has_other_peppers: self.peppers != next.peppers }
    }
}

fn shared<T: PartialEq>(new: T, old: Option<&Arc<T>>) -> Arc<T> {
    old.filter(|old| ***old == new).map_or_else(|| Arc::new(new), Arc::clone)
}

fn joined<'a>(told: impl Iterator<Item = &'a Arc<Told>>) -> String {
    told.map(|told| told.text.as_str()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;

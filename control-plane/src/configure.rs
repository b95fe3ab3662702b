//! Changing objects: what the rules of the whole configuration allow, written and audited in one transaction.
//!
//! Every change of a server, profile, project or user passes here, one object or many. Who may make it was decided
//! before, by the table of routes.

use crate::{
    identity::Actor,
    store::{Change, StoreError, StoredSecret},
};
use control_plane_api::{
    access::{Role, UserSpec},
    apply::{Applied, Effect},
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    pin::PinSpec,
    secret::SecretSpec,
    snapshot::Snapshot,
    validate::{Violation, references_to, validate},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why the configuration stays as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigureError {
    #[error("the configuration would not be valid")]
    Invalid(Vec<Violation>),
    #[error("{object} is in use by {}", listed(.by))]
    InUse { object: ObjectRef, by: Vec<ObjectRef> },
    #[error("{0} does not exist")]
    Missing(ObjectRef),
    #[error("{object} {}", match .have { Some(have) => format!("is at revision {have}"), None => "does not exist".to_owned() })]
    Stale { object: ObjectRef, have: Option<u64> },
    #[error("nobody who is not disabled would be left with the role admin")]
    LastAdministrator,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the caller believes to be there: the `If-Match` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Any revision, or none at all.
    Whatever,
    /// Some revision.
    Something,
    /// One of these revisions.
    OneOf(Vec<u64>),
}

impl Expected {
    fn check(&self, object: &ObjectRef, have: Option<u64>) -> Result<(), ConfigureError> {
        let met = match (self, have) {
            (Self::Whatever, _) | (Self::Something, Some(_)) => true,
            (Self::OneOf(wanted), Some(have)) => wanted.contains(&have),
            (Self::Something | Self::OneOf(_), None) => false,
        };
        if met { Ok(()) } else { Err(ConfigureError::Stale { object: object.clone(), have }) }
    }
}

/// Creates or changes `wanted`, all or none. What became of each, in order.
pub(crate) async fn apply(
    change: &mut Change,
    wanted: Vec<Object>,
    actor: &Actor,
) -> Result<Vec<Applied>, ConfigureError> {
    let mut all = everything(change).await?;
    let before = privileges(&all);
    let plan = plan(&mut all, wanted, change.next())?;
    check_whole(all)?;
    for (object, effect) in plan.iter().filter(|(_, effect)| *effect != Effect::Unchanged) {
        change.writing().put_object(object).await?;
        if let Object::User(user) = object
            && before.get(&user.name).is_some_and(|before| *before != Privileges::of(&user.spec))
        {
            // A session has the privileges it was opened with, or it ends.
            change.writing().delete_sessions_of(&user.name).await?;
        }
        if let (Object::Server(server), Effect::Created) = (object, effect) {
            // Nothing that was trusted of another server of that name is trusted of this one.
            let spec = PinSpec { made_at: change.next(), ..PinSpec::default() };
            let pins = Named { name: server.name.clone(), revision: change.next(), spec };
            change.writing().put_object(&Object::Pin(pins)).await?;
        }
        change.record(actor, &object.reference().to_string(), &effect.to_string()).await?;
    }
    Ok(plan.into_iter().map(|(object, effect)| Applied { object: object.reference(), effect }).collect())
}

/// Creates or changes one object. It, as it is now, and what became of it.
pub(crate) async fn put(
    change: &mut Change,
    object: Object,
    expected: &Expected,
    actor: &Actor,
) -> Result<(Object, Effect), ConfigureError> {
    let reference = object.reference();
    let have = change.tx().object(&reference).await?.map(|object| object.revision());
    expected.check(&reference, have)?;
    let applied = apply(change, vec![object], actor).await?;
    let object = change.tx().object(&reference).await?.ok_or(ConfigureError::Missing(reference))?;
    Ok((object, applied.first().map_or(Effect::Unchanged, |applied| applied.effect)))
}

/// Removes one object to which nothing refers.
pub(crate) async fn delete(
    change: &mut Change,
    object: &ObjectRef,
    expected: &Expected,
    actor: &Actor,
) -> Result<(), ConfigureError> {
    let mut all = everything(change).await?;
    let have = all.iter().find(|other| other.reference() == *object).map(Object::revision);
    if have.is_none() {
        return Err(ConfigureError::Missing(object.clone()));
    }
    expected.check(object, have)?;
    let whole = Snapshot { objects: all.clone(), ..Snapshot::empty() };
    let by = references_to(&whole, object);
    if !by.is_empty() {
        return Err(ConfigureError::InUse { object: object.clone(), by });
    }
    all.retain(|other| other.reference() != *object);
    check_whole(all)?;
    match object.kind {
        Kind::Secret => change.writing().delete_secret(&object.name).await?,
        Kind::User => {
            change.writing().delete_tokens_of(&object.name, None).await?;
            change.writing().delete_sessions_of(&object.name).await?;
            change.writing().delete_password(&object.name).await?;
            change.writing().delete_laptops_of(&object.name).await?;
            change.writing().delete_connections_of(None, Some(&object.name)).await?;
            change.writing().delete_object(object).await?;
        }
        Kind::Connection => change.writing().delete_connection(&object.name).await.map(drop)?,
        Kind::Server => {
            change.writing().delete_connections_of(Some(&object.name), None).await?;
            change.writing().delete_object(&ObjectRef { kind: Kind::Pin, name: object.name.clone() }).await?;
            change.writing().delete_object(object).await?;
        }
        Kind::Issuer => {
            change.writing().delete_key_set(&object.name).await?;
            change.writing().delete_object(object).await?;
        }
        Kind::Profile | Kind::Project | Kind::Pin => change.writing().delete_object(object).await?,
    }
    Ok(change.record(actor, &object.to_string(), "deleted").await?)
}

/// What a user may do, for comparison.
#[derive(PartialEq, Eq)]
struct Privileges {
    roles: BTreeSet<Role>,
    disabled: bool,
}

impl Privileges {
    fn of(spec: &UserSpec) -> Self {
        Self { roles: spec.roles.iter().copied().collect(), disabled: spec.disabled }
    }
}

fn privileges(objects: &[Object]) -> BTreeMap<Name, Privileges> {
    let of = |object: &Object| match object {
        Object::User(user) => Some((user.name.clone(), Privileges::of(&user.spec))),
        _ => None,
    };
    objects.iter().filter_map(of).collect()
}

/// Every object there is; secrets by name only, which is all the rules ask for.
async fn everything(change: &mut Change) -> Result<Vec<Object>, StoreError> {
    let mut all = change.tx().objects().await?;
    let secrets = change.tx().secrets().await?;
    let named = |secret: StoredSecret| {
        let spec = SecretSpec { sealed: String::new() };
        Object::Secret(Named { name: secret.name, revision: secret.revision, spec })
    };
    all.extend(secrets.into_iter().map(named));
    Ok(all)
}

/// Puts `wanted` into `all`; pure. Each object with the revision it will have, and what that does.
fn plan(all: &mut Vec<Object>, wanted: Vec<Object>, next: u64) -> Result<Vec<(Object, Effect)>, ConfigureError> {
    let mut seen = BTreeSet::new();
    let mut violations = Vec::new();
    let mut plan = Vec::new();
    let mut places: HashMap<ObjectRef, usize> =
        all.iter().enumerate().map(|(place, object)| (object.reference(), place)).collect();
    for object in wanted {
        let reference = object.reference();
        let mut refuse = |field: &str, message: &str| {
            violations.push(Violation {
                object: reference.clone(),
                field: field.to_owned(),
                message: message.to_owned(),
            });
        };
        match reference.kind {
            Kind::Secret => refuse("sealed", "a secret is not applied: set it with `PUT /api/v1/secrets/{name}`"),
            Kind::Pin => refuse("tools", "a pin is not applied: approve a definition with `mcpctl tools approve`"),
            Kind::Connection => refuse("sealed", "a connection is not applied: make it with `mcpctl connect`"),
            _ => {}
        }
        if !seen.insert(reference.clone()) {
            refuse("name", "is there twice");
        }
        let object = object.declared(next);
        let have = places.get(&reference).and_then(|place| all.get_mut(*place));
        let effect = match have {
            Some(have) if have.clone().declared(next) == object => {
                plan.push((have.clone(), Effect::Unchanged));
                continue;
            }
            Some(have) => {
                *have = object.clone();
                Effect::Configured
            }
            None => {
                places.insert(reference, all.len());
                all.push(object.clone());
                Effect::Created
            }
        };
        plan.push((object, effect));
    }
    if violations.is_empty() { Ok(plan) } else { Err(ConfigureError::Invalid(violations)) }
}

fn check_whole(objects: Vec<Object>) -> Result<(), ConfigureError> {
    let whole = Snapshot { objects, ..Snapshot::empty() };
    let violations = validate(&whole);
    if !violations.is_empty() {
        return Err(ConfigureError::Invalid(violations));
    }
    if !whole.users().any(|(_, user)| !user.disabled && user.roles.contains(&Role::Admin)) {
        return Err(ConfigureError::LastAdministrator);
    }
    Ok(())
}

fn listed(objects: &[ObjectRef]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(json: serde_json::Value) -> Vec<Object> {
        serde_json::from_value(json).unwrap()
    }

    fn check(wanted: serde_json::Value, expected: &[(Effect, u64)]) {
        let mut all = objects(serde_json::json!([
            {"kind": "project", "name": "w", "revision": 3, "spec": {"description": "old"}},
            {"kind": "user", "name": "ann", "revision": 2, "spec": {"roles": ["developer"]}},
        ]));
        let plan = plan(&mut all, objects(wanted), 9).unwrap();
        let found: Vec<_> = plan.iter().map(|(object, effect)| (*effect, object.revision())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn only_what_differs_changes_and_gets_the_new_revision() {
        let same = serde_json::json!({"kind": "project", "name": "w", "spec": {"description": "old"}});
        let new = serde_json::json!({"kind": "project", "name": "w", "spec": {"description": "new"}});
        let other = serde_json::json!({"kind": "project", "name": "x", "spec": {}});
        check(serde_json::json!([same]), &[(Effect::Unchanged, 3)]);
        check(serde_json::json!([new, other]), &[(Effect::Configured, 9), (Effect::Created, 9)]);
    }

    #[test]
    fn tokens_in_an_applied_user_are_ignored() {
        let tokens = serde_json::json!([{"id": "x", "digest": "y"}]);
        let user =
            serde_json::json!({"kind": "user", "name": "ann", "spec": {"roles": ["developer"], "tokens": tokens}});
        check(serde_json::json!([user]), &[(Effect::Unchanged, 2)]);
    }

    #[test]
    fn secrets_pins_and_repetitions_are_refused() {
        let secret = serde_json::json!({"kind": "secret", "name": "s", "spec": {"sealed": "x"}});
        let pin = serde_json::json!({"kind": "pin", "name": "s", "spec": {"tools": {}}});
        let project = serde_json::json!({"kind": "project", "name": "x", "spec": {}});
        for wanted in [serde_json::json!([secret]), serde_json::json!([pin]), serde_json::json!([project, project])] {
            let refused = plan(&mut Vec::new(), objects(wanted), 1).unwrap_err();
            assert!(matches!(refused, ConfigureError::Invalid(violations) if violations.len() == 1));
        }
    }

    #[test]
    fn an_expectation_is_met_by_the_revision_it_names() {
        let object = ObjectRef { kind: Kind::Project, name: "w".parse().unwrap() };
        assert!(Expected::Whatever.check(&object, None).is_ok());
        assert!(Expected::Something.check(&object, Some(1)).is_ok());
        assert!(Expected::Something.check(&object, None).is_err());
        assert!(Expected::OneOf(vec![3, 4]).check(&object, Some(4)).is_ok());
        assert!(Expected::OneOf(vec![3]).check(&object, Some(4)).is_err());
        assert!(Expected::OneOf(vec![3]).check(&object, None).is_err());
    }
}

//! Builders for tests of filters, here and in the crates that implement more of them.

use crate::{
    Exchange, Names, Principal, Target,
    originals::{Origin, Originals, Owner, Rest},
};
use control_plane_api::{access::Role, argument::Declared, name::Name, object::Object, snapshot::Snapshot};
use http::HeaderMap;
use protocol::{Id, Members, Request, method::Primitive};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// An exchange about `method` with `params` (JSON text; anything but an object counts as empty).
#[must_use]
pub fn request(method: &str, params: &str) -> Exchange {
    let params: Members = serde_json::from_str(params).unwrap_or_default();
    Exchange::new(Request { id: Id::Number(1), method: method.to_owned(), params }, HeaderMap::new())
}

/// A user with `roles`; a text that is no name gives `Anonymous`.
#[must_use]
pub fn user(name: &str, roles: &[Role]) -> Principal {
    name.parse::<Name>().map_or(Principal::Anonymous, |name| Principal::User {
        name,
        roles: roles.to_vec(),
        token_id: "t1".to_owned(),
    })
}

/// A snapshot at revision 1 of `objects` (a JSON array; objects that do not parse are left out).
#[must_use]
pub fn snapshot(objects: serde_json::Value) -> Snapshot {
    let objects: Vec<Object> = match objects {
        serde_json::Value::Array(items) => items.into_iter().filter_map(|o| serde_json::from_value(o).ok()).collect(),
        _ => Vec::new(),
    };
    Snapshot { revision: 1, objects, ..Snapshot::empty() }
}

/// The name of the gateway's own tool in a [`Table`].
pub const MORE: &str = "mcpctl_more";

/// A fixed table of exposed tool name → (server, own name).
#[derive(Debug, Default)]
pub struct Table {
    targets: HashMap<String, Target>,
    declared: Option<Arc<Declared>>,
}

impl Table {
    /// Of `(exposed, server, own name)`.
    #[must_use]
    pub fn of(rows: &[(&str, &str, &str)]) -> Self {
        let target = |server: &str, name: &str| server.parse().ok().map(|server| Target::new(server, name));
        let targets = rows.iter().filter_map(|(e, s, n)| Some(((*e).to_owned(), target(s, n)?))).collect();
        Self { targets, declared: None }
    }

    /// The same, where every tool's schema declares `arguments`.
    #[must_use]
    pub fn declaring(mut self, arguments: &[&str]) -> Self {
        let members = arguments.iter().map(|name| ((*name).to_owned(), Declared::default())).collect();
        self.declared = Some(Arc::new(Declared { list: false, members }));
        self
    }
}

impl Names for Table {
    fn target(&self, _project: Option<&str>, primitive: &Primitive) -> Option<Target> {
        self.targets.get(primitive.name()).cloned()
    }

    fn declared(&self, _project: Option<&str>, _primitive: &Primitive) -> Option<Arc<Declared>> {
        self.declared.clone()
    }

    fn more(&self, _project: Option<&str>) -> Option<String> {
        Some(MORE.to_owned())
    }
}

/// Keeps every original under its number, for ever.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Vec<(Owner, Origin, String, Rest)>>);

impl Shelf {
    /// What is kept under `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<(Owner, Origin, String, Rest)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id.parse::<usize>().ok()?).cloned()
    }
}

impl Originals for Shelf {
    fn keep(&self, owner: &Owner, origin: &Origin, original: &str, rest: Rest) -> Option<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((owner.clone(), origin.clone(), original.to_owned(), rest));
        Some((kept.len() - 1).to_string())
    }
}

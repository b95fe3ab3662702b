//! The compiled table: what every server offers, under the names clients see.

use crate::servers::{Server, lists::Lists};
use control_plane_api::name::Name;
use filters::Target;
use protocol::{Members, method::Primitive};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

/// What is offered at one moment. Order is that of server names, then each server's own.
#[derive(Debug, Default)]
pub struct Table {
    /// The count of list changes this was compiled at.
    pub epoch: u64,
    /// Whether every server has answered for its lists.
    pub complete: bool,
    /// Tools, renamed.
    pub tools: Vec<Box<RawValue>>,
    /// Prompts, renamed.
    pub prompts: Vec<Box<RawValue>>,
    /// Resources, by their own URIs.
    pub resources: Vec<Box<RawValue>>,
    /// Resource templates.
    pub templates: Vec<Box<RawValue>>,
    /// What each server says about itself.
    pub instructions: Vec<(Name, String)>,
    index: HashMap<Primitive, Option<Target>>,
    template_prefixes: Vec<(String, Name)>,
}

impl Table {
    /// Compiles the lists of `servers` as they are now.
    #[must_use]
    pub fn compile(servers: &BTreeMap<Name, Arc<Server>>, epoch: u64) -> Self {
        let mut table = Self { epoch, complete: true, ..Self::default() };
        for server in servers.values() {
            match server.lists() {
                Some(lists) => table.add(server, &lists),
                None => table.complete = false,
            }
        }
        table.drop_collisions();
        table
    }

    /// Whose primitive it is. A resource nobody lists belongs to the server whose template's fixed beginning it has.
    #[must_use]
    pub fn target(&self, primitive: &Primitive) -> Option<Target> {
        if let Some(found) = self.index.get(primitive) {
            return found.clone();
        }
        let Primitive::Resource(uri) = primitive else { return None };
        let fitting = self.template_prefixes.iter().filter(|(prefix, _)| uri.starts_with(prefix.as_str()));
        let (_, server) = fitting.max_by_key(|(prefix, _)| prefix.len())?;
        Some(Target { server: server.clone(), name: uri.clone() })
    }

    fn add(&mut self, server: &Server, lists: &Lists) {
        for tool in &lists.tools {
            let kept = self.expose(server, tool, Primitive::Tool);
            self.tools.extend(kept);
        }
        for prompt in &lists.prompts {
            let kept = self.expose(server, prompt, Primitive::Prompt);
            self.prompts.extend(kept);
        }
        for resource in &lists.resources {
            if let Some(uri) = read(resource, "uri") {
                self.enter(Primitive::Resource(uri.clone()), server, uri);
                self.resources.push(resource.clone());
            }
        }
        for template in &lists.templates {
            if let Some(uri) = read(template, "uriTemplate") {
                let fixed = uri.split('{').next().unwrap_or_default().to_owned();
                self.template_prefixes.push((fixed, server.name.clone()));
                self.enter(Primitive::Resource(uri.clone()), server, uri);
                self.templates.push(template.clone());
            }
        }
        if let Some(text) = &lists.instructions {
            self.instructions.push((server.name.clone(), text.clone()));
        }
    }

    /// Enters a tool or prompt under its exposed name; the entry as clients see it.
    fn expose(&mut self, server: &Server, entry: &RawValue, kind: fn(String) -> Primitive) -> Option<Box<RawValue>> {
        let mut members = Members::open(entry).ok()?;
        let own = members.read::<String>("name")?;
        let exposed = exposed_name(server.spec.prefix_for(&server.name), &own);
        members.set("name", &exposed);
        self.enter(kind(exposed), server, own);
        Some(members.to_raw())
    }

    fn enter(&mut self, primitive: Primitive, server: &Server, own: String) {
        let target = Target { server: server.name.clone(), name: own };
        match self.index.entry(primitive) {
            Entry::Vacant(place) => {
                place.insert(Some(target));
            }
            Entry::Occupied(mut place) => {
                if let Some(first) = place.get() {
                    tracing::warn!(first = %first.server, second = %target.server, name = place.key().name(),
                        "two servers expose the same name; neither is offered: give one of them another prefix");
                }
                place.insert(None);
            }
        }
    }

    fn drop_collisions(&mut self) {
        let index = &self.index;
        let clear = |primitive: Primitive| !matches!(index.get(&primitive), Some(None));
        self.tools.retain(|entry| read(entry, "name").is_some_and(|name| clear(Primitive::Tool(name))));
        self.prompts.retain(|entry| read(entry, "name").is_some_and(|name| clear(Primitive::Prompt(name))));
        self.resources.retain(|entry| read(entry, "uri").is_some_and(|uri| clear(Primitive::Resource(uri))));
        self.templates.retain(|entry| read(entry, "uriTemplate").is_some_and(|uri| clear(Primitive::Resource(uri))));
    }
}

/// `<prefix>_<own>`, unless there is no prefix or the tool already begins with it.
#[must_use]
pub fn exposed_name(prefix: &str, own: &str) -> String {
    let already = own.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'));
    if prefix.is_empty() || already { own.to_owned() } else { format!("{prefix}_{own}") }
}

fn read(entry: &RawValue, member: &str) -> Option<String> {
    Members::open(entry).ok()?.read(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_prefixed_once() {
        assert_eq!(exposed_name("slack", "slack_get_messages"), "slack_get_messages");
        assert_eq!(exposed_name("slack", "conversations_history"), "slack_conversations_history");
        assert_eq!(exposed_name("slack", "slackbot"), "slack_slackbot");
        assert_eq!(exposed_name("", "jql"), "jql");
    }
}

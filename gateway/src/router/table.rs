//! The compiled table: what every server offers, under the names clients see.

use super::template::Shape;
use crate::servers::{Server, lists::Lists};
use control_plane_api::name::Name;
use filters::Target;
use protocol::{Members, method::Primitive, param_headers::ParamHeaders};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
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
    pub tools: Vec<Listed>,
    /// Prompts, renamed.
    pub prompts: Vec<Listed>,
    /// Resources, by their own URIs.
    pub resources: Vec<Listed>,
    /// Resource templates.
    pub templates: Vec<Listed>,
    /// What each server says about itself.
    pub instructions: Vec<(Name, String)>,
    index: HashMap<Primitive, Option<Target>>,
    /// Arguments that are mirrored in headers, by the exposed names of their tools.
    mirrored: HashMap<String, ParamHeaders>,
    shapes: Vec<(Shape, Name)>,
}

/// An entry of a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Whose it is.
    pub server: Name,
    /// As clients see it.
    pub entry: Box<RawValue>,
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

    /// Whose primitive it is. A resource nobody lists belongs to the server whose template it fits best.
    #[must_use]
    pub fn target(&self, primitive: &Primitive) -> Option<Target> {
        if let Some(found) = self.index.get(primitive) {
            return found.clone();
        }
        let Primitive::Resource(uri) = primitive else { return None };
        let fitting = self.shapes.iter().filter(|(shape, _)| shape.fits(uri));
        let (_, server) = fitting.max_by_key(|(shape, _)| shape.literal_bytes())?;
        Some(Target { server: server.clone(), name: uri.clone() })
    }

    /// The arguments of tool `exposed` that are mirrored in headers; none where there are none.
    #[must_use]
    pub fn mirrored(&self, exposed: &str) -> Option<&ParamHeaders> {
        self.mirrored.get(exposed)
    }

    fn add(&mut self, server: &Server, lists: &Lists) {
        let listed = |entry: Box<RawValue>| Listed { server: server.name.clone(), entry };
        let mut own_names = HashSet::new();
        for tool in &lists.tools {
            if let Err(reason) = self.admit(server, tool, &mut own_names) {
                tracing::warn!(server = %server.name, "a tool is not offered: {reason}");
                continue;
            }
            let kept = self.expose(server, tool, Primitive::Tool);
            self.tools.extend(kept.map(listed));
        }
        for prompt in &lists.prompts {
            let kept = self.expose(server, prompt, Primitive::Prompt);
            self.prompts.extend(kept.map(listed));
        }
        for resource in &lists.resources {
            if let Some(uri) = read(resource, "uri") {
                self.enter(Primitive::Resource(uri.clone()), server, uri);
                self.resources.push(listed(resource.clone()));
            }
        }
        for template in &lists.templates {
            if let Some(uri) = read(template, "uriTemplate") {
                self.shapes.push((Shape::of(&uri), server.name.clone()));
                self.enter(Primitive::Resource(uri.clone()), server, uri);
                self.templates.push(listed(template.clone()));
            }
        }
        if let Some(text) = &lists.instructions {
            self.instructions.push((server.name.clone(), text.clone()));
        }
    }

    /// Whether a tool can be offered: its name can be said by every client, it is there once, and its headers can be made.
    fn admit(&mut self, server: &Server, tool: &RawValue, own_names: &mut HashSet<String>) -> Result<(), String> {
        let members = Members::open(tool).map_err(|_| "it is not an object".to_owned())?;
        let own: String = members.read("name").ok_or_else(|| "it has no name".to_owned())?;
        let exposed = exposed_name(server.spec.prefix_for(&server.name), &own);
        if !is_tool_name(&exposed) {
            let shown: String = exposed.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("`{shown}` is no name of a tool (1 to 128 of A-Z a-z 0-9 _ . -)"));
        }
        if !own_names.insert(own) {
            return Err(format!("`{exposed}` is there twice in one list"));
        }
        let mirrored =
            members.get("inputSchema").map(ParamHeaders::of_tool).unwrap_or_else(|| Ok(ParamHeaders::default()));
        let mirrored = mirrored.map_err(|error| format!("`{exposed}`: {error}"))?;
        if !mirrored.is_empty() {
            self.mirrored.insert(exposed, mirrored);
        }
        Ok(())
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
        let read = |listed: &Listed, member: &str| read(&listed.entry, member);
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

/// Whether every client can say `name` (2026-07-28 server/tools).
fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
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

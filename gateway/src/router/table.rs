//! The compiled table of one project: what its servers offer together, and whose it is.
//!
//! What two servers offer under one name, or under names that differ in the case of letters alone, is offered by neither, so
//! that no server can take another's place.

use super::{connecting, more};
use crate::servers::offer::{Listed, Offer, look};
use control_plane_api::{argument::Declared, name::Name};
use filters::Target;
use protocol::{method::Primitive, param_headers::ParamHeaders};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
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
    pub tools: Vec<Arc<Listed>>,
    /// Prompts, renamed.
    pub prompts: Vec<Arc<Listed>>,
    /// Resources, by their own URIs.
    pub resources: Vec<Arc<Listed>>,
    /// Resource templates.
    pub templates: Vec<Arc<Listed>>,
    /// The gateway's own tools by which users connect servers; for those who have not.
    pub connecting: Vec<Arc<Listed>>,
    /// The gateway's own tool for the rest of results, where results are shortened.
    pub more: Option<Arc<Listed>>,
    /// The template of the whole results, beside it.
    pub results: Option<Arc<Listed>>,
    /// What is offered by nobody because two servers would.
    pub collisions: Vec<Collision>,
    index: HashMap<Primitive, Option<Target>>,
    offers: Vec<Arc<Offer>>,
}

/// Two servers with one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The first of them.
    pub first: Name,
    /// The second.
    pub second: Name,
    /// The name or URI.
    pub name: String,
}

impl Table {
    /// Merges the `offers` of a project's servers; none where a server was not heard of yet.
    #[must_use]
    pub fn merge(offers: Vec<Option<Arc<Offer>>>, epoch: u64) -> Self {
        let mut table = Self { epoch, complete: offers.iter().all(Option::is_some), ..Self::default() };
        table.offers = offers.into_iter().flatten().collect();
        let mut looks = HashMap::new();
        for offer in table.offers.clone() {
            table.enter(&offer.tools, &mut looks);
            table.enter(&offer.prompts, &mut looks);
            table.enter(&offer.resources, &mut looks);
            table.enter(&offer.templates, &mut looks);
        }
        table.appearances();
        table.tools = table.kept(|offer| &offer.tools);
        table.prompts = table.kept(|offer| &offer.prompts);
        table.resources = table.kept(|offer| &offer.resources);
        table.templates = table.kept(|offer| &offer.templates);
        for tool in &mut table.tools {
            let owner = tool.appearance.as_ref().map(|uri| (uri, table.index.get(&Primitive::Resource(uri.clone()))));
            // Shown with another server's page, a tool would put words into that server's mouth.
            if owner.is_some_and(|(_, owner)| !matches!(owner, Some(Some(target)) if target.server == tool.server)) {
                *tool = Arc::new(tool.plain());
            }
        }
        table
    }

    /// Offers the tool by which users connect `server`, under the first of `names` that no tool has: what servers offer is
    /// never hidden by it.
    pub fn offer_connecting(&mut self, server: &Name, names: Vec<String>) {
        let free = |name: &String| !self.index.contains_key(&Primitive::Tool(name.clone()));
        let Some(name) = names.into_iter().find(free) else { return };
        self.connecting.push(Arc::new(connecting::tool(server, &name)));
        let target = Target::connecting(server.clone(), name.clone());
        self.index.insert(Primitive::Tool(name), Some(target));
    }

    /// Offers the tool of the gateway called `gateway` for the rest of results, under the first of its names that no tool has,
    /// and the template of the whole ones.
    pub fn offer_more(&mut self, gateway: &Name) {
        let free = |name: &String| !self.index.contains_key(&Primitive::Tool(name.clone()));
        let name = more::names(gateway).into_iter().find(free);
        self.more = name.map(|name| Arc::new(more::tool(gateway, &name)));
        let template = more::template(gateway);
        let is_free = !self.index.contains_key(&template.primitive);
        self.results = (is_free && self.more.is_some()).then(|| Arc::new(template));
    }

    /// Whose primitive it is. A resource nobody lists belongs to the server whose template it fits best; to none if two fit
    /// equally well.
    #[must_use]
    pub fn target(&self, primitive: &Primitive) -> Option<Target> {
        if let Some(found) = self.index.get(primitive) {
            return found.clone();
        }
        let Primitive::Resource(uri) = primitive else { return None };
        self.fitting(uri).map(|offer| Target::new(offer.server.clone(), uri.clone()))
    }

    /// The arguments of tool `exposed` that are mirrored in headers; none where there are none.
    #[must_use]
    pub fn mirrored(&self, exposed: &str) -> Option<&ParamHeaders> {
        self.offer_of(&Primitive::Tool(exposed.to_owned()))?.mirrored(exposed)
    }

    /// What the schema of `tool` declares about its arguments; none where that is not known.
    #[must_use]
    pub fn declared(&self, tool: &Primitive) -> Option<Arc<Declared>> {
        self.offer_of(tool)?.declared(tool.name()).cloned()
    }

    /// The offer of the server whose `primitive` it is.
    fn offer_of(&self, primitive: &Primitive) -> Option<&Offer> {
        let target = self.index.get(primitive)?.as_ref()?;
        self.offers.iter().find(|offer| offer.server == target.server).map(|offer| &**offer)
    }

    /// Why tool `exposed`, which a server has, is offered by nobody; none if it is offered, or nobody has it.
    #[must_use]
    pub fn withheld(&self, exposed: &str) -> Option<&str> {
        self.offers.iter().find_map(|offer| offer.withheld.get(exposed)).map(String::as_str)
    }

    /// What each server says about itself.
    pub fn instructions(&self) -> impl Iterator<Item = (&Name, &str)> {
        self.offers.iter().filter_map(|offer| Some((&offer.server, offer.instructions.as_deref()?)))
    }

    fn fitting(&self, uri: &str) -> Option<&Offer> {
        let mut best: Option<(usize, Option<&Offer>)> = None;
        for offer in &self.offers {
            let Some(fit) = offer.fit(uri) else { continue };
            best = match best {
                Some((most, _)) if fit < most => best,
                Some((most, _)) if fit == most => Some((most, None)),
                _ => Some((fit, Some(offer))),
            };
        }
        best.and_then(|(_, offer)| offer)
    }

    /// Enters what one server offers; `looks` has the first of everything that looks alike.
    fn enter(&mut self, entries: &[Arc<Listed>], looks: &mut HashMap<Primitive, (Primitive, Name)>) {
        for listed in entries {
            let target = Target::new(listed.server.clone(), listed.own.clone());
            let first = looks
                .entry(look(listed.primitive.clone()))
                .or_insert_with(|| (listed.primitive.clone(), target.server.clone()));
            if first.0 != listed.primitive {
                let (primitive, other) = first.clone();
                self.collisions.push(Collision {
                    first: other,
                    second: target.server,
                    name: primitive.name().to_owned(),
                });
                self.index.insert(primitive, None);
                self.index.insert(listed.primitive.clone(), None);
                continue;
            }
            match self.index.entry(listed.primitive.clone()) {
                Entry::Vacant(place) => {
                    place.insert(Some(target));
                }
                Entry::Occupied(mut place) => {
                    let first = place.insert(None);
                    // A server may list a resource and a template that look alike; both are its own.
                    match first {
                        Some(first) if first == target => {
                            place.insert(Some(target));
                        }
                        Some(first) => self.collisions.push(Collision {
                            first: first.server,
                            second: target.server,
                            name: listed.exposed().to_owned(),
                        }),
                        None => {}
                    }
                }
            }
        }
    }

    /// Servers need not list the resources their tools are shown with: these are the server's whose tools name them, unless
    /// they are another's.
    fn appearances(&mut self) {
        let mut claims: HashMap<&str, HashSet<&Name>> = HashMap::new();
        for tool in self.offers.iter().flat_map(|offer| &offer.tools) {
            if let Some(uri) = &tool.appearance {
                claims.entry(uri).or_default().insert(&tool.server);
            }
        }
        let owner_of = |uri: &str, claimants: &HashSet<&Name>| match (self.fitting(uri), claimants.iter().next()) {
            (Some(offer), _) => Some(offer.server.clone()),
            (None, Some(server)) if claimants.len() == 1 => Some((*server).clone()),
            _ => None,
        };
        let owned: Vec<(Primitive, Option<Target>)> = claims
            .iter()
            .map(|(uri, claimants)| {
                let target = owner_of(uri, claimants).map(|server| Target::new(server, (*uri).to_owned()));
                (Primitive::Resource((*uri).to_owned()), target)
            })
            .collect();
        for (primitive, target) in owned {
            self.index.entry(primitive).or_insert(target);
        }
    }

    fn kept(&self, list: fn(&Offer) -> &Vec<Arc<Listed>>) -> Vec<Arc<Listed>> {
        let clear = |listed: &&Arc<Listed>| matches!(self.index.get(&listed.primitive), Some(Some(_)));
        self.offers.iter().flat_map(|offer| list(offer)).filter(clear).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::lists::Lists;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    /// The offer of `server` under `prefix`: tools by name, resources and templates by URI.
    fn offer(server: &str, prefix: &str, tools: Value, uris: &[&str]) -> Option<Arc<Offer>> {
        let mut lists = Lists::of_tools(tools);
        for uri in uris {
            let member = if uri.contains('{') { "uriTemplate" } else { "uri" };
            let entry = serde_json::value::to_raw_value(&json!({ member: uri, "name": "x" })).unwrap();
            if uri.contains('{') { &mut lists.templates } else { &mut lists.resources }.push(entry);
        }
        Some(Arc::new(Offer::compile(&server.parse().unwrap(), prefix, &lists, &BTreeMap::new())))
    }

    fn check(table: &Table, uri: &str) -> Option<String> {
        table.target(&Primitive::Resource(uri.to_owned())).map(|target| target.server.to_string())
    }

    #[test]
    fn what_two_servers_would_offer_is_offered_by_neither() {
        let (a, b) = (json!([{"name": "b_c"}, {"name": "x"}]), json!([{"name": "c"}, {"name": "y"}]));
        let table = Table::merge(vec![offer("one", "a", a, &["mem://n"]), offer("two", "a_b", b, &["mem://n"])], 1);
        assert_eq!(table.tools.iter().map(|tool| tool.exposed()).collect::<Vec<_>>(), ["a_x", "a_b_y"]);
        assert_eq!(table.target(&Primitive::Tool("a_b_c".to_owned())), None);
        assert_eq!(check(&table, "mem://n"), None);
        let names: Vec<&str> = table.collisions.iter().map(|collision| collision.name.as_str()).collect();
        assert_eq!(names, ["a_b_c", "mem://n"]);
    }

    #[test]
    fn names_that_differ_in_case_alone_are_one_name_between_servers() {
        let tools = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Value>();
        let one = offer("one", "", tools(&["Search", "own"]), &["mem://N"]);
        let two = offer("two", "", tools(&["search", "other"]), &["mem://n"]);
        let three = offer("three", "", tools(&["SEARCH", "third"]), &[]);
        let table = Table::merge(vec![one, two, three], 1);
        assert_eq!(table.tools.iter().map(|tool| tool.exposed()).collect::<Vec<_>>(), ["own", "other", "third"]);
        for name in ["Search", "search", "SEARCH"] {
            assert_eq!(table.target(&Primitive::Tool(name.to_owned())), None, "{name}");
        }
        let servers: Vec<(&str, &str)> =
            table.collisions.iter().map(|collision| (collision.first.as_str(), collision.second.as_str())).collect();
        assert_eq!(servers, [("one", "two"), ("one", "three")]);
        assert_eq!(
            (check(&table, "mem://N").as_deref(), check(&table, "mem://n").as_deref()),
            (Some("one"), Some("two"))
        );
    }

    #[test]
    fn a_tool_for_connecting_takes_no_servers_name() {
        let names = |server: &str, prefix: &str| {
            let oauth = json!({"connect_url": "https://x"});
            let transport = json!({"type": "http", "url": "https://y"});
            let spec = json!({"transport": transport, "oauth": oauth, "prefix": prefix});
            connecting::names(&server.parse().unwrap(), &serde_json::from_value(spec).unwrap())
        };
        let tools = json!([{"name": "connect"}, {"name": "get"}]);
        let mut table = Table::merge(vec![offer("one", "a", tools, &[])], 1);
        for (server, prefix) in [("one", "a"), ("three", "c"), ("four", "c"), ("five", "")] {
            table.offer_connecting(&server.parse().unwrap(), names(server, prefix));
        }
        let offered: Vec<(&str, &str)> =
            table.connecting.iter().map(|tool| (tool.server.as_str(), tool.exposed())).collect();
        assert_eq!(
            offered,
            [("one", "connect_one"), ("three", "c_connect"), ("four", "connect_four"), ("five", "connect_five")]
        );
        let target = |name: &str| table.target(&Primitive::Tool(name.to_owned())).unwrap();
        assert_eq!(target("a_connect"), Target::new("one".parse().unwrap(), "connect"));
        assert_eq!(target("connect_one"), Target::connecting("one".parse().unwrap(), "connect_one"));
        assert_eq!(table.tools.len(), 2, "they are for those alone who have not connected");
    }

    #[test]
    fn a_resource_belongs_to_who_lists_it_and_else_to_the_closest_template() {
        let one = offer("one", "one", json!([]), &["file:///{+path}", "mem://same/{id}"]);
        let two = offer("two", "two", json!([]), &["file:///etc/{name}", "file:///listed", "mem://same/{id}"]);
        let table = Table::merge(vec![one, two, None], 1);
        assert_eq!(check(&table, "file:///home/x").as_deref(), Some("one"));
        assert_eq!(check(&table, "file:///etc/x").as_deref(), Some("two"));
        assert_eq!(check(&table, "file:///listed").as_deref(), Some("two"));
        assert_eq!(check(&table, "mem://same/1"), None, "two fit equally well");
        assert_eq!(check(&table, "mem://other"), None);
        assert!(!table.complete);
    }

    #[test]
    fn a_tool_is_shown_with_pages_of_its_own_server_only() {
        let tools = |uris: &[&str]| {
            uris.iter().map(|uri| json!({"name": uri[5..], "_meta": {"ui": {"resourceUri": uri}}})).collect::<Value>()
        };
        let one = offer("one", "one", tools(&["ui://listed", "ui://both", "ui://unlisted"]), &["ui://listed"]);
        let two = offer("two", "two", tools(&["ui://listed", "ui://both"]), &[]);
        let table = Table::merge(vec![one, two], 1);
        let shown: Vec<&str> =
            table.tools.iter().filter(|tool| tool.appearance.is_some()).map(|tool| tool.exposed()).collect();
        assert_eq!(shown, ["one_listed", "one_unlisted"]);
        assert_eq!(table.tools.len(), 5);
        assert_eq!(check(&table, "ui://unlisted").as_deref(), Some("one"));
        assert_eq!(check(&table, "ui://both"), None);
    }
}

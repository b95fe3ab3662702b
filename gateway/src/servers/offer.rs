//! What one server offers, under the names clients see: made once of its lists, and shared by the tables of all projects.
//!
//! What clients could not use is left out, with the reason. Deliberately unknown here: other servers.

use super::{declared, lists::Lists};
use crate::{pins::Withheld, router::template::Shape};
use control_plane_api::{argument::Declared, name::Name};
use protocol::{
    Members, Mention,
    method::Primitive,
    param_headers::{InvalidAnnotation, ParamHeaders},
};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, LazyLock},
};

/// Bytes of a name that nobody can use which are shown in a problem.
const SHOWN_CHARS_MAX: usize = 64;
/// Where a tool names the resource it is shown with (MCP Apps): `_meta.ui.resourceUri`, in older servers this member.
const FLAT_APPEARANCE: &str = "ui/resourceUri";

/// See the module.
#[derive(Debug)]
pub struct Offer {
    /// Whose it is.
    pub server: Name,
    /// Its tools.
    pub tools: Vec<Arc<Listed>>,
    /// Its prompts.
    pub prompts: Vec<Arc<Listed>>,
    /// Its resources.
    pub resources: Vec<Arc<Listed>>,
    /// Its resource templates.
    pub templates: Vec<Arc<Listed>>,
    /// What it says about itself.
    pub instructions: Option<String>,
    /// What is left out, and why.
    pub problems: Vec<String>,
    /// Of the tools that are left out because their definitions are not trusted why, by the names clients know.
    pub withheld: HashMap<String, String>,
    mirrored: HashMap<String, ParamHeaders>,
    declared: HashMap<String, Arc<Declared>>,
    shapes: Vec<Shape>,
}

/// An entry of a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Whose it is.
    pub server: Name,
    /// The server's own name or URI for it.
    pub own: String,
    /// What it stands for, by the name or URI clients use.
    pub primitive: Primitive,
    /// As clients see it.
    pub entry: Box<RawValue>,
    /// The resource the tool is shown with.
    pub appearance: Option<String>,
    /// Whether its entry may say how the tool is run as a task.
    pub runs_as_task: bool,
}

impl Offer {
    /// Of the `lists` of `server`, whose names get `prefix`, without the tools that are `withheld`.
    #[must_use]
    pub fn compile(server: &Name, prefix: &str, lists: &Lists, withheld: &BTreeMap<String, Withheld>) -> Self {
        let mut offer = Self {
            server: server.clone(),
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            instructions: lists.instructions.clone(),
            problems: Vec::new(),
            withheld: HashMap::new(),
            mirrored: HashMap::new(),
            declared: HashMap::new(),
            shapes: Vec::new(),
        };
        offer.tools = offer.admitted(&lists.tools, "tool", |entry| {
            let listed = tool(server, prefix, entry)?;
            match withheld.get(&listed.own) {
                None if lists.definitions.contains_key(&listed.own) => Ok(listed),
                None => Err(format!("`{}`: nobody knows its definition", listed.exposed())),
                Some(reason) => Err(format!("`{}`: {reason}", listed.exposed())),
            }
        });
        let reason = |(own, reason): (&String, &Withheld)| (exposed_name(prefix, own), reason.to_string());
        offer.withheld = withheld.iter().map(reason).collect();
        let prompt = |entry: &RawValue| named(server, (prefix, Primitive::Prompt), entry);
        offer.prompts = offer.admitted(&lists.prompts, "prompt", prompt);
        let resource = |entry: &RawValue| located(server, "uri", entry);
        offer.resources = offer.admitted(&lists.resources, "resource", resource);
        let template = |entry: &RawValue| located(server, "uriTemplate", entry);
        offer.templates = offer.admitted(&lists.templates, "resource template", template);
        offer.shapes = offer.templates.iter().map(|template| Shape::of(template.exposed())).collect();
        let mirrored = |tool: &Arc<Listed>| Some((tool.exposed().to_owned(), mirrored(&tool.entry).ok()??));
        offer.mirrored = offer.tools.iter().filter_map(mirrored).collect();
        let declared =
            |tool: &Arc<Listed>| Some((tool.exposed().to_owned(), Arc::new(declared::of_tool(&tool.entry)?)));
        offer.declared = offer.tools.iter().filter_map(declared).collect();
        offer
    }

    /// The arguments of tool `exposed` that are mirrored in headers; none where there are none.
    #[must_use]
    pub fn mirrored(&self, exposed: &str) -> Option<&ParamHeaders> {
        self.mirrored.get(exposed)
    }

    /// What the schema of tool `exposed` declares about its arguments; none without a schema.
    #[must_use]
    pub fn declared(&self, exposed: &str) -> Option<&Arc<Declared>> {
        self.declared.get(exposed)
    }

    /// How closely `uri` fits one of its templates: the literal bytes of the best; none if it fits none.
    #[must_use]
    pub fn fit(&self, uri: &str) -> Option<usize> {
        self.shapes.iter().filter(|shape| shape.fits(uri)).map(Shape::literal_bytes).max()
    }

    /// The entries that can be offered. The same one twice is offered once; of two that would have one name none is; of two
    /// whose names differ in the case of letters the first is.
    fn admitted(
        &mut self,
        entries: &[Box<RawValue>],
        kind: &str,
        admit: impl Fn(&RawValue) -> Result<Listed, String>,
    ) -> Vec<Arc<Listed>> {
        let mut kept: Vec<Arc<Listed>> = Vec::new();
        let (mut owns, mut unclear) = (HashMap::<String, String>::new(), HashSet::new());
        let mut looks = HashMap::<Primitive, String>::new();
        let mut problem = |reason: String| self.problems.push(format!("a {kind} is not offered: {reason}"));
        for entry in entries {
            let listed = match admit(entry) {
                Ok(listed) => listed,
                Err(reason) => {
                    problem(reason);
                    continue;
                }
            };
            let (look, exposed) = (look(listed.primitive.clone()), listed.exposed().to_owned());
            if let Some(first) = looks.get(&look).filter(|first| **first != exposed) {
                problem(format!("`{}` looks like `{}`, which is in the list before it", shown(&exposed), shown(first)));
                continue;
            }
            looks.insert(look, exposed.clone());
            match owns.get(&exposed) {
                None => {
                    owns.insert(exposed, listed.own.clone());
                    kept.push(Arc::new(listed));
                }
                Some(own) if *own == listed.own => problem(format!("`{}` is in the list already", shown(own))),
                Some(_) => {
                    problem(format!("two of them would be called `{}`", shown(&exposed)));
                    unclear.insert(exposed);
                }
            }
        }
        kept.retain(|listed| !unclear.contains(listed.exposed()));
        kept
    }
}

impl Listed {
    /// What `server` calls `own`, clients know as `primitive`, and `entry` describes.
    #[must_use]
    pub fn new(server: &Name, own: String, primitive: Primitive, entry: Box<RawValue>) -> Self {
        static TASK: LazyLock<Mention> = LazyLock::new(|| Mention::of(&["execution"]));
        let runs_as_task = TASK.is_in(&entry);
        Self { server: server.clone(), own, primitive, entry, appearance: None, runs_as_task }
    }

    /// The name or URI clients use.
    #[must_use]
    pub fn exposed(&self) -> &str {
        self.primitive.name()
    }

    /// The tool without the resource it is shown with.
    #[must_use]
    pub fn plain(&self) -> Self {
        let mut plain = self.clone();
        plain.appearance = None;
        if let Ok(mut entry) = Members::open(&self.entry)
            && let Some(mut meta) = entry.object("_meta")
        {
            meta.remove(FLAT_APPEARANCE);
            if let Some(mut ui) = meta.object("ui") {
                ui.remove("resourceUri");
                meta.set("ui", &ui);
            }
            entry.set("_meta", &meta);
            plain.entry = entry.to_raw();
        }
        plain
    }
}

/// A tool: every client can say its name, and its headers can be made.
fn tool(server: &Name, prefix: &str, entry: &RawValue) -> Result<Listed, String> {
    let mut listed = named(server, (prefix, Primitive::Tool), entry)?;
    if listed.own.is_empty() {
        return Err("its name is empty".to_owned());
    }
    if !is_tool_name(listed.exposed()) {
        let name = shown(listed.exposed());
        return Err(format!("`{name}` is not a name of 1 to 128 of A-Z, a-z, 0-9, `_`, `.`, `-`"));
    }
    mirrored(entry).map_err(|error| format!("`{}`: {error}", listed.exposed()))?;
    listed.appearance = Members::open(entry).ok().and_then(|tool| appearance(&tool));
    Ok(listed)
}

fn named(
    server: &Name,
    (prefix, primitive): (&str, fn(String) -> Primitive),
    entry: &RawValue,
) -> Result<Listed, String> {
    let mut members = Members::open(entry).map_err(|_| "it is not an object".to_owned())?;
    let own: String = members.read("name").ok_or_else(|| "it has no name".to_owned())?;
    let exposed = exposed_name(prefix, &own);
    members.set("name", &exposed);
    Ok(Listed::new(server, own, primitive(exposed), members.to_raw()))
}

fn located(server: &Name, member: &str, entry: &RawValue) -> Result<Listed, String> {
    let members = Members::open(entry).map_err(|_| "it is not an object".to_owned())?;
    let own: String = members.read(member).ok_or_else(|| format!("it has no `{member}`"))?;
    Ok(Listed::new(server, own.clone(), Primitive::Resource(own), entry.to_owned()))
}

/// The arguments of `tool` that are mirrored in headers, if there are any.
fn mirrored(tool: &RawValue) -> Result<Option<ParamHeaders>, InvalidAnnotation> {
    let schema = Members::open(tool).ok().and_then(|tool| tool.get("inputSchema").map(ToOwned::to_owned));
    let headers = schema.map(|schema| ParamHeaders::of_tool(&schema)).transpose()?;
    Ok(headers.filter(|headers| !headers.is_empty()))
}

/// `<prefix>_<own>`, unless there is no prefix or the tool already begins with it.
#[must_use]
pub fn exposed_name(prefix: &str, own: &str) -> String {
    let already = own.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'));
    if prefix.is_empty() || already { own.to_owned() } else { format!("{prefix}_{own}") }
}

/// What `primitive` is to who does not heed the case of letters in names. URIs heed it (RFC 3986 §6.2.2.1).
pub(crate) fn look(primitive: Primitive) -> Primitive {
    match primitive {
        Primitive::Tool(name) => Primitive::Tool(name.to_lowercase()),
        Primitive::Prompt(name) => Primitive::Prompt(name.to_lowercase()),
        Primitive::Resource(uri) => Primitive::Resource(uri),
    }
}

fn appearance(tool: &Members) -> Option<String> {
    let meta = tool.object("_meta")?;
    meta.object("ui").and_then(|ui| ui.read("resourceUri")).or_else(|| meta.read(FLAT_APPEARANCE))
}

/// Whether every client can say `name` (2026-07-28 server/tools).
pub(super) fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// A name that may be anything, fit to be read.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What of `tools` is offered under the prefix `s`, and the problems.
    fn check(tools: serde_json::Value) -> (Vec<String>, String) {
        let offer = Offer::compile(&"slack".parse().unwrap(), "s", &Lists::of_tools(tools), &BTreeMap::new());
        (offer.tools.iter().map(|tool| tool.exposed().to_owned()).collect(), offer.problems.join("\n"))
    }

    #[test]
    fn a_name_is_prefixed_once() {
        assert_eq!(exposed_name("slack", "slack_get_messages"), "slack_get_messages");
        assert_eq!(exposed_name("slack", "conversations_history"), "slack_conversations_history");
        assert_eq!(exposed_name("slack", "slackbot"), "slack_slackbot");
        assert_eq!(exposed_name("", "jql"), "jql");
    }

    #[test]
    fn tools_that_clients_could_not_call_are_left_out_with_the_reason() {
        let bad = json!({"properties": {"a": {"type": "number", "x-mcp-header": "A"}}});
        let (offered, problems) = check(json!([
            {"name": "good"}, {"name": "two words"}, {"name": "\u{430}"}, {"name": "x".repeat(127)}, {"title": "no name"}, 7,
            {"name": "bad-header", "inputSchema": bad}, {"name": ""}, {"name": "line\nbreak"}
        ]));
        assert_eq!(offered, ["s_good"]);
        assert_eq!(problems.lines().count(), 8, "{problems}");
        assert!(
            problems.contains("`s_two words`") && problems.contains("x-mcp-header") && problems.contains("no name")
        );
    }

    #[test]
    fn the_same_twice_is_offered_once_and_of_two_with_one_name_none() {
        let (offered, problems) = check(json!([{"name": "a"}, {"name": "b"}, {"name": "s_a"}, {"name": "b"}]));
        assert_eq!(offered, ["s_b"]);
        assert!(problems.contains("two of them would be called `s_a`"), "{problems}");
        assert!(problems.contains("`b` is in the list already"), "{problems}");
    }

    #[test]
    fn of_two_names_that_differ_in_case_alone_the_first_is_offered() {
        let (offered, problems) =
            check(json!([{"name": "Search"}, {"name": "search"}, {"name": "SEARCH"}, {"name": "b"}]));
        assert_eq!(offered, ["s_Search", "s_b"]);
        assert!(problems.contains("`s_search` looks like `s_Search`, which is in the list before it"), "{problems}");
        assert_eq!(problems.lines().count(), 2);
    }

    #[test]
    fn a_tool_can_lose_its_appearance_and_nothing_else() {
        let tool = json!({"name": "a", "_meta": {"ui": {"resourceUri": "ui://a", "visibility": ["app"]}, "ui/resourceUri": "ui://a", "n": 1.0}});
        let lists = Lists::of_tools(json!([tool]));
        let offer = Offer::compile(&"slack".parse().unwrap(), "", &lists, &BTreeMap::new());
        assert_eq!(offer.tools[0].appearance.as_deref(), Some("ui://a"));
        let plain = offer.tools[0].plain();
        assert_eq!(plain.entry.get(), r#"{"name":"a","_meta":{"ui":{"visibility":["app"]},"n":1.0}}"#);
    }
}

//! The same configurations in the words of Cedar: what a profile of a project grants is a `permit`, what it denies a
//! `forbid`, and users are members of projects. Written from the documentation, not from the evaluator.

use crate::{
    asked::Asked,
    worlds::{PATTERNS, World},
};
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// A configuration as Cedar holds it.
pub(crate) struct Oracle {
    policies: PolicySet,
    members: Vec<(String, Vec<String>)>,
}

impl Oracle {
    pub(crate) fn of(world: &World) -> Self {
        let (mut text, mut members) = (String::new(), Vec::new());
        for project in world.of_kind("project") {
            let name = project["name"].as_str().unwrap();
            let texts =
                |list: &Value| list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
            members.push((name.to_owned(), texts(&project["spec"]["members"])));
            for profile in project["spec"]["profiles"].as_array().unwrap() {
                let spec = &world.named("profile", profile).unwrap()["spec"];
                if let Some(server) = world.named("server", &spec["server"]) {
                    write!(text, "{}", policies(name, spec, &server["spec"])).unwrap();
                }
            }
        }
        let policies = text.parse().unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        Self { policies, members }
    }

    /// Whether Cedar allows it: through the project that is asked for, else through any.
    pub(crate) fn allows(&self, asked: &Asked) -> bool {
        let entities = self.entities(asked);
        let through = |project: &str| {
            let uid = |kind: &str, id: &str| -> EntityUid { format!("{kind}::{}", quoted(id)).parse().unwrap() };
            let context = Context::from_json_value(context(asked, project), None).unwrap();
            let user = asked.user.as_deref().unwrap_or_default();
            let (principal, action) = (uid("User", user), uid("Action", asked.deed));
            let request = Request::new(principal, action, uid("Server", &asked.server), context, None).unwrap();
            Authorizer::new().is_authorized(&request, &self.policies, &entities).decision() == Decision::Allow
        };
        match &asked.project {
            Some(project) => through(project),
            None => self.members.iter().any(|(project, _)| through(project)),
        }
    }

    fn entities(&self, asked: &Asked) -> Entities {
        let id = |kind: &str, id: &str| json!({"type": kind, "id": id});
        let user = asked.user.as_deref();
        let of_user =
            |(_, members): &&(String, Vec<String>)| user.is_some_and(|user| members.iter().any(|one| one == user));
        let parents: Vec<Value> =
            self.members.iter().filter(of_user).map(|(project, _)| id("Project", project)).collect();
        let admin = asked.admin && user.is_some();
        let user = json!({"uid": id("User", user.unwrap_or_default()), "attrs": {"admin": admin}, "parents": parents});
        let projects =
            self.members.iter().map(|(project, _)| json!({"uid": id("Project", project), "attrs": {}, "parents": []}));
        Entities::from_json_value(projects.chain([user]).collect(), None).unwrap()
    }
}

/// What `spec` says in `project`.
fn policies(project: &str, spec: &Value, server: &Value) -> String {
    let head = format!("principal, action, resource == Server::{}", quoted(spec["server"].as_str().unwrap()));
    let place = format!("context.project == {}", quoted(project));
    let is_tool = r#"(action == Action::"see" || action == Action::"call")"#;
    let classes = match spec["access"].as_str().unwrap() {
        "read-only" => r#"["read"]"#,
        "read-write" => r#"["read", "write"]"#,
        _ => r#"["read", "write", "destructive", "unknown"]"#,
    };
    let full = spec["access"] == "full";
    let listed = |list: &str| if spec[list].is_null() { "true".to_owned() } else { likes("context.name", &spec[list]) };
    let mut text = format!(
        r#"permit({head}) when {{ {place} && (principal.admin || principal in Project::{project}) && (
            action == Action::"connect" || action == Action::"task" ||
            (action == Action::"prompt" && {prompts}) || (action == Action::"resource" && {resources}) ||
            (action == Action::"method" && {full}) ||
            ({is_tool} && {classes}.contains({class}) && {allow} && (action == Action::"see" || ({rules})))) }};
        "#,
        project = quoted(project),
        prompts = listed("prompts"),
        resources = listed("resources"),
        class = class(&server["tools"]),
        allow = listed("allow"),
        rules = rules(&spec["arguments"]),
    );
    if let Value::Array(_) = spec["deny"] {
        writeln!(text, "forbid({head}) when {{ {place} && {is_tool} && {} }};", likes("context.name", &spec["deny"]))
            .unwrap();
    }
    text
}

/// The class of a tool: the first rule that matches.
fn class(rules: &Value) -> String {
    let rules = rules.as_array().into_iter().flatten().rev();
    rules.fold(r#""unknown""#.to_owned(), |otherwise, rule| {
        let condition = like("context.name", rule["tool"].as_str().unwrap());
        format!("(if {condition} then {} else {otherwise})", quoted(rule["class"].as_str().unwrap()))
    })
}

/// Every rule that speaks of the tool holds, and where one does, every argument has a name that somebody knows.
fn rules(rules: &Value) -> String {
    let rules: Vec<&Value> = rules.as_array().into_iter().flatten().collect();
    let speaks = |rule: &Value| match &rule["tools"] {
        Value::Null => "true".to_owned(),
        tools => likes("context.name", tools),
    };
    let place = |rule: &Value| rule["argument"].as_str().unwrap().to_owned();
    let mut all: Vec<String> = rules.iter().map(|rule| format!("(!{} || {})", speaks(rule), holds(rule))).collect();
    let any = any(rules.iter().map(|rule| speaks(rule)));
    all.push(format!("(!{any} || context.isObject)"));
    for name in ["channel", "n", "path", "tags", "o", "extra", "o.k"] {
        let names = |rule: &&&Value| place(rule).split('.').next() == Some(name) || place(rule) == name;
        let named = self::any(rules.iter().filter(names).map(|rule| speaks(rule)));
        all.push(format!("(!{any} || !context.undeclared.contains({}) || {named})", quoted(name)));
    }
    for rule in rules.iter().filter(|rule| place(rule) == "o.k") {
        all.push(format!(r#"(!{} || ["k"].containsAll(context.inner))"#, speaks(rule)));
    }
    all.join(" && ")
}

/// The condition of `rule` for its argument, wherever that is given.
fn holds(rule: &Value) -> String {
    let (argument, optional) = (rule["argument"].as_str().unwrap(), rule["optional"] == true);
    let given = |at: &str, name: &str| {
        format!("({at} has {} && {})", quoted(name), keeps(rule, name, &format!("{at}[{}]", quoted(name))))
    };
    let absent = |at: &str, name: &str| format!("({optional} && !({at} has {}))", quoted(name));
    if argument != "o.k" {
        return format!("({} || {})", given("context.args", argument), absent("context.args", argument));
    }
    let inner = format!("({} || {})", given("context.args.o", "k"), absent("context.args.o", "k"));
    let dotted = r#"context.args has "o.k""#;
    format!(
        r#"((!({dotted}) || {}) && (if context.args has o then {inner} else ({optional} || {dotted})))"#,
        keeps(rule, "o.k", r#"context.args["o.k"]"#),
    )
}

/// Whether the value `at` keeps the condition of `rule`. A value of another type is an error, and permits nothing.
fn keeps(rule: &Value, name: &str, at: &str) -> String {
    if let Some(values) = rule["one_of"].as_array() {
        let allowed = format!("[{}]", values.iter().map(literal).collect::<Vec<_>>().join(", "));
        let optional = rule["optional"] == true;
        return format!(
            "(if context.lists.contains({}) then ({allowed}.containsAll({at}) && ({optional} || !{at}.isEmpty())) else {allowed}.contains({at}))",
            quoted(name)
        );
    }
    if let Some(pattern) = rule["matches"].as_str() {
        let (_, cedar) = PATTERNS.iter().find(|(regex, _)| *regex == pattern).unwrap();
        return match cedar.split_once('|') {
            Some((one, other)) => format!("[{}, {}].contains({at})", quoted(one), quoted(other)),
            None => like(at, cedar),
        };
    }
    if let Some(prefix) = rule["prefix"].as_str() {
        let begins = like(at, &format!("{prefix}*"));
        return if prefix.contains('/') { format!("({begins} && {})", plain(at)) } else { begins };
    }
    if let Some(folder) = rule["under"].as_str() {
        return format!("(({at} == {} || {}) && {})", quoted(folder), like(at, &format!("{folder}/*")), plain(at));
    }
    let bound = |name: &str, sign: &str| rule["range"][name].as_i64().map(|bound| format!("{at} {sign} {bound}"));
    let bounds: Vec<String> = [bound("min", ">="), bound("max", "<=")].into_iter().flatten().collect();
    format!("({})", bounds.join(" && "))
}

/// No name in the path is empty, leads up, or can be read as another.
fn plain(at: &str) -> String {
    let odd = ["*//*", "*/..*", "*/ *", "*./*", "* /*", "*.", "* ", "*\\*", "*%*"];
    format!("!{}", any(odd.iter().map(|odd| like(at, odd))))
}

fn likes(at: &str, patterns: &Value) -> String {
    any(patterns.as_array().unwrap().iter().map(|pattern| like(at, pattern.as_str().unwrap())))
}

fn any(conditions: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = conditions.collect();
    if all.is_empty() { "false".to_owned() } else { format!("({})", all.join(" || ")) }
}

fn like(at: &str, glob: &str) -> String {
    format!("({at} like {})", quoted(glob))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn literal(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), quoted)
}

/// What the request is about: an argument of no type that Cedar has is a set of what nobody asks for. A record would be an
/// object that only lacks what an optional rule speaks of.
fn context(asked: &Asked, project: &str) -> Value {
    let empty = Map::new();
    let members = asked.arguments.as_ref().map_or(Some(&empty), |arguments| arguments.as_object());
    let declared = |name: &str| asked.declared.as_ref().and_then(|declared| declared.members.get(name));
    let is_list = |name: &str| declared(name).is_some_and(|one| one.list);
    let (mut args, mut lists, mut undeclared, mut inner) = (Map::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, value) in members.unwrap_or(&empty) {
        if value.is_array() && is_list(name) {
            lists.push(name);
        }
        if declared(name).is_none() {
            undeclared.push(name);
        }
        if let ("o", Value::Object(object)) = (name.as_str(), value) {
            let known = |name: &String| declared("o").is_some_and(|one| one.members.contains_key(name));
            inner.extend(object.keys().filter(|name| !known(name)));
        }
        args.insert(name.clone(), seen(value, is_list(name)));
    }
    json!({"project": project, "name": asked.name, "args": args, "lists": lists, "undeclared": undeclared,
        "inner": inner, "isObject": members.is_some()})
}

fn seen(value: &Value, list: bool) -> Value {
    match value {
        Value::Array(elements) if list => elements.iter().map(|element| seen(element, false)).collect(),
        Value::Array(_) | Value::Null => json!([{"odd": true}]),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), seen(value, false))).collect(),
        other => other.clone(),
    }
}

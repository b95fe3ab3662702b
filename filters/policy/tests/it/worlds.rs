//! Random configurations, as objects that could be applied. Small alphabets, so that names, patterns and rules meet.

use control_plane_api::{object::Object, snapshot::Snapshot};
use rand::{Rng, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

pub(crate) const SERVERS: [&str; 3] = ["s0", "s1", "s2"];
pub(crate) const PROJECTS: [&str; 3] = ["p0", "p1", "p2"];
pub(crate) const USERS: [&str; 3] = ["u0", "u1", "u2"];
/// Own names of tools, prompts and resources.
pub(crate) const NAMES: [&str; 8] = ["get", "get_all", "post", "post_all", "drop", "Get", "a", ""];
pub(crate) const FOLDERS: [&str; 2] = ["/a", "/a/b"];
pub(crate) const PREFIXES: [&str; 5] = ["C", "/a/", "/a/b", "x/", "C1"];
/// Regular expressions, and what they are to Cedar: a glob, or some texts.
pub(crate) const PATTERNS: [(&str, &str); 4] =
    [("C.*", "C*"), (".*1", "*1"), ("/a/.*", "/a/*"), ("(?:C1|C2)", "C1|C2")];
const GLOBS: [&str; 9] = ["*", "get", "get*", "*_all", "p*t", "po*l", "drop", "*e*t*", "a*a"];
const CLASSES: [&str; 4] = ["read", "write", "destructive", "unknown"];
const ACCESS: [&str; 3] = ["read-only", "read-write", "full"];

/// One configuration: objects in the order in which they were made.
#[derive(Debug, Clone)]
pub(crate) struct World(pub(crate) Vec<Value>);

impl World {
    pub(crate) fn random(random: &mut StdRng) -> Self {
        let mut objects: Vec<Value> =
            SERVERS.iter().take(random.gen_range(1..=3)).map(|name| server(random, name)).collect();
        let profiles: Vec<String> = (0..random.gen_range(1..=6)).map(|at| format!("f{at}")).collect();
        objects.extend(profiles.iter().map(|name| profile(random, name)));
        for project in PROJECTS.iter().take(random.gen_range(1..=3)) {
            let granted = some(random, &profiles, 0.6);
            let spec = json!({"profiles": granted, "members": some(random, &USERS, 0.5)});
            objects.push(json!({"kind": "project", "name": project, "spec": spec}));
        }
        Self(objects)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let objects: Vec<Object> = self.0.iter().map(|one| serde_json::from_value(one.clone()).unwrap()).collect();
        Snapshot { objects, ..Snapshot::empty() }
    }

    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    pub(crate) fn named(&self, kind: &str, name: &Value) -> Option<&Value> {
        self.of_kind(kind).find(|object| object["name"] == *name)
    }
}

fn server(random: &mut StdRng, name: &str) -> Value {
    let rules: Vec<Value> = (0..random.gen_range(0..5))
        .map(|_| json!({"tool": pick(random, &GLOBS), "class": pick(random, &CLASSES)}))
        .collect();
    json!({"kind": "server", "name": name, "spec": {"transport": {"type": "stdio", "command": "x"}, "tools": rules}})
}

pub(crate) fn profile(random: &mut StdRng, name: &str) -> Value {
    let mut spec = json!({"server": pick(random, &SERVERS), "access": pick(random, &ACCESS)});
    for (list, present, chance) in
        [("allow", 0.4, 0.4), ("deny", 0.25, 0.2), ("prompts", 0.3, 0.4), ("resources", 0.3, 0.4)]
    {
        if random.gen_bool(present) {
            spec[list] = json!(some(random, &GLOBS, chance));
        }
    }
    if random.gen_bool(0.6) {
        spec["arguments"] = (0..random.gen_range(1..=3)).map(|_| rule(random)).collect();
    }
    json!({"kind": "profile", "name": name, "spec": spec})
}

fn rule(random: &mut StdRng) -> Value {
    let argument = *pick(random, &["channel", "channel", "n", "path", "tags", "o.k"]);
    let mut rule = json!({"argument": argument});
    match (argument, random.gen_range(0..3)) {
        ("n", 0) => rule["range"] = json!({"min": random.gen_range(-2..4)}),
        ("n", _) => rule["range"] = json!({"min": random.gen_range(-2..4), "max": random.gen_range(4..9)}),
        ("path", 0) => rule["prefix"] = json!(pick(random, &PREFIXES)),
        ("path", _) => rule["under"] = json!(pick(random, &FOLDERS)),
        ("channel", 0) => rule["matches"] = json!(pick(random, &PATTERNS).0),
        ("channel", 1) => rule["prefix"] = json!(pick(random, &PREFIXES)),
        _ => {
            let values = [json!("C1"), json!("C2"), json!("1"), json!(1), json!(true), json!(7)];
            let mut values = some(random, &values, 0.4);
            values.push(json!("C3"));
            rule["one_of"] = json!(values);
        }
    }
    if random.gen_bool(0.3) {
        rule["optional"] = json!(true);
    }
    if random.gen_bool(0.5) {
        let mut tools = some(random, &GLOBS, 0.3);
        tools.push("get");
        rule["tools"] = json!(tools);
    }
    rule
}

pub(crate) fn pick<'a, T>(random: &mut StdRng, of: &'a [T]) -> &'a T {
    of.choose(random).unwrap()
}

pub(crate) fn some<T: Clone>(random: &mut StdRng, of: &[T], chance: f64) -> Vec<T> {
    of.iter().filter(|_| random.gen_bool(chance)).cloned().collect()
}

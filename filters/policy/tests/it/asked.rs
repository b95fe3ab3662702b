//! Random questions, kept as data so that both evaluators can be asked.

use crate::worlds::{NAMES, PROJECTS, SERVERS, USERS, pick, some};
use control_plane_api::{argument::Declared, name::Name};
use policy::{Act, Call, Deed, Denial, Policy, Request, Who};
use rand::{Rng, rngs::StdRng};
use serde_json::{Map, Value, json, value::RawValue};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// None: nobody.
    pub(crate) user: Option<String>,
    pub(crate) admin: bool,
    pub(crate) project: Option<String>,
    pub(crate) server: String,
    pub(crate) deed: &'static str,
    pub(crate) name: String,
    /// Of a call: the arguments, and what the schema declares.
    pub(crate) arguments: Option<Value>,
    pub(crate) declared: Option<Arc<Declared>>,
    /// How old the configuration is, in milliseconds.
    pub(crate) age_ms: u64,
}

impl Asked {
    pub(crate) fn random(random: &mut StdRng) -> Self {
        let (anybody, named) = (random.gen_bool(0.95), random.gen_bool(0.75));
        let deeds = ["call", "call", "call", "call", "see", "prompt", "resource", "connect", "task", "method"];
        let project = if random.gen_bool(0.95) { pick(random, &PROJECTS) } else { pick(random, &["", "P0", "p9"]) };
        Self {
            user: anybody.then(|| (*pick(random, &USERS)).to_owned()),
            admin: random.gen_bool(0.3),
            project: named.then(|| (*project).to_owned()),
            server: (*pick(random, &SERVERS)).to_owned(),
            deed: *pick(random, &deeds),
            name: (*pick(random, &NAMES)).to_owned(),
            arguments: random.gen_bool(0.95).then(|| arguments(random)),
            declared: random.gen_bool(0.9).then(|| Arc::new(declared(random))),
            age_ms: 0,
        }
    }

    /// What the evaluator says.
    pub(crate) fn put_to(&self, policy: &Policy) -> Result<Option<String>, Denial> {
        let user: Option<Name> = self.user.as_ref().map(|name| name.parse().unwrap());
        let server: Name = self.server.parse().unwrap();
        let arguments: Option<Box<RawValue>> =
            self.arguments.as_ref().map(|value| serde_json::value::to_raw_value(value).unwrap());
        let declared = || self.declared.clone();
        let name = self.name.as_str();
        let deed = match self.deed {
            "see" => Deed::See(name),
            "call" => Deed::Call(Call { tool: name, arguments: arguments.as_deref(), declared: &declared }),
            "prompt" => Deed::Prompt(name),
            "resource" => Deed::Resource(name),
            "connect" => Deed::Connect,
            "task" => Deed::Task,
            _ => Deed::Method(name),
        };
        let who = user.as_ref().map_or(Who::Nobody, |name| Who::User { name, admin: self.admin });
        let request =
            Request { who, project: self.project.as_deref(), act: Act::At(&server, deed), age_ms: self.age_ms };
        let decided = policy.decide(&request).map(|profile| profile.map(ToString::to_string));
        let considered = policy.consider(&request);
        if let Ok(Some(profile)) = &decided {
            let grants = considered.iter().find(|one| one.profile.as_str() == profile && one.verdict.is_ok());
            assert!(grants.is_some(), "{self:?}: allowed by `{profile}`, which is said not to");
        }
        decided
    }
}

fn arguments(random: &mut StdRng) -> Value {
    if random.gen_bool(0.02) {
        return pick(random, &[json!([]), json!(null), json!("x"), json!(7)]).clone();
    }
    let mut given = Map::new();
    for (name, chance) in
        [("channel", 0.7), ("n", 0.6), ("path", 0.6), ("tags", 0.5), ("o", 0.5), ("extra", 0.1), ("o.k", 0.05)]
    {
        if random.gen_bool(chance) {
            given.insert(name.to_owned(), value(random, name));
        }
    }
    Value::Object(given)
}

fn value(random: &mut StdRng, name: &str) -> Value {
    if random.gen_bool(0.1) {
        return pick(random, &[json!(null), json!({"x": 1}), json!(["C1"]), json!(true), json!([["C1"]]), json!(1)])
            .clone();
    }
    match name {
        "n" if random.gen_bool(0.9) => json!(random.gen_range(-3..11)),
        "path" => json!(path(random)),
        "o" => {
            let mut inner = Map::new();
            for (name, chance) in [("k", 0.8), ("j", 0.2), ("k ", 0.05)] {
                if random.gen_bool(chance) {
                    inner.insert(name.to_owned(), text(random));
                }
            }
            Value::Object(inner)
        }
        "tags" if random.gen_bool(0.7) => (0..random.gen_range(0..3)).map(|_| text(random)).collect(),
        _ => text(random),
    }
}

fn text(random: &mut StdRng) -> Value {
    let texts =
        [json!("C1"), json!("C2"), json!("C3"), json!("c1"), json!("1"), json!("C1 "), json!(""), json!(1), json!(7)];
    pick(random, &texts).clone()
}

fn path(random: &mut StdRng) -> String {
    let starts = ["/a", "/a/", "/a/b/", "/a/b", "", "/", "/A/", "x/", "/ab", "C"];
    let parts = ["x", "b", ".", "..", "", " ", "/", "\\", "%2e", "x.", " x", "/x", "/./", "/../", "..x", "~"];
    let mut path = (*pick(random, &starts)).to_owned();
    for _ in 0..random.gen_range(0..3) {
        let part = *pick(random, &parts);
        path.push_str(part);
    }
    path
}

fn declared(random: &mut StdRng) -> Declared {
    let leaf = |list: bool| Declared { list, ..Declared::default() };
    let mut whole = Declared::default();
    for name in some(random, &["channel", "n", "path", "tags", "o", "extra"], 0.8) {
        let mut one = leaf(name == "tags" && random.gen_bool(0.8));
        if name == "o" {
            one.members =
                some(random, &["k", "j"], 0.7).into_iter().map(|name| (name.to_owned(), leaf(false))).collect();
        }
        whole.members.insert(name.to_owned(), one);
    }
    whole
}

//! Z-14: changes of a configuration whose effect is known without an oracle.

use crate::{
    asked::Asked,
    worlds::{PROJECTS, SERVERS, USERS, World, profile},
};
use policy::Policy;
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

const WORLDS: u64 = 60;
const QUESTIONS: usize = 60;

/// Asks the same of every random configuration and of what `change` makes of it.
fn check(
    change: impl Fn(&World, &mut StdRng) -> World,
    ask: impl Fn(&Asked) -> Asked,
    holds: impl Fn(bool, bool) -> bool,
) {
    let mut differed = 0;
    for seed in 0..WORLDS {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::random(&mut random);
        let changed = change(&world, &mut random);
        let (before, after) = (Policy::compile(&world.snapshot()), Policy::compile(&changed.snapshot()));
        for _ in 0..QUESTIONS {
            let asked = Asked::random(&mut random);
            let (was, is) = (asked.put_to(&before).is_ok(), ask(&asked).put_to(&after).is_ok());
            assert!(holds(was, is), "seed {seed}: {was} became {is}\n{asked:#?}\n{:#?}\n{:#?}", world.0, changed.0);
            differed += usize::from(was != is);
        }
    }
    // A change that changes nothing anywhere was not made.
    let expects_difference = holds(true, false) || holds(false, true);
    assert!(!expects_difference || differed > 0);
}

fn edited(world: &World, kind: &str, edit: &mut dyn FnMut(&mut Value)) -> World {
    let mut world = world.clone();
    world.0.iter_mut().filter(|object| object["kind"] == kind).for_each(|object| edit(&mut object["spec"]));
    world
}

fn pushed(list: &mut Value, one: Value) {
    match list {
        Value::Array(items) => items.push(one),
        _ => *list = json!([one]),
    }
}

fn never_more(was: bool, is: bool) -> bool {
    was || !is
}

#[test]
fn z14_another_deny_never_allows_more() {
    let deny = |world: &World, random: &mut StdRng| {
        edited(world, "profile", &mut |spec| {
            pushed(&mut spec["deny"], json!((*["get", "post*", "*_all", "*"].choose(random).unwrap())));
        })
    };
    check(deny, Asked::clone, never_more);
}

#[test]
fn z14_another_rule_about_arguments_never_allows_more() {
    let rule = |world: &World, _: &mut StdRng| {
        edited(world, "profile", &mut |spec| {
            pushed(&mut spec["arguments"], json!({"argument": "channel", "one_of": ["C1"]}));
        })
    };
    check(rule, Asked::clone, never_more);
}

#[test]
fn z14_a_lower_ceiling_never_allows_more() {
    let lower =
        |world: &World, _: &mut StdRng| edited(world, "profile", &mut |spec| spec["access"] = json!("read-only"));
    check(lower, Asked::clone, never_more);
}

#[test]
fn z14_an_older_configuration_never_allows_more() {
    let same = |world: &World, _: &mut StdRng| world.clone();
    check(same, |asked| Asked { age_ms: 2 * 3_600_000, ..asked.clone() }, never_more);
}

#[test]
fn z14_leaving_a_project_never_allows_more() {
    let leave = |world: &World, _: &mut StdRng| {
        edited(world, "project", &mut |spec| spec["members"].as_array_mut().unwrap().retain(|user| user != "u0"))
    };
    check(leave, Asked::clone, never_more);
}

#[test]
fn z14_another_profile_without_denies_never_allows_less() {
    let grant = |world: &World, random: &mut StdRng| {
        let mut more = profile(random, "more");
        more["spec"].as_object_mut().unwrap().remove("deny");
        let mut world = edited(world, "project", &mut |spec| pushed(&mut spec["profiles"], json!("more")));
        world.0.push(more);
        world
    };
    check(grant, Asked::clone, |was, is| !was || is);
}

#[test]
fn z14_the_order_of_anything_is_of_no_account() {
    let shuffle = |world: &World, random: &mut StdRng| {
        let mut world = world.clone();
        world.0.shuffle(random);
        for object in &mut world.0 {
            for list in ["profiles", "members", "allow", "deny", "prompts", "resources", "arguments"] {
                if let Value::Array(items) = &mut object["spec"][list] {
                    items.shuffle(random);
                }
            }
            object["spec"].as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
        world
    };
    check(shuffle, Asked::clone, |was, is| was == is);
}

#[test]
fn z14_what_things_are_called_is_of_no_account() {
    let names = [&PROJECTS[..], &SERVERS, &USERS, &["f0", "f1", "f2", "f3", "f4", "f5"]].concat();
    let renamed = |text: &str| {
        // Turned around, so that their order changes too.
        let at = names.iter().position(|name| *name == text);
        at.map_or_else(|| text.to_owned(), |at| format!("n{}", names.len() - at))
    };
    let rename = |world: &World, _: &mut StdRng| {
        let mut world = world.clone();
        for object in &mut world.0 {
            object["name"] = json!(renamed(object["name"].as_str().unwrap()));
            for list in ["profiles", "members"] {
                for name in object["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                    *name = json!(renamed(name.as_str().unwrap()));
                }
            }
            if let Some(server) = object["spec"].get_mut("server") {
                *server = json!(renamed(server.as_str().unwrap()));
            }
        }
        world
    };
    let ask = |asked: &Asked| Asked {
        user: asked.user.as_deref().map(renamed),
        project: asked.project.as_deref().map(renamed),
        server: renamed(&asked.server),
        ..asked.clone()
    };
    check(rename, ask, |was, is| was == is);
}

#[test]
fn z14_more_of_the_same_world_is_the_same_world() {
    let double = |world: &World, random: &mut StdRng| {
        let lists = ["allow", "deny", "prompts", "resources", "arguments"];
        let list = *lists.choose(random).unwrap();
        edited(world, "profile", &mut |spec| {
            if let Some(Value::Array(items)) = spec.get_mut(list) {
                let same = items.clone();
                items.extend(same);
            }
        })
    };
    check(double, Asked::clone, |was, is| was == is);
}

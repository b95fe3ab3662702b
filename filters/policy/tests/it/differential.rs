//! Z-14: random configurations and questions, decided by the evaluator and by Cedar.

use crate::{asked::Asked, cedar::Oracle, worlds::World};
use policy::{Denial, Policy};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeMap, env, time::Instant};

/// Questions of an ordinary run; `MCPCTL_POLICY_CASES` asks for more.
const CASES: usize = 4_000;
/// Questions about one configuration.
const CASES_PER_WORLD: usize = 200;
/// Of an ordinary run; `MCPCTL_POLICY_SEED` asks for another one.
const SEED: u64 = 20_260_728;

fn from_environment<T: std::str::FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn z14_the_evaluator_decides_as_cedar_does() {
    let cases = from_environment("MCPCTL_POLICY_CASES", CASES);
    let seed = from_environment("MCPCTL_POLICY_SEED", SEED);
    let (mut random, started) = (StdRng::seed_from_u64(seed), Instant::now());
    let (mut done, mut outcomes) = (0, BTreeMap::<&str, usize>::new());
    while done < cases {
        let world = World::random(&mut random);
        let (policy, oracle) = (Policy::compile(&world.snapshot()), Oracle::of(&world));
        for _ in 0..CASES_PER_WORLD.min(cases - done) {
            let asked = Asked::random(&mut random);
            let decided = asked.put_to(&policy);
            assert_eq!(
                decided.is_ok(),
                oracle.allows(&asked),
                "case {done} of seed {seed}: {decided:?}\n{asked:#?}\n{}",
                serde_json::to_string_pretty(&world.0).unwrap()
            );
            *outcomes.entry(kind(&decided)).or_default() += 1;
            done += 1;
        }
    }
    println!("seed {seed}: {done} cases in {:.1?}, 0 differences; {outcomes:?}", started.elapsed());
    for kind in ["allowed", "project", "no profile", "not granted", "ceiling", "denied", "arguments"] {
        let share = outcomes.get(kind).copied().unwrap_or_default();
        assert!(share * 200 >= done.min(CASES), "only {share} of {done} cases ended as `{kind}`: they try too little");
    }
}

fn kind(decided: &Result<Option<String>, Denial>) -> &'static str {
    match decided {
        Ok(_) => "allowed",
        Err(Denial::Project(_)) => "project",
        Err(Denial::NotOffered(_) | Denial::Withheld { .. }) => "not offered",
        Err(Denial::NoProfile(_)) => "no profile",
        Err(Denial::NotGranted { .. }) => "not granted",
        Err(Denial::Ceiling { .. }) => "ceiling",
        Err(Denial::Denied { .. }) => "denied",
        Err(Denial::Arguments { .. }) => "arguments",
        // Both evaluators are asked about a configuration that is confirmed.
        Err(Denial::Stale { .. }) => "stale",
    }
}

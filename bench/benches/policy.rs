//! One decision about a tool: seen, called freely, and called with arguments that rules speak of, in configurations of 1 to
//! 1,000 rules. Nothing of it may grow with the rules that speak of other tools.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use policy::{Act, Call, Deed, Policy, Request, Who, nothing_declared};
use serde_json::{Value, json, value::to_raw_value};
use std::hint::black_box;

const SIZES: [usize; 4] = [1, 10, 100, 1_000];

/// A project whose profile allows `rules` tools by name, classes as many, and has a rule about an argument of each.
fn policy(rules: usize) -> Policy {
    let names: Vec<String> = (0..rules).map(|at| format!("tool_{at}")).collect();
    let classes: Vec<Value> = names.iter().map(|name| json!({"tool": name, "class": "read"})).collect();
    let channel = |name: &String| json!({"tools": [name], "argument": "channel", "one_of": ["C1", "C2", "C3"]});
    let asked: Vec<Value> = names.iter().map(channel).collect();
    let server = |name: &str| json!({"kind": "server", "name": name, "spec": {"transport": {"type": "stdio", "command": "x"}, "tools": classes}});
    Policy::compile(&filters::testing::snapshot(json!([
        server("free"),
        server("asked"),
        {"kind": "profile", "name": "free", "spec": {"server": "free", "allow": names}},
        {"kind": "profile", "name": "asked", "spec": {"server": "asked", "allow": names, "arguments": asked}},
        {"kind": "project", "name": "weekly", "spec": {"profiles": ["free", "asked"], "members": ["ada"]}},
    ])))
}

fn decisions(criterion: &mut Criterion) {
    let ada = "ada".parse().expect("a name");
    let (free, asked) = ("free".parse().expect("a name"), "asked".parse().expect("a name"));
    let arguments = to_raw_value(&json!({"channel": "C2"})).expect("JSON");
    let refused = to_raw_value(&json!({"channel": "C9"})).expect("JSON");
    let mut group = criterion.benchmark_group("policy");
    for rules in SIZES {
        let policy = policy(rules);
        let tool = format!("tool_{}", rules / 2);
        let call =
            |arguments| Deed::Call(Call { tool: &tool, arguments: Some(arguments), declared: &nothing_declared });
        let who = Who::User { name: &ada, admin: false };
        let request = |server, deed| Request { who, project: Some("weekly"), act: Act::At(server, deed), age_ms: 0 };
        let cases = [
            ("see", request(&free, Deed::See(&tool)), true),
            ("call", request(&free, call(&arguments)), true),
            ("call_with_rules", request(&asked, call(&arguments)), true),
            ("refuse_argument", request(&asked, call(&refused)), false),
            ("refuse_tool", request(&free, Deed::See("another")), false),
        ];
        for (name, request, allowed) in cases {
            assert_eq!(policy.decide(&request).is_ok(), allowed, "{name}");
            group.bench_function(BenchmarkId::new(name, rules), |b| {
                b.iter(|| policy.decide(black_box(&request)).is_ok())
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);

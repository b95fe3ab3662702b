//! The filtering hot path, part by part; sizes are parameters and part of each name.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use filters::{
    Names as _, Target,
    permissions::{Asked, Permissions},
    testing::{self, Table},
};
use filters_relevance::{lexical::Lexical, segment::segment, statics::Table as StaticTable, words::Words};
use protocol::{Message, json, method::Primitive};
use serde_json::{Value, json};
use std::{collections::BTreeSet, hint::black_box, sync::Arc};

/// A `tools/call` whose arguments hold about `bytes` bytes.
fn call(bytes: usize) -> String {
    let text: String = "a word and another ".chars().cycle().take(bytes).collect();
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "slack_get_messages", "arguments": {"query": text, "limit": 100}}})
    .to_string()
}

/// The strict reader, which every request passes, beside serde_json's reading into a `Value` for comparison.
fn strict_reader(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("strict_reader");
    for bytes in [1 << 10, 100 << 10] {
        let text = call(bytes);
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or_default()));
        group.bench_with_input(BenchmarkId::new("check", bytes), &text, |b, text| {
            b.iter(|| json::check(black_box(text.as_bytes()), 64));
        });
        group.bench_with_input(BenchmarkId::new("check_and_parse", bytes), &text, |b, text| {
            b.iter(|| (json::check(black_box(text.as_bytes()), 64), Message::parse(text.as_bytes())));
        });
        group.bench_with_input(BenchmarkId::new("serde_json_value", bytes), &text, |b, text| {
            b.iter(|| serde_json::from_str::<Value>(black_box(text)));
        });
    }
    group.finish();
}

/// One decision over a project of `profiles` profiles, of which the last one grants.
fn permissions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("permissions");
    for profiles in [1_usize, 100, 1_000] {
        let mut objects = vec![json!({"kind": "server", "name": "slack", "spec": {
            "transport": {"type": "stdio", "command": "x"}, "tools": [{"tool": "slack_get_*", "class": "read"}]}})];
        let names: Vec<String> = (0..profiles).map(|n| format!("p{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            let allow = if n + 1 == profiles { "slack_get_*" } else { "nothing" };
            objects.push(json!({"kind": "profile", "name": name, "spec": {"server": "slack", "allow": [allow]}}));
        }
        objects.push(json!({"kind": "project", "name": "weekly", "spec": {"profiles": names, "members": ["ada"]}}));
        let table = Arc::new(Table::of(&[("slack_get_messages", "slack", "slack_get_messages")]));
        let permissions = Permissions::compile(&testing::snapshot(Value::from(objects)), table.clone(), false);
        let ada = testing::user("ada", &[]);
        let tool = Primitive::Tool("slack_get_messages".to_owned());
        let target: Target = table.target(Some("weekly"), &tool).expect("the tool is in the table");
        assert!(permissions.decide(&ada, Some("weekly"), (&tool, Some(&target)), Asked::Shown).is_ok());
        group.bench_function(BenchmarkId::new("decide", profiles), |b| {
            b.iter(|| {
                permissions.decide(black_box(&ada), Some("weekly"), (&tool, Some(&target)), Asked::Shown).is_ok()
            });
        });
    }
    group.finish();
}

/// `records` messages as a tool returns them.
fn messages(records: usize) -> String {
    const TEXTS: [&str; 4] = [
        "the deploy of the billing service is done, watching the error rate for an hour",
        "lunch at the usual place? I can book a table for six",
        "two failed logins from an address nobody knows, looking into it with the identity team",
        "the nightly pipeline was late again, the warehouse ran out of slots",
    ];
    let message = |n: usize| {
        json!({"ts": format!("17600{n:05}.000100"), "user_name": format!("user{}", n % 26),
            "text": format!("{} ({n})", TEXTS.get(n % TEXTS.len()).copied().unwrap_or_default())})
    };
    json!({"ok": true, "messages": (0..records).map(message).collect::<Vec<_>>(), "has_more": false}).to_string()
}

/// Finding records, cutting them out, and scoring them by words. The encoder is not measured here.
fn relevance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relevance");
    group.sample_size(20);
    for records in [100_usize, 1_000] {
        let text = messages(records);
        let segmented = segment(&text).expect("messages are records");
        let kept: BTreeSet<usize> = (0..records).step_by(20).collect();
        group.throughput(Throughput::Elements(u64::try_from(records).unwrap_or_default()));
        group.bench_function(BenchmarkId::new("segment", records), |b| b.iter(|| segment(black_box(&text))));
        group.bench_function(BenchmarkId::new("keep_one_in_twenty", records), |b| {
            b.iter(|| segmented.keep(black_box(&text), &kept));
        });
        group.bench_function(BenchmarkId::new("bm25", records), |b| {
            b.iter(|| {
                let mut words = Words::new(StaticTable::shipped().pieces());
                let read: Vec<_> = segmented.records().iter().map(|record| words.read(&record.spoken.text)).collect();
                let query = words.read(black_box("failed logins identity"));
                Lexical::new(&words, &read).score(&words, &query)
            });
        });
    }
    group.finish();
}

/// A text of `records` records in each shape that is told apart by its lines.
fn shapes(records: usize) -> Vec<(&'static str, String)> {
    let lines = |line: &dyn Fn(usize) -> String| (0..records).map(line).collect::<String>();
    let object = |n: usize| json!({"id": n, "title": format!("record {n}"), "body": "the pipeline was late again"});
    let paragraph = |n: usize| {
        let heading = if n.is_multiple_of(40) { format!("## Part {n}\n\n") } else { String::new() };
        format!("{heading}This paragraph, number {n}, says in a sentence or two what happened. It was late again.\n\n")
    };
    let hunk = |n: usize| {
        format!(
            "diff --git a/f{n} b/f{n}\n--- a/f{n}\n+++ b/f{n}\n@@ -1,2 +1,2 @@\n context\n-old line {n}\n+new line {n}\n"
        )
    };
    let wrapped = json!({"items": (0..records).map(object).collect::<Vec<_>>()}).to_string();
    vec![
        ("json", wrapped.clone()),
        ("json_in_json", json!({"result": wrapped}).to_string()),
        ("json_lines", lines(&|n| format!("{}\n", object(n)))),
        ("csv", format!("id,title,body\n{}", lines(&|n| format!("{n},record {n},\"late, \"\"again\"\"\n {n}\"\n")))),
        (
            "table",
            format!("NAME        STATUS    AGE\n{}", lines(&|n| format!("{:<10}  Running   2d\n", format!("pod-{n}")))),
        ),
        ("log", lines(&|n| format!("2026-11-22T10:00:00Z INFO message {n}\n    at line {n}\n"))),
        ("blocks", lines(&|n| format!("Commit: {n:07}\nAuthor: a\nMessage: change {n}\n\n"))),
        ("yaml", format!("items:\n{}", lines(&|n| format!("- name: pod-{n}\n  spec:\n    image: i\n")))),
        ("items", lines(&|n| format!("- item number {n}\n  with a second line\n"))),
        ("diff", lines(&hunk)),
        ("document", format!("# Report\n\n{}", lines(&paragraph))),
        ("no_shape", lines(&|n| format!("    let x{n} = f({n});\n"))),
    ]
}

/// Finding records in every shape. Time per byte stays the same from one size to the next.
fn segmentation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment");
    group.sample_size(20);
    for records in [300_usize, 3_000] {
        for (shape, text) in shapes(records) {
            assert_eq!(segment(&text).is_none(), shape == "no_shape", "{shape}");
            group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or_default()));
            group.bench_function(BenchmarkId::new(shape, records), |b| b.iter(|| segment(black_box(&text))));
        }
    }
    group.finish();
}

criterion_group!(benches, strict_reader, permissions, relevance, segmentation);
criterion_main!(benches);

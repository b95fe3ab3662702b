//! Properties of edits, on files that nobody would write: whatever stands in them, in whatever form, survives.

use super::{
    tests::{entry_for, target},
    *,
};
use crate::clients::table;
use proptest::{prelude::*, sample::select};

/// Adding once is adding twice, differs in our entry alone, and is undone by removing.
fn check(name: &str, text: &str) -> Result<(), TestCaseError> {
    let client = table::find(name).unwrap();
    let target = target(&client, "FILE");
    let entry = entry_for(&client, "weekly_reports");
    let before = target.value(text).map_err(|failure| TestCaseError::fail(format!("{text}\n{}", failure.message)))?;
    let added = target.add(Some(text), &entry);
    let Ok(Edit::Created(after)) = added else {
        return Err(TestCaseError::fail(format!("{text}\nis not added to: {added:?}")));
    };
    prop_assert_eq!(target.add(Some(&after), &entry).unwrap(), Edit::Unchanged);
    let mut says = target.value(&after).unwrap();
    let servers = says.get_mut(&client.servers).and_then(Value::as_object_mut).unwrap();
    prop_assert_eq!(servers.shift_remove("mcpctl-proxy"), Some(entry.clone()));
    prop_assert_eq!(without_servers(says, &client.servers), without_servers(before, &client.servers));
    let renewed = target.add(Some(&after), &entry_for(&client, "other"));
    let Ok(Edit::Configured(renewed)) = renewed else {
        return Err(TestCaseError::fail(format!("{after}\nis not renewed: {renewed:?}")));
    };
    for text_with in [&after, &renewed] {
        match target.remove(text_with, None) {
            Ok(Edit::Removed(left) | Edit::Emptied(left)) => prop_assert_eq!(&left, text, "out of {}", text_with),
            other => return Err(TestCaseError::fail(format!("{text_with}\nis not removed from: {other:?}"))),
        }
    }
    Ok(())
}

/// Line ends as on another system, and a last line without one.
fn ended(text: &str, windows: bool, bare: bool) -> String {
    let text = if bare { text.trim_end_matches('\n') } else { text };
    if windows { text.replace('\n', "\r\n") } else { text.to_owned() }
}

/// What may stand between two tokens.
fn gap(comments: bool) -> BoxedStrategy<String> {
    let plain = select(vec!["", " ", "\n", "\n  ", "\n\t\t", "  "]);
    let noted = select(vec!["", " ", "\n  ", " // a, \"b\": {\n", " /* c } */ ", "\n  // d\n  "]);
    if comments { noted } else { plain }.prop_map(str::to_owned).boxed()
}

/// A value in JSON, in whatever layout.
fn json_value(comments: bool) -> BoxedStrategy<String> {
    let leaf =
        select(vec!["1.50", "null", "\"a // b\"", "\"\\u0041\"", "[]", "{}", "-0", "true"]).prop_map(str::to_owned);
    leaf.prop_recursive(2, 8, 3, move |inner| {
        let items = proptest::collection::vec((gap(comments), inner.clone(), gap(comments)), 1..3);
        let list =
            items.clone().prop_map(|items| format!("[{}]", joined(items.into_iter().map(|(a, v, b)| a + &v + &b), "")));
        let object = (items, any::<bool>()).prop_map(move |(items, trailing)| {
            let members = items.into_iter().enumerate().map(|(at, (a, v, b))| format!("{a}\"m{at}\":{v}{b}"));
            format!("{{{}}}", joined(members, if comments && trailing { "," } else { "" }))
        });
        prop_oneof![list, object]
    })
    .boxed()
}

fn joined(parts: impl Iterator<Item = String>, end: &str) -> String {
    parts.collect::<Vec<_>>().join(",") + end
}

fn json_file(servers: &'static str, comments: bool) -> impl Strategy<Value = String> {
    let members = proptest::collection::vec((gap(comments), json_value(comments), gap(comments)), 0..4);
    let object = (members.clone(), any::<bool>(), gap(comments)).prop_map(move |(members, trailing, empty)| {
        let trailing = comments && trailing && !members.is_empty();
        let inner = if members.is_empty() { empty } else { String::new() };
        let members = members.into_iter().enumerate().map(|(at, (a, v, b))| format!("{a}\"s{at}\": {v}{b}"));
        format!("{{{}{inner}}}", joined(members, if trailing { "," } else { "" }))
    });
    let at = proptest::option::of((object, 0_usize..4));
    (members, at, gap(comments), any::<[bool; 3]>()).prop_map(
        move |(members, at, around, [trailing, windows, bare])| {
            let mut lines: Vec<String> =
                members.into_iter().enumerate().map(|(n, (a, v, b))| format!("{a}\"k{n}\": {v}{b}")).collect();
            if let Some((object, at)) = at {
                lines.insert(at.min(lines.len()), format!("\n  \"{servers}\": {object}"));
            }
            let trailing = comments && trailing && !lines.is_empty();
            let text =
                format!("{around}{{{}{around}}}{around}\n", joined(lines.into_iter(), if trailing { "," } else { "" }));
            ended(&text, windows, bare)
        },
    )
}

/// Each part once, in order.
fn once(parts: Vec<&str>) -> String {
    let first = |at: usize| parts.iter().position(|part| Some(part) == parts.get(at)) == Some(at);
    parts.iter().enumerate().filter(|(at, _)| first(*at)).map(|(_, part)| *part).collect()
}

fn toml_file() -> impl Strategy<Value = String> {
    let root = select(vec![
        "model = \"x\"  # c\n",
        "\n",
        "# note [a]\n",
        "a.b = 1\n",
        "t = '''\n[no]\n# no\n'''\n",
        "l = [\n  1, # [x]\n]\n",
    ]);
    let tables = select(vec![
        "[t1]\nx = 1\n\n",
        "[mcp_servers.a]\ncommand = \"a\"\n",
        "[mcp_servers.\"b.c\"] # see [t]\nargs = [\n  \"x\",\n]\n\n",
        "  [mcp_servers.d.env]\n  K = \"v\"\n",
        "[[list]]\nx = \"\"\"\n[mcp_servers.mcpctl-proxy]\n\"\"\"\n",
        "[projects.\"/home/u\"]\ntrust_level = \"trusted\"\n# last\n",
    ]);
    let inline = select(vec![
        "",
        "",
        "mcp_servers = { a = { command = \"a\" } } # [b]\n",
        "mcp_servers = {}\n",
        "mcp_servers = {  }\n",
    ]);
    let parts =
        (inline, proptest::collection::vec(root, 0..5), proptest::collection::vec(tables, 0..5), any::<[bool; 2]>());
    parts.prop_map(move |(inline, root, mut tables, [windows, bare])| {
        // What is defined within braces cannot be added to outside of them.
        tables.retain(|table| inline.is_empty() || !table.contains("[mcp_servers"));
        ended(&(inline.to_owned() + &once(root) + &once(tables)), windows, bare)
    })
}

fn yaml_file() -> impl Strategy<Value = String> {
    let part = select(vec![
        "# note\n",
        "A: 1 # one\n",
        "B:\n  c: [1, 2]\n  # in b\n\n",
        "T: |\n  extensions:\n    x: 1\n",
        "S: \"a: b # c\"\n",
        "\n",
        "L:\n- 1\n- x: y\n",
    ]);
    let servers = select(vec![
        "",
        "extensions:\n",
        "extensions: {}\n",
        "extensions: # all\n  dev:\n    enabled: true\n",
        "extensions:\n    dev: {enabled: true}\n    # own\n    \"x y\":\n        t: |\n            # no\n            mcpctl-proxy: no\n",
        "extensions:\n  # none yet\n",
        "\"extensions\":\n  a:\n    b: c\n\n  d: {}\n\n# after\n",
    ]);
    let parts =
        (proptest::collection::vec(part.clone(), 0..4), servers, proptest::collection::vec(part, 0..3), any::<bool>());
    parts.prop_map(move |(before, servers, after, windows)| {
        let after: Vec<&str> = after.into_iter().filter(|part| !before.contains(part)).collect();
        ended(&(once(before) + servers + &once(after)), windows, false)
    })
}

proptest! {
    #[test]
    fn a_file_in_json_survives(text in json_file("mcpServers", false)) {
        check("claude", &text)?;
    }

    #[test]
    fn a_file_in_json_with_comments_survives(text in json_file("servers", true)) {
        check("vscode", &text)?;
    }

    #[test]
    fn a_file_in_toml_survives(text in toml_file()) {
        check("codex", &text)?;
    }

    #[test]
    fn a_file_in_yaml_survives(text in yaml_file()) {
        check("goose", &text)?;
    }
}

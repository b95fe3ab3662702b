use super::*;
use crate::clients::table;
use serde_json::json;

fn client(name: &str) -> Client {
    table::find(name).unwrap()
}

/// Our entry in the form of a client, for a project.
pub(super) fn entry_for(client: &Client, project: &str) -> Value {
    let args = ["mcp-stdio", "--project", project].map(str::to_owned).into();
    let values = Values { name: "mcpctl-proxy".to_owned(), command: "mcpctl".to_owned(), args, ..Values::default() };
    values.fill(&client.stdio)
}

pub(super) fn target<'a>(client: &'a Client, file: &'a str) -> Target<'a> {
    Target { client, file, name: "mcpctl-proxy" }
}

fn add(name: &str, text: Option<&str>, project: &str) -> Result<Edit, Failure> {
    let client = client(name);
    target(&client, "FILE").add(text, &entry_for(&client, project))
}

fn remove(name: &str, text: &str, project: Option<&str>) -> Result<Edit, Failure> {
    target(&client(name), "FILE").remove(text, project)
}

/// Adding to `before` gives `after`; adding again changes nothing, removing gives `before` back.
fn check(name: &str, before: &str, after: &str) {
    assert_eq!(add(name, Some(before), "weekly_reports").unwrap(), Edit::Created(after.to_owned()), "{name}");
    assert_eq!(add(name, Some(after), "weekly_reports").unwrap(), Edit::Unchanged);
    assert_eq!(remove(name, after, Some("weekly_reports")).unwrap(), Edit::Removed(before.to_owned()), "{name}");
}

const NEW: &str = r#"{
  "mcpServers": {
    "mcpctl-proxy": {
      "type": "stdio",
      "command": "mcpctl",
      "args": [
        "mcp-stdio",
        "--project",
        "weekly_reports"
      ]
    }
  }
}
"#;

#[test]
fn a_new_file_holds_our_entry_and_nothing_else_and_goes_with_it() {
    assert_eq!(add("claude", None, "weekly_reports").unwrap(), Edit::Created(NEW.to_owned()));
    assert_eq!(add("claude", Some(NEW), "weekly_reports").unwrap(), Edit::Unchanged);
    for client in table::all().unwrap() {
        let target = target(&client, "FILE");
        let Edit::Created(text) = target.add(None, &entry_for(&client, "p")).unwrap() else { panic!("created") };
        assert_eq!(target.project(&text).unwrap().as_deref(), Some("p"), "{text}");
        assert!(matches!(target.remove(&text, Some("p")).unwrap(), Edit::Emptied(_)), "{}", client.name);
    }
}

const OTHERS: &str = "{\n\t\"x\": 1.10,\n\t\"mcpServers\": {\n\t\t\"zeta\": {\"command\": \"z\", \"args\": [\"a\", \"\\u0041\"]},\n\t\t\"alpha\": {\n\t\t\t\"url\": \"https://a\"\n\t\t}\n\t}\n}";

#[test]
fn other_servers_survive_byte_for_byte_and_in_order() {
    let Edit::Created(text) = add("claude", Some(OTHERS), "weekly_reports").unwrap() else { panic!("created") };
    assert!(text.starts_with(OTHERS.strip_suffix("\n\t}\n}").unwrap()), "{text}");
    assert!(text.contains("\n\t\t\"mcpctl-proxy\": {\n\t\t\t\"type\": \"stdio\""), "{text}");
    assert_eq!(remove("claude", &text, Some("weekly_reports")).unwrap(), Edit::Removed(OTHERS.to_owned()));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_kept() {
    let before = "\u{feff}{\r\n    \"mcpServers\": {\r\n        \"a\": {}\r\n    }\r\n}\r\n";
    let Edit::Created(text) = add("claude", Some(before), "weekly_reports").unwrap() else { panic!("created") };
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(remove("claude", &text, None).unwrap(), Edit::Removed(before.to_owned()));
}

#[test]
fn an_entry_for_another_project_is_renewed_in_its_place_and_keeps_what_was_added_to_it() {
    let before = NEW.replace("\"type\": \"stdio\",", "\"alwaysLoad\": true,\n      \"type\": \"stdio\",");
    let Edit::Configured(text) = add("claude", Some(&before), "other").unwrap() else { panic!("configured") };
    assert_eq!(text, before.replace("weekly_reports", "other"));
}

fn refuses(name: &str, text: &str, expected: &str) {
    for result in [add(name, Some(text), "p"), remove(name, text, None)] {
        let failure = result.unwrap_err();
        assert!(failure.message.contains(expected), "{text}: {}", failure.message);
    }
}

#[test]
fn what_is_broken_is_refused() {
    refuses("claude", "{\"mcpServers\": {", "not valid JSON");
    refuses("claude", "", "not valid JSON");
    refuses("claude", "{\"mcpServers\": {}, \"mcpServers\": {}}", "not valid JSON");
    refuses("claude", "// note\n{}", "not valid JSON");
    refuses("claude", "[]", "not a JSON object");
    refuses("claude", "{\"mcpServers\": []}", "`mcpServers` in FILE is not an object");
    refuses("vscode", "", "not valid JSON");
    refuses("vscode", "{\"servers\": {}, \"servers\": {}}", "`servers` is there twice");
    refuses("vscode", "{servers: {}}", "not valid JSON");
    refuses("codex", "[mcp_servers\n", "not valid TOML");
    refuses("codex", "[[mcp_servers]]\nx = 1\n", "`mcp_servers` in FILE is not an object");
    refuses("goose", "extensions: [\n", "not valid YAML");
    refuses("goose", "- a\n", "not a YAML object");
}

#[test]
fn only_our_own_entry_is_changed_or_removed() {
    refuses("claude", r#"{"mcpServers": {"mcpctl-proxy": {"command": "other"}}}"#, "not made by mcpctl");
    refuses("codex", "[mcp_servers.mcpctl-proxy]\ncommand = \"other\"\n", "not made by mcpctl");
    refuses("goose", "extensions:\n  mcpctl-proxy:\n    cmd: other\n", "not made by mcpctl");
    refuses("continue", "mcpServers:\n- name: mcpctl-proxy\n  command: other\n", "not made by mcpctl");
    assert!(remove("claude", NEW, Some("daily")).unwrap_err().message.contains("`weekly_reports`"));
    assert_eq!(remove("claude", "{}", None).unwrap(), Edit::Unchanged);
    assert_eq!(remove("codex", "# mine\n", None).unwrap(), Edit::Unchanged);
    assert_eq!(remove("goose", "", None).unwrap(), Edit::Unchanged);
}

#[test]
fn comments_and_trailing_commas_stay_where_they_are() {
    check(
        "zed",
        "// mine\n{\n  \"theme\": \"x\", // dark\n  \"context_servers\": {\n    \"a\": {}, // first\n  },\n}\n",
        "// mine\n{\n  \"theme\": \"x\", // dark\n  \"context_servers\": {\n    \"a\": {}, // first\n    \"mcpctl-proxy\": {\n      \"source\": \"custom\",\n      \"command\": \"mcpctl\",\n      \"args\": [\n        \"mcp-stdio\",\n        \"--project\",\n        \"weekly_reports\"\n      ],\n      \"env\": {}\n    },\n  },\n}\n",
    );
    check(
        "cursor",
        "{\n  \"a\": 1 // one\n  /* end */\n}\n",
        "{\n  \"a\": 1, // one\n  /* end */\n  \"mcpServers\": {\n    \"mcpctl-proxy\": {\n      \"command\": \"mcpctl\",\n      \"args\": [\n        \"mcp-stdio\",\n        \"--project\",\n        \"weekly_reports\"\n      ]\n    }\n  }\n}\n",
    );
}

#[test]
fn an_object_that_was_empty_stays_and_one_that_came_with_the_entry_goes() {
    let entry =
        "\"mcpctl-proxy\": {\"command\": \"mcpctl\", \"args\": [\"mcp-stdio\", \"--project\", \"weekly_reports\"]}";
    check("cursor", "{\"mcpServers\": {}}", &format!("{{\"mcpServers\": {{{entry}}}}}"));
    check("cursor", "{}", &format!("{{\"mcpServers\": {{ {entry} }}}}"));
    check("cursor", "{\n  \"mcpServers\": {}\n}\n", &format!("{{\n  \"mcpServers\": {{{entry}}}\n}}\n"));
    check("cursor", "{\n  \"mcpServers\": {\n  }\n}\n", &format!("{{\n  \"mcpServers\": {{\n    {entry}\n  }}\n}}\n"));
}

const TABLE: &str =
    "[mcp_servers.mcpctl-proxy]\ncommand = \"mcpctl\"\nargs = [\"mcp-stdio\", \"--project\", \"weekly_reports\"]";

#[test]
fn a_table_is_put_at_the_end_and_every_other_byte_stays() {
    check("codex", "model = \"x\"   # mine\n", &format!("model = \"x\"   # mine\n\n{TABLE}\n"));
    check("codex", "model = 'x'", &format!("model = 'x'\n\n{TABLE}"));
    check(
        "codex",
        "[a]\nb = \"\"\"\n[not.a.table]\n\"\"\"\n\n# end\n",
        &format!("[a]\nb = \"\"\"\n[not.a.table]\n\"\"\"\n\n# end\n\n{TABLE}\n"),
    );
    check(
        "codex",
        "a = 1\r\n",
        &format!("a = 1\r\n\r\n{TABLE}\r\n")
            .replace("proxy]\n", "proxy]\r\n")
            .replace("\"mcpctl\"\n", "\"mcpctl\"\r\n"),
    );
    let inline = "mcpctl-proxy = { command = \"mcpctl\", args = [\"mcp-stdio\", \"--project\", \"weekly_reports\"] }";
    check(
        "codex",
        "mcp_servers = { a = { command = \"a\" } } # b\n",
        &format!("mcp_servers = {{ a = {{ command = \"a\" }}, {inline} }} # b\n"),
    );
    check("codex", "mcp_servers = { }\n", &format!("mcp_servers = {{{inline} }}\n"));
}

#[test]
fn a_table_goes_with_the_tables_in_it_wherever_they_are() {
    let text = format!(
        "a = 1\n\n{TABLE}\n\n# about b\n[b]\nc = 1\n\n[mcp_servers.mcpctl-proxy.tools.x] # see [b]\napproval_mode = \"approve\"\n\n[d]\n"
    );
    assert_eq!(
        remove("codex", &text, None).unwrap(),
        Edit::Removed("a = 1\n\n# about b\n[b]\nc = 1\n\n[d]\n".to_owned())
    );
    let Edit::Configured(text) = add("codex", Some(&text), "other").unwrap() else { panic!("configured") };
    assert!(text.starts_with("a = 1\n\n[mcp_servers.mcpctl-proxy]\n"), "{text}");
    assert!(text.contains("\"other\"]\ntools = { x = { approval_mode = \"approve\" } }\n\n# about b\n[b]\n"), "{text}");
}

const BLOCK: &str = "  mcpctl-proxy:
    args:
    - mcp-stdio
    - --project
    - weekly_reports
    bundled: null
    cmd: mcpctl
    description: The tools of one mcpctl project
    enabled: true
    env_keys: []
    envs: {}
    name: mcpctl-proxy
    timeout: 300
    type: stdio";

#[test]
fn a_block_is_put_behind_the_others_and_every_other_byte_stays() {
    check("goose", "# mine\nA: 1\n", &format!("# mine\nA: 1\nextensions:\n{BLOCK}\n"));
    check("goose", "A: 1", &format!("A: 1\nextensions:\n{BLOCK}"));
    check(
        "goose",
        "extensions:\n  dev:\n    enabled: true # yes\n\n# about B\nB: {c: 1}\n",
        &format!("extensions:\n  dev:\n    enabled: true # yes\n{BLOCK}\n\n# about B\nB: {{c: 1}}\n"),
    );
    let spread = BLOCK.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    let wide = "extensions: # all\n    dev:\n        text: |\n            a: b\n            # no comment\n";
    check("goose", wide, &format!("{wide}{spread}\n"));
}

#[test]
fn servers_in_yaml_that_were_empty_stay() {
    let client = client("goose");
    let entry = json::line(&entry_for(&client, "weekly_reports"));
    check("goose", "extensions: {}\nA: 1\n", &format!("extensions: {{\"mcpctl-proxy\": {entry}}}\nA: 1\n"));
    check("goose", "extensions:\nA: 1\n", &format!("extensions:\n  mcpctl-proxy: {entry}\nA: 1\n"));
    check("goose", "A: 1\nextensions:\n", &format!("A: 1\nextensions:\n  mcpctl-proxy: {entry}\n"));
}

#[test]
fn what_cannot_be_edited_is_left_alone_with_a_way_out() {
    let failure = add("goose", Some("extensions: {dev: {enabled: true}}\n"), "p").unwrap_err();
    assert!(failure.message.contains("not touched"), "{}", failure.message);
    assert!(failure.hint.unwrap().contains("`extensions.mcpctl-proxy` by hand: {\"args\""));
    let client = client("continue");
    let Edit::Created(text) = add("continue", None, "p").unwrap() else { panic!("created") };
    let theirs = format!("# mine\n{text}");
    assert!(remove("continue", &theirs, None).unwrap_err().message.contains("not touched"));
    let value = target(&client, "FILE").value(&text).unwrap();
    assert_eq!(value["schema"], json!("v1"));
    assert_eq!(value["mcpServers"]["mcpctl-proxy"]["command"], json!("mcpctl"));
}

//! The configuration of every client: the file as it is written, merged, left alone, and given back.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World, mode},
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

/// A machine with `mcpctl` in PATH and nothing else that could be taken for a client.
struct Machine {
    world: World,
}

impl Machine {
    fn new() -> Self {
        let world = World::new();
        let bin = world.dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_mcpctl"), bin.join("mcpctl")).unwrap();
        fs::create_dir(world.dir.path().join("home")).unwrap();
        Self { world }
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.world.command(args).env("PATH", self.world.dir.path().join("bin")))
    }

    fn client(&self, verb: &str, client: &str, more: &[&str]) -> Ran {
        self.run(&[&["client", verb, "weekly_reports", "--client", client], more].concat())
    }

    fn user(&self, path: &str) -> PathBuf {
        self.world.dir.path().join("home").join(path)
    }

    fn put(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A text without what is different every time.
    fn masked(&self, text: &str) -> String {
        let real = fs::canonicalize(self.world.dir.path()).unwrap();
        text.replace(real.to_str().unwrap(), "[DIR]").replace(self.world.dir.path().to_str().unwrap(), "[DIR]")
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Every client with each of its scopes, as `client list` tells them.
fn places(machine: &Machine) -> Vec<(String, String, PathBuf)> {
    let listed: Value = serde_json::from_str(machine.run(&["client", "list", "--format", "json"]).succeeds()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let clients = listed.as_array().unwrap().iter();
    let files = clients.flat_map(|client| client["files"].as_array().unwrap().iter().map(move |file| (client, file)));
    files.map(|(client, file)| (text(&client["name"]), text(&file["scope"]), text(&file["path"]).into())).collect()
}

#[test]
fn every_client_gets_the_file_it_reads_once_and_it_goes_again() {
    let machine = Machine::new();
    let places = places(&machine);
    assert_eq!(places.len(), 26, "a client or a scope is new here: look at its snapshot");
    for (client, scope, path) in places {
        let place = ["--scope", scope.as_str()];
        let ran = machine.client("add", &client, &place);
        let told = format!("{}---\n{}---\n{}", ran.succeeds(), ran.err, read(&path));
        insta::assert_snapshot!(format!("{client}-{scope}"), machine.masked(&told));
        assert_eq!(mode(&path), if scope == "project" { 0o644 } else { 0o600 });
        assert!(machine.client("add", &client, &place).succeeds().ends_with("/mcpctl-proxy unchanged\n"));
        let ran = machine.client("remove", &client, &place);
        assert!(ran.succeeds().ends_with("/mcpctl-proxy removed\n") && ran.err.contains("deleted"), "{ran:?}");
        assert!(!path.exists());
        assert!(machine.client("remove", &client, &place).succeeds().ends_with("/mcpctl-proxy unchanged\n"));
    }
}

#[test]
fn what_is_in_a_file_already_stays_with_its_comments() {
    let own = [
        (
            "vscode",
            "repo/.vscode/mcp.json",
            "// mine\n{\n\t\"inputs\": [], // none\n\t\"servers\": {\n\t\t\"a\": {\"command\": \"a\"}, // first\n\t},\n}\n",
        ),
        ("zed", "home/.config/zed/settings.json", "// Zed settings\n{\n  \"theme\": \"One\", /* dark */\n}\n"),
        ("codex", "home/.codex/config.toml", "model = \"x\" # mine\n\n[mcp_servers.a]\ncommand = \"a\"\n\n# end\n"),
        (
            "goose",
            "home/.config/goose/config.yaml",
            "GOOSE_MODEL: x # mine\nextensions:\n  developer:\n    enabled: true\n\n# end\nZ: 1\n",
        ),
        ("claude-desktop", "home/.config/claude/claude_desktop_config.json", "{\"mcpServers\": {}}"),
    ];
    for (client, path, before) in own {
        let machine = Machine::new();
        let path = machine.world.dir.path().join(path);
        Machine::put(&path, before);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(machine.client("add", client, &[]).succeeds().ends_with(" created\n"));
        insta::assert_snapshot!(format!("{client}-merged"), machine.masked(&read(&path)));
        assert_eq!(mode(&path), 0o640);
        assert!(machine.client("remove", client, &[]).succeeds().ends_with(" removed\n"));
        assert_eq!(read(&path), before, "{client}");
        let folder = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(folder.count(), 1, "no draft is left behind");
    }
}

#[test]
fn a_dry_run_shows_a_difference_and_writes_nothing() {
    let machine = Machine::new();
    let path = machine.user(".codex/config.toml");
    Machine::put(&path, "model = \"x\"\n");
    let ran = machine.client("add", "codex", &["--dry-run"]);
    insta::assert_snapshot!("dry-run", machine.masked(ran.succeeds()));
    assert_eq!(read(&path), "model = \"x\"\n");
    let ran = machine.client("add", "junie", &["--dry-run"]);
    assert!(ran.succeeds().contains("+    \"mcpctl-proxy\": {"), "{ran:?}");
    assert!(!machine.world.work().join(".junie").exists());
    let ran = machine.client("add", "codex", &["--dry-run", "--format", "json"]);
    let told: Value = serde_json::from_str(ran.succeeds()).unwrap();
    assert_eq!((&told[0]["change"], &told[0]["dry_run"]), (&"created".into(), &true.into()));
    assert!(told[0]["diff"].as_str().unwrap().contains("+[mcp_servers.mcpctl-proxy]"));
}

#[test]
fn json_says_what_was_done_where_and_what_is_next() {
    let machine = Machine::new();
    let ran = machine.client("add", "cursor", &["--format", "json"]);
    insta::assert_snapshot!("json", machine.masked(ran.succeeds()));
}

#[test]
fn a_link_stays_a_link_wherever_it_leads() {
    let machine = Machine::new();
    let target = machine.user("dotfiles/zed.json");
    Machine::put(&target, "{}\n");
    let link = machine.user(".config/zed/settings.json");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("../../dotfiles/zed.json", &link).unwrap();
    machine.client("add", "zed", &[]).succeeds();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && read(&target).contains("mcpctl-proxy"));
    machine.client("remove", "zed", &[]).succeeds();
    assert_eq!(read(&target), "{}\n");
    fs::remove_file(&target).unwrap();
    machine.client("add", "zed", &[]).succeeds();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && read(&target).contains("mcpctl-proxy"));
    machine.client("remove", "zed", &[]).succeeds();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && target.exists(), "what a link leads to stays");
}

#[test]
fn broken_files_and_entries_of_others_are_left_alone() {
    for (client, path, text, says) in [
        ("cursor", "repo/.cursor/mcp.json", "{\"mcpServers\": {", "not valid JSON"),
        ("codex", "home/.codex/config.toml", "[mcp_servers", "not valid TOML"),
        ("goose", "home/.config/goose/config.yaml", "a: [", "not valid YAML"),
        ("zed", "home/.config/zed/settings.json", "{\"context_servers\": 1}", "is not an object"),
    ] {
        let machine = Machine::new();
        let path = machine.world.dir.path().join(path);
        Machine::put(&path, text);
        for verb in ["add", "remove"] {
            machine.client(verb, client, &[]).fails(2, &[says, "it was not touched"]);
        }
        assert_eq!(read(&path), text);
    }
    let machine = Machine::new();
    let path = machine.user(".codex/config.toml");
    let theirs = "[mcp_servers.mcpctl-proxy]\ncommand = \"other\"\n";
    Machine::put(&path, theirs);
    for verb in ["add", "remove"] {
        machine.client(verb, "codex", &[]).fails(1, &["was not made by mcpctl", "hint:", "--name"]);
    }
    assert_eq!(read(&path), theirs);
    machine.client("add", "codex", &["--name", "ours"]).succeeds();
    assert!(read(&path).starts_with(theirs) && read(&path).contains("[mcp_servers.ours]"));
    machine.client("remove", "codex", &["--name", "ours"]).succeeds();
    assert_eq!(read(&path), theirs);
}

#[test]
fn only_the_named_projects_entry_is_removed_unless_it_is_all() {
    let machine = Machine::new();
    machine.client("add", "cursor", &[]).succeeds();
    machine.client("add", "cursor", &["--scope", "user"]).succeeds();
    let other = ["client", "remove", "daily", "--client", "cursor"];
    machine.run(&other).fails(1, &["is for project `weekly_reports`"]);
    let ran = machine.run(&["client", "remove", "--all", "--client", "cursor"]);
    let removed = ".cursor/mcp.json/mcpctl-proxy removed\n~/.cursor/mcp.json/mcpctl-proxy removed\n";
    assert_eq!(ran.succeeds(), removed);
    assert_eq!(machine.run(&["client", "remove", "--all", "--client", "cursor"]).succeeds().lines().count(), 1);
    machine.run(&["client", "remove", "--client", "cursor"]).fails(2, &["<PROJECT>"]);
    machine.run(&["client", "remove", "p", "--all", "--client", "cursor"]).fails(2, &["cannot be used with"]);
}

#[test]
fn a_secret_is_not_written_into_a_shared_file_and_named_in_ones_own() {
    let machine = Machine::new();
    let text = r#"{"mcpServers": {"slack": {"command": "x", "env": {"SLACK_TOKEN": "xoxb-12345678"}}}}"#;
    let (shared, own) = (machine.world.work().join(".cursor/mcp.json"), machine.user(".cursor/mcp.json"));
    Machine::put(&shared, text);
    Machine::put(&own, text);
    machine.client("add", "cursor", &[]).fails(1, &["looks like a secret", "mcpServers.slack.env.SLACK_TOKEN"]);
    assert_eq!(read(&shared), text);
    let ran = machine.client("add", "cursor", &["--scope", "user"]);
    ran.succeeds();
    assert!(ran.err.contains("mcpServers.slack.env.SLACK_TOKEN") && !ran.err.contains("xoxb"), "{ran:?}");
}

#[test]
fn what_cannot_be_is_said() {
    let machine = Machine::new();
    machine.client("add", "cursr", &[]).fails(5, &["`cursr`", "did you mean `cursor`?"]);
    machine.client("add", "emacs", &[]).fails(5, &["it knows claude, claude-desktop, cursor"]);
    machine.client("add", "windsurf", &["--scope", "project"]).fails(2, &["no configuration of scope `project`"]);
    machine.client("add", "windsurf", &["--dir", "."]).fails(2, &["`--dir` is for the configuration of a project"]);
    machine.client("add", "cursor", &["--dir", "nowhere"]).fails(1, &["cannot find folder `nowhere`"]);
    machine.client("add", "cursor", &["--scope", "team"]).fails(2, &["invalid value 'team'"]);
    machine.client("add", "cursor", &["--name", "No Name"]).fails(2, &["--name"]);
    machine.run(&["client", "add", "weekly_reports"]).fails(2, &["--client <NAME>"]);
    machine.run(&["client", "show", "zd"]).fails(5, &["did you mean `zed`?"]);
    machine.run(&["client", "list", "--dir", "nowhere"]).fails(1, &["nowhere"]);
}

#[test]
fn a_project_that_does_not_exist_is_refused_with_a_suggestion() {
    let stub = Stub::start(|seen, _| match seen.path.ends_with("/projects") {
        true => Reply::json(r#"[{"name":"weekly_report","revision":1,"spec":{"profiles":[]}}]"#),
        false => Reply::status(404),
    });
    let world = World::connected(&stub.url);
    world.run(&["client", "add", "weekly_reports", "--client", "codex"]).fails(5, &["did you mean `weekly_report`?"]);
    assert!(!world.dir.path().join("home/.codex").exists());
}

#[test]
fn over_http_a_helper_brings_the_token_and_nobody_comes_without() {
    let machine = Machine::new();
    machine.world.connect("http://127.0.0.1:9");
    let http = ["--transport", "http"];
    machine.client("add", "claude", &[]).succeeds();
    assert_eq!(machine.client("add", "claude", &http).succeeds(), ".mcp.json/mcpctl-proxy configured\n");
    insta::assert_snapshot!("claude-http", read(&machine.world.work().join(".mcp.json")));
    machine.client("add", "codex", &http).succeeds();
    insta::assert_snapshot!("codex-http", read(&machine.user(".codex/config.toml")));
    machine.client("add", "claude-desktop", &http).fails(2, &["cannot name a URL", "leave out `--transport http`"]);
    machine.client("add", "goose", &http).fails(1, &["would have no token", "leave out `--transport http`"]);
    machine.client("add", "cursor", &http).fails(1, &["could not be asked"]);
    assert!(!machine.user(".config/goose").exists() && !machine.world.work().join(".cursor").exists());
}

#[test]
fn a_client_that_logs_in_itself_is_given_the_url_where_an_issuer_is() {
    let issued = |servers: &'static str| {
        Stub::start(move |seen, _| match seen.path.as_str() {
            "/.well-known/oauth-protected-resource/projects/weekly_reports/mcp" => Reply::json(servers),
            path if path.ends_with("/projects/weekly_reports") => {
                Reply::json(r#"{"name":"weekly_reports","revision":1,"spec":{"profiles":[]}}"#)
            }
            _ => Reply::status(404),
        })
    };
    let add = ["client", "add", "weekly_reports", "--client", "cursor", "--transport", "http"];
    let nobody = issued(r#"{"resource": "x"}"#);
    World::connected(&nobody.url).run(&add).fails(1, &["no issuer is configured"]);
    let stub = issued(r#"{"authorization_servers": ["https://login.example"]}"#);
    let world = World::connected(&stub.url);
    world.run(&add).succeeds();
    let file: Value = serde_json::from_str(&read(&world.work().join(".cursor/mcp.json"))).unwrap();
    let url = format!("{}/projects/weekly_reports/mcp", stub.url.trim_end_matches('/'));
    assert_eq!(file["mcpServers"]["mcpctl-proxy"], serde_json::json!({"url": url}));
}

#[test]
fn headers_are_printed_for_programs_and_only_with_a_token() {
    let headers = ["auth", "headers", "--project", "weekly_reports"];
    World::new().run(&headers).fails(4, &["there is no token"]);
    let world = World::connected("http://127.0.0.1:9");
    let ran = world.run(&headers);
    assert_eq!(ran.succeeds(), "{\"Authorization\":\"Bearer mcpctl_pat_test\"}\n");
    assert_eq!(ran.err, "");
    world.run(&["auth", "headers"]).fails(2, &["--project"]);
}

#[test]
fn the_list_says_which_clients_are_here_and_what_they_are_connected_to() {
    let machine = Machine::new();
    insta::assert_snapshot!("list-nothing", machine.run(&["client", "list"]).succeeds());
    machine.client("add", "cursor", &[]).succeeds();
    machine.client("add", "codex", &[]).succeeds();
    fs::create_dir_all(machine.user(".config/zed")).unwrap();
    Machine::put(&machine.user(".gemini/settings.json"), "{broken");
    insta::assert_snapshot!("list", machine.run(&["client", "list"]).succeeds());
    assert!(machine.run(&["client", "list", "--format", "name"]).succeeds().contains("\nlm-studio\n"));
    insta::assert_snapshot!("show", machine.masked(machine.run(&["client", "show", "cursor"]).succeeds()));
    insta::assert_snapshot!("show-broken", machine.masked(machine.run(&["client", "show", "gemini"]).succeeds()));
    insta::assert_snapshot!(
        "show-json",
        machine.masked(machine.run(&["client", "show", "codex", "--format", "json"]).succeeds())
    );
}

#[test]
fn a_file_of_this_user_alone_names_a_path_that_a_desktop_finds() {
    let machine = Machine::new();
    machine.client("add", "claude-desktop", &[]).succeeds();
    let file: Value = serde_json::from_str(&read(&machine.user(".config/claude/claude_desktop_config.json"))).unwrap();
    let command = file["mcpServers"]["mcpctl-proxy"]["command"].as_str().unwrap();
    assert_eq!(Path::new(command), machine.world.dir.path().join("bin/mcpctl"));
    let ran = Ran::of(
        machine.world.command(&["client", "add", "weekly_reports", "--client", "codex"]).env("PATH", "/usr/bin:/bin"),
    );
    ran.succeeds();
    assert!(
        read(&machine.user(".codex/config.toml")).contains(&format!("command = \"{}\"", env!("CARGO_BIN_EXE_mcpctl")))
    );
}

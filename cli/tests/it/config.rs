//! Settings from every place they may come from, contexts, and what the file of a hostile project may not do.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, TOKEN, World, mode},
};
use std::fs;

fn control_plane() -> Stub {
    Stub::start(|_, _| Reply::json("[]"))
}

fn text(world: &World) -> String {
    fs::read_to_string(world.home().join("config.yaml")).unwrap()
}

fn with_env(world: &World, args: &[&str], env: &[(&str, &str)]) -> Ran {
    Ran::of(world.command(args).envs(env.iter().copied()))
}

#[test]
fn a_setting_is_kept_shown_and_taken_out() {
    let world = World::new();
    assert_eq!(world.run(&["config", "set", "format", "json"]).succeeds(), "config/format configured\n");
    assert_eq!(mode(&world.home().join("config.yaml")), 0o600);
    assert_eq!(world.run(&["config", "set", "format", "json", "-o", "table"]).succeeds(), "config/format unchanged\n");
    let got: serde_json::Value = serde_json::from_str(world.run(&["config", "get", "format"]).succeeds()).unwrap();
    assert_eq!(got["value"], "json");
    world.run(&["config", "set", "retries", "3", "-o", "table"]).succeeds();
    assert_eq!(world.run(&["config", "get", "retries", "-o", "table"]).succeeds(), "3\n");
    world.run(&["config", "unset", "format"]).succeeds();
    assert_eq!(world.run(&["config", "get", "format"]).succeeds(), "table\n");
    world.run(&["config", "get", "server"]).fails(5, &["`server` is not set"]);
}

#[test]
fn comments_and_order_of_the_file_stay() {
    let world = World::new();
    world.private("config.yaml", "# how I like it\ncolor: never # really\n\n# slow line\ntimeout: 5s\n");
    world.run(&["config", "set", "color", "always"]).succeeds();
    world.run(&["config", "set", "retries", "3"]).succeeds();
    world.run(&["config", "set-server", "https://a.example", "--context", "work"]).succeeds();
    let expected = "# how I like it\ncolor: always # really\n\n# slow line\ntimeout: 5s\nretries: 3\n\
                    contexts:\n  work:\n    server: https://a.example/\n";
    assert_eq!(text(&world), expected);
}

#[test]
fn the_nearest_word_wins_and_its_origin_is_shown() {
    let world = World::new();
    let origin = |args: &[&str], env: &[(&str, &str)]| {
        let line = [&["config", "view", "--show-origin", "--format", "csv"], args].concat();
        let ran = with_env(&world, &line, env);
        let out = ran.succeeds().to_owned();
        let row = out.lines().find(|line| line.starts_with("color,")).unwrap().trim_end().to_owned();
        row.strip_prefix("color,").unwrap().to_owned()
    };
    assert_eq!(origin(&[], &[]), "auto,default");
    world.private("config.yaml", "color: always\n");
    assert!(origin(&[], &[]).starts_with("always,user:"));
    fs::write(world.work().join(".mcpctl.yaml"), "color: never\n").unwrap();
    assert!(origin(&[], &[]).starts_with("never,project:"));
    assert_eq!(origin(&[], &[("MCPCTL_COLOR", "auto")]), "auto,env:MCPCTL_COLOR");
    assert_eq!(origin(&[], &[("NO_COLOR", "1")]), "never,env:NO_COLOR");
    assert_eq!(origin(&["--color", "always"], &[("MCPCTL_COLOR", "auto")]), "always,flag:--color");
}

#[test]
fn a_wrong_setting_is_told_and_can_be_mended() {
    let world = World::new();
    world.run(&["config", "set", "formt", "json"]).fails(2, &["there is no setting `formt`", "did you mean `format`?"]);
    world.run(&["config", "set", "format", "jsn"]).fails(2, &["`format` cannot be `jsn`", "did you mean `json`?"]);
    world.run(&["config", "set", "timeout", "soon"]).fails(2, &["`soon` is not a duration"]);
    world.private("config.yaml", "format: jsn\n");
    world.run(&["config", "view"]).fails(2, &["config.yaml`: `format` cannot be `jsn`"]);
    world.run(&["whoami"]).fails(2, &["`format` cannot be `jsn`"]);
    world.run(&["config", "set", "format", "table"]).succeeds();
    world.run(&["config", "view"]).succeeds();
    with_env(&world, &["config", "view"], &[("MCPCTL_RETRIES", "many")])
        .fails(2, &["MCPCTL_RETRIES: `retries` cannot be"]);
}

#[test]
fn a_secret_is_never_a_setting() {
    let world = World::new();
    for args in [["token", "abc"], ["slack_token", "x"], ["project", "mcpctl_pat_0123456789"]] {
        let ran = world.run(&["config", "set", args[0], args[1]]);
        ran.fails(2, &["mcpctl credentials set"]);
        assert!(!ran.err.contains("0123456789"), "{ran:?}");
    }
    world.run(&["config", "set-server", "https://ann:hunter2@a.example"]).fails(2, &["holds a user or a password"]);
    assert!(!world.home().join("config.yaml").exists());
    world.private("config.yaml", "token: abc\n");
    let ran = world.run(&["config", "view"]);
    assert!(ran.succeeds().contains("format") && !ran.out.contains("abc"));
    assert!(ran.err.contains("secrets are never kept"), "{ran:?}");
}

#[test]
fn a_file_that_others_can_write_is_not_followed() {
    let world = World::new();
    world.private("config.yaml", "server: http://127.0.0.1:9\n");
    let path = world.home().join("config.yaml");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o664)).unwrap();
    world.run(&["whoami"]).fails(2, &["is open to other users", "chmod 600"]);
    world.run(&["config", "set", "format", "json"]).fails(2, &["chmod 600"]);
}

#[test]
fn a_hostile_project_redirects_nothing_and_runs_nothing() {
    let (own, evil) = (control_plane(), control_plane());
    let world = World::connected(&own.url);
    let file = format!(
        "server: {0}\ncontext: evil\ncontexts: {{evil: {{server: {0}}}}}\nca: ./evil.pem\npager: touch pwned; cat\n\
         update-url: {0}\nupdate-check: true\nretries: 10\nformat: json\n",
        evil.url
    );
    fs::write(world.work().join(".mcpctl.yaml"), file).unwrap();
    let ran = world.run(&["secrets", "list"]);
    assert_eq!(ran.succeeds(), "[]\n", "what harms nobody is followed");
    for key in ["server", "context", "contexts", "ca", "pager", "update-url", "update-check", "retries"] {
        assert!(ran.err.contains(&format!("is not followed: `{key}`")), "{key}: {ran:?}");
    }
    assert!(evil.seen().is_empty(), "{:?}", evil.seen());
    assert!(!own.seen().is_empty() && !world.work().join("pwned").exists());
}

#[test]
fn the_project_of_a_folder_is_used_where_none_is_given() {
    let stub = Stub::start(|seen, _| match seen.path.as_str() {
        "/api/v1/projects" => Reply::json("[]"),
        _ => Reply::status(404),
    });
    let world = World::connected(&stub.url);
    world.run(&["project", "describe"]).fails(2, &["there is no project", ".mcpctl.yaml"]);
    fs::write(world.work().join(".mcpctl.yaml"), "project: weekly_reports\n").unwrap();
    fs::create_dir_all(world.work().join("deep/er")).unwrap();
    let mut deep = world.command(&["project", "describe"]);
    Ran::of(deep.current_dir(world.work().join("deep/er"))).fails(5, &["`weekly_reports` does not exist"]);
    with_env(&world, &["project", "describe"], &[("MCPCTL_PROJECT", "other")]).fails(5, &["`other` does not exist"]);
    fs::create_dir(world.work().join("deep/.git")).unwrap();
    let mut deep = world.command(&["project", "describe"]);
    Ran::of(deep.current_dir(world.work().join("deep/er"))).fails(2, &["there is no project"]);
}

#[test]
fn contexts_are_made_used_listed_and_forgotten() {
    let world = World::new();
    world
        .run(&["config", "use-context", "work"])
        .fails(5, &["context `work` does not exist", "set-server URL --context work"]);
    world.run(&["config", "set-server", "https://a.example", "--context", "work"]).succeeds();
    world.run(&["config", "set-server", "http://127.0.0.1:9", "--context", "here"]).succeeds();
    world.run(&["config", "use-context", "wrk"]).fails(5, &["did you mean `work`?"]);
    world.run(&["config", "use-context", "here"]).succeeds();
    let listed = world.run(&["config", "contexts"]).succeeds().to_owned();
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "CURRENT", "SERVER", "CA"]);
    assert_eq!(rows[1], ["here", "*", "http://127.0.0.1:9/", "<none>"]);
    assert_eq!(rows[2], ["work", "-", "https://a.example/", "<none>"]);
    let origin = world.run(&["config", "get", "server", "--show-origin"]).succeeds().to_owned();
    assert_eq!(origin, "http://127.0.0.1:9/  context:here\n");
    let origin = world.run(&["config", "get", "server", "--show-origin", "--context", "work"]).succeeds().to_owned();
    assert_eq!(origin, "https://a.example/  context:work\n");
    world.run(&["config", "delete-context", "here"]).fails(2, &["needs a confirmation", "--yes"]);
    assert_eq!(world.run(&["config", "delete-context", "here", "--yes"]).succeeds(), "context/here deleted\n");
    assert!(!text(&world).contains("here"), "{}", text(&world));
    world.run(&["config", "get", "server"]).fails(5, &[]);
    world.run(&["whoami", "--context", "here"]).fails(5, &["context `here` does not exist"]);
    world.run(&["whoami", "--context", "work", "--server", "http://127.0.0.1:9"]).fails(2, &["--context"]);
}

#[test]
fn a_token_goes_to_the_server_it_was_kept_for_and_to_no_other() {
    let (own, work, stranger) = (control_plane(), control_plane(), control_plane());
    let world = World::connected(&own.url);
    world.run(&["config", "set-server", &work.url, "--context", "work"]).succeeds();
    // The file in the home directory is for the recorded control plane alone.
    world.run(&["secrets", "list", "--context", "work"]).fails(4, &["there is no token for", "mcpctl login"]);
    assert!(work.seen().is_empty());
    fs::write(world.work().join("given"), "mcpctl_pat_work").unwrap();
    let kept = world.run(&["credentials", "set", "@given", "--store", "file", "--context", "work"]);
    assert!(kept.succeeds() == "credential/token set\n" && kept.err.contains(&work.url), "{kept:?}");
    world.run(&["secrets", "list", "--context", "work"]).succeeds();
    assert!(work.seen().iter().all(|seen| seen.header("authorization") == "Bearer mcpctl_pat_work"));
    world.run(&["secrets", "list"]).succeeds();
    assert!(own.seen().iter().all(|seen| seen.header("authorization") == format!("Bearer {TOKEN}")));
    let ran = world.run(&["secrets", "list", "--server", &stranger.url]);
    ran.fails(4, &["there is no token for", &stranger.url]);
    assert!(stranger.seen().is_empty(), "{:?}", stranger.seen());
    // Whoever moves a context elsewhere does not take the token along.
    world.run(&["config", "set-server", &stranger.url, "--context", "work"]).succeeds();
    world.run(&["secrets", "list", "--context", "work"]).fails(4, &["there is no token for"]);
    assert!(stranger.seen().is_empty());
    world.run(&["credentials", "delete", "--server", &work.url]).succeeds();
    world.run(&["secrets", "list", "--server", &work.url]).fails(4, &["there is no token for"]);
    world.run(&["secrets", "list"]).succeeds();
}

#[test]
fn a_redirect_does_not_take_the_token_along() {
    let evil = control_plane();
    let to = format!("{}/api/v1/secrets", evil.url);
    let own = Stub::start(move |_, _| Reply::status(307).with("Location", &to));
    let world = World::connected(&own.url);
    world.run(&["secrets", "list"]).fails(1, &["307"]);
    assert!(evil.seen().is_empty(), "{:?}", evil.seen());
}

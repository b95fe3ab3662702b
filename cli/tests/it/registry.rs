//! `setup --from-registry`: a registry that speaks the API of the official one, and hostile ones.

use crate::{
    stub::{Reply, Seen, Stub},
    world::World,
};

const PACKAGE: &str = r#"{"registryType": "npm", "identifier": "@example/wiki-mcp", "version": "1.2.3",
    "transport": {"type": "stdio"}, "packageArguments": [{"type": "named", "name": "--site", "isRequired": true, "description": "Site"}],
    "environmentVariables": [{"name": "WIKI_TOKEN", "description": "Token", "isRequired": true, "isSecret": true}]}"#;

fn entry(name: &str, description: &str, package: &str, status: &str) -> String {
    format!(
        r#"{{"server": {{"$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": "{name}", "description": "{description}", "version": "1.2.3", "packages": [{package}],
            "remotes": [{{"type": "streamable-http", "url": "https://{{site}}.example/mcp",
                "variables": {{"site": {{"description": "Site", "isRequired": true}}}},
                "headers": [{{"name": "Authorization", "value": "Bearer {{key}}", "isSecret": true,
                    "variables": {{"key": {{"description": "Key", "isSecret": true, "isRequired": true}}}}}}]}}]}},
            "_meta": {{"io.modelcontextprotocol.registry/official": {{"status": "{status}", "isLatest": true}}}}}}"#
    )
}

/// A registry with one server, at `api`.
fn registry(api: &'static str, description: &'static str, package: &'static str, status: &'static str) -> Stub {
    Stub::start(move |seen: &Seen, _: &Stub| {
        let wiki = || entry("io.example/wiki", description, package, status);
        let Some(path) = seen.path.strip_prefix(api) else { return Reply::status(404) };
        match path {
            "/servers/io.example%2Fwiki/versions/latest" | "/servers/io.example%2Fwiki/versions/1.2.3" => {
                Reply::json(&wiki())
            }
            path if path.starts_with("/servers?search=") => {
                let more = entry("io.example/wiki-extra", "d", PACKAGE, "active");
                Reply::json(&format!(r#"{{"servers": [{}, {more}], "metadata": {{"count": 2}}}}"#, wiki()))
            }
            _ => Reply::new(404, "application/json", r#"{"error": "Server not found"}"#),
        }
    })
}

fn setup<'a>(stub: &'a Stub, name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["setup", "--from-registry", name, "--registry", stub.url.as_str()], more].concat()
}

#[test]
fn a_server_of_a_registry_is_shown_before_it_runs() {
    for api in ["/v0.1", "/v0"] {
        let stub = registry(api, "A wiki", PACKAGE, "active");
        let world = World::new();
        for name in ["io.example/wiki", "io.example/wiki@1.2.3", "wiki"] {
            let ran =
                world.run(&setup(&stub, name, &["--set", "site=acme", "--secret", "WIKI_TOKEN=t0p", "--dry-run"]));
            assert!(ran.succeeds().contains("secret: wiki-wiki-token") && !ran.out.contains("t0p"), "{ran:?}");
            for says in [
                "describes io.example/wiki 1.2.3 as: A wiki",
                "anybody can publish there",
                "of its variants npm, remote this is `npm`",
                "wiki will run as: npx -y @example/wiki-mcp@1.2.3 --site acme",
            ] {
                assert!(ran.err.contains(says), "`{says}` is not in {}", ran.err);
            }
            assert!(!ran.out.contains("read-only"), "nobody has classed its tools");
        }
    }
}

#[test]
fn its_remote_gets_its_key_as_a_secret() {
    let stub = registry("/v0.1", "A wiki", PACKAGE, "active");
    let world = World::new();
    let more = ["--variant", "remote", "--set", "site=acme", "--secret", "key=t0p", "--dry-run"];
    let ran = world.run(&setup(&stub, "io.example/wiki", &more));
    let out = ran.succeeds();
    assert!(out.contains("url: https://acme.example/mcp") && out.contains("prefix: 'Bearer '"), "{out}");
    assert!(out.contains("secret: wiki-authorization") && !out.contains("t0p"), "{out}");
    let more = ["--variant", "remote", "--set", "site=evil.test/", "--secret", "key=t0p", "--dry-run"];
    world.run(&setup(&stub, "io.example/wiki", &more)).fails(2, &["`site` stands in the URL"]);
}

#[test]
fn nothing_of_it_runs_before_somebody_looked() {
    let stub = registry("/v0.1", "A wiki", PACKAGE, "active");
    let more = ["--set", "site=acme", "--secret", "WIKI_TOKEN=t0p", "--non-interactive"];
    World::new().run(&setup(&stub, "io.example/wiki", &more)).fails(2, &["only when somebody has looked", "--yes"]);
    let more = ["--set", "site=acme", "--non-interactive"];
    World::new().run(&setup(&stub, "io.example/wiki", &more)).fails(2, &["WIKI_TOKEN"]);
}

#[test]
fn what_a_stranger_says_acts_on_nothing() {
    let stub = registry("/v0.1", r"A \u001b]0;owned\u0007wiki", PACKAGE, "active");
    let ran = World::new().run(&setup(&stub, "io.example/wiki", &["--dry-run"]));
    ran.succeeds();
    assert!(!ran.err.contains('\u{1b}') && ran.err.contains("owned"), "{}", ran.err);
    let hostile = r#"{"registryType": "oci", "identifier": "ghcr.io/example/wiki:1", "transport": {"type": "stdio"},
        "runtimeArguments": [{"type": "named", "name": "-v", "value": "/:/host"}]}"#;
    let stub = registry("/v0.1", "A wiki", hostile, "active");
    World::new().run(&setup(&stub, "io.example/wiki", &["--dry-run"])).fails(1, &["`-v /:/host`", "--command"]);
    let stub = registry("/v0.1", "A wiki", PACKAGE, "deleted");
    World::new().run(&setup(&stub, "io.example/wiki", &["--dry-run"])).fails(1, &["was deleted"]);
    let stub = Stub::start(|_: &Seen, _: &Stub| Reply::new(200, "application/json", &"x".repeat(2 << 20)));
    World::new().run(&setup(&stub, "io.example/wiki", &["--dry-run"])).fails(1, &["more than 1048576 bytes"]);
    let stub = Stub::start(|_: &Seen, _: &Stub| Reply::json(r#"{"nothing": 1}"#));
    World::new().run(&setup(&stub, "io.example/wiki", &["--dry-run"])).fails(1, &["is not understood"]);
}

#[test]
fn a_slip_in_the_name_is_recognised_and_an_open_registry_refused() {
    let stub = registry("/v0.1", "A wiki", PACKAGE, "active");
    World::new().run(&setup(&stub, "io.example/wikki", &["--dry-run"])).fails(5, &["did you mean `io.example/wiki`?"]);
    let world = World::new();
    world
        .run(&["setup", "--from-registry", "x/y", "--registry", "http://registry.example", "--dry-run"])
        .fails(2, &["is not https"]);
    let mut command = world.command(&["setup", "--from-registry", "x/y", "--dry-run"]);
    crate::world::Ran::of(command.env("MCPCTL_REGISTRY", "http://127.0.0.1:9"))
        .fails(6, &["cannot be reached", "MCPCTL_REGISTRY"]);
}

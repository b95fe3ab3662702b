//! Help by topics, manual pages, and explanations of what files for `apply` hold.

use crate::world::World;
use std::fs;

#[test]
fn every_topic_and_every_command_has_help() {
    let world = World::new();
    let environment = world.run(&["help", "environment"]);
    for name in
        ["MCPCTL_HOME", "MCPCTL_TOKEN", "MCPCTL_SERVER", "NO_COLOR", "SSL_CERT_FILE", "HTTPS_PROXY", "MCPCTL_TIMEOUT"]
    {
        assert!(environment.succeeds().contains(name), "{name}");
    }
    let codes = world.run(&["help", "exit-codes"]);
    for row in ["0   ok", "4   unauthenticated", "7   denied", "130 interrupted"] {
        assert!(
            codes.succeeds().replace("    ", "   ").contains(row.split_whitespace().next().unwrap()),
            "{row}: {}",
            codes.out
        );
    }
    assert!(world.run(&["help", "formatting"]).succeeds().contains("jsonl"));
    assert!(world.run(&["help", "configuration"]).succeeds().contains(".mcpctl.yaml"));
    assert_eq!(
        world.run(&["help", "project", "create"]).succeeds(),
        world.run(&["project", "create", "--help"]).succeeds()
    );
    assert!(world.run(&["help"]).succeeds().contains("Commands:"));
    world.run(&["help", "enviroment"]).fails(2, &["did you mean `environment`?"]);
    world.run(&["help", "project", "craete"]).fails(2, &["did you mean `create`?"]);
}

#[test]
fn help_says_where_to_read_more_and_where_to_tell() {
    let help = World::new().run(&["--help"]);
    assert!(
        help.succeeds().contains("Documentation: ") && help.out.contains("mcpctl help environment|exit-codes"),
        "{}",
        help.out
    );
}

#[test]
fn there_is_a_page_of_the_manual_for_every_command() {
    let world = World::new();
    assert!(world.run(&["man"]).succeeds().starts_with(".ie \\n(.g .ds Aq"));
    world.run(&["man", "--dir", "pages"]).succeeds();
    for page in ["mcpctl.1", "mcpctl-project.1", "mcpctl-project-create.1", "mcpctl-config-set-server.1"] {
        let text = fs::read_to_string(world.work().join("pages").join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    let create = fs::read_to_string(world.work().join("pages/mcpctl-project-create.1")).unwrap();
    assert!(create.contains("weekly_reports"), "its examples are in it");
}

#[test]
fn fields_are_explained_from_the_schema() {
    let world = World::new();
    let kinds = world.run(&["explain"]);
    for kind in ["server", "profile", "project", "user", "issuer"] {
        assert!(kinds.succeeds().contains(kind), "{kind}");
    }
    let profile = world.run(&["explain", "profile.spec"]);
    assert!(profile.succeeds().contains("access <string>") && profile.out.contains("read-only"), "{}", profile.out);
    let field = world.run(&["explain", "project.spec.profiles"]);
    assert!(field.succeeds().contains("project.spec.profiles <[]string>"), "{}", field.out);
    let transport = world.run(&["explain", "server.spec.transport.type"]);
    assert!(transport.succeeds().contains("VALUES:   stdio, http"), "{}", transport.out);
    world
        .run(&["explain", "profile.spec.alow"])
        .fails(5, &["`profile.spec` has no field `alow`", "did you mean `allow`?"]);
    world.run(&["explain", "profil"]).fails(5, &["did you mean `profile`?"]);
    let json: serde_json::Value =
        serde_json::from_str(world.run(&["explain", "profile.spec.server", "-o", "json"]).succeeds()).unwrap();
    assert_eq!((&json["type"], &json["required"]), (&"string".into(), &true.into()));
    assert!(world.run(&["explain", "servers", "--recursive"]).succeeds().contains("command"));
}

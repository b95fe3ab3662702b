//! `mcpd db …`: what is written, what is put in force, and what is refused.

use crate::{
    on_both_stores,
    postgres::database,
    stream::Gateway,
    world::{World, settings_with},
};
use control_plane::{StartError, maintenance, serve, server, settings::DbCommand};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use std::{
    fs,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// A file that only its owner reads.
pub(crate) fn private(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

async fn run(world: &World, command: DbCommand) -> Result<Value, String> {
    maintenance::run(&world.settings, &command).await.map_err(|error| format!("{error}; {}", error.hint()))
}

/// Something in every table that tests reach.
async fn fill(world: &World) -> String {
    let secret = json!({"value": "canary-secret-4242"});
    world.done("PUT", "/api/v1/secrets/slack-token", Some(secret)).await;
    world.server("slack", Some("slack-token")).await;
    let odd = json!({"name": "odd", "spec": {"description": "\u{1F600} 'quoted' \"twice\"\n\\ \u{fffd} end"}});
    world.done("PUT", "/api/v1/projects/odd", Some(odd)).await;
    world.user("ann", &["developer"], None).await;
    Gateway::enrol(world, "central").await.token
}

/// What the API says about everything.
async fn seen(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["servers", "projects", "profiles", "users", "secrets", "gateways", "users/ann/tokens"] {
        all.push(world.done("GET", &format!("/api/v1/{path}"), None).await);
    }
    all
}

fn file(world: &World, name: &str) -> PathBuf {
    world.home("").parent().unwrap().join(name)
}

async fn a_backup_made_while_mcpd_serves_brings_everything_back(mut world: World) {
    fill(&world).await;
    let before = seen(&world).await;
    let (path, revision) = (file(&world, "one.backup"), world.revision().await);
    let done = run(&world, DbCommand::Backup { file: path.clone() }).await.unwrap();
    assert_eq!((done["backup"]["revision"].as_u64(), done["done"].as_str()), (Some(revision), Some("backed up")));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    for canary in ["canary-secret-4242", fs::read_to_string(world.home("master-key")).unwrap().trim(), &world.admin] {
        assert!(!text.contains(canary), "neither secrets nor the master key nor tokens are in it");
    }
    let again = run(&world, DbCommand::Backup { file: path.clone() }).await.unwrap_err();
    assert!(again.contains("is there already"), "{again}");

    world.done("DELETE", "/api/v1/projects/odd", None).await;
    let running = run(&world, DbCommand::Restore { file: path.clone(), replace: true }).await.unwrap_err();
    assert!(running.contains("in use") && running.contains("stop every mcpd"), "{running}");
    world.stop().await;
    let full = run(&world, DbCommand::Restore { file: path.clone(), replace: false }).await.unwrap_err();
    assert!(full.contains("not empty") && full.contains("--replace"), "{full}");
    run(&world, DbCommand::Restore { file: path, replace: true }).await.unwrap();
    let restored = world.replica().await;
    assert_eq!(seen(&restored).await, before);
}

async fn d_03_after_a_restore_the_revision_is_ahead_of_everything_seen_and_the_audit_log_says_so(mut world: World) {
    let token = fill(&world).await;
    let path = file(&world, "old.backup");
    run(&world, DbCommand::Backup { file: path.clone() }).await.unwrap();
    let backed_up = world.revision().await;
    for number in 0..5 {
        world.server(&format!("later{number}"), None).await;
    }
    let lost = world.revision().await;
    world.stop().await;
    let done = run(&world, DbCommand::Restore { file: path, replace: true }).await.unwrap();
    assert!(done["revision"].as_u64().unwrap() > lost + 1_000, "{done}");

    let restored = world.replica().await;
    let revision = restored.revision().await;
    assert!(revision > lost + 1_000, "a gateway that has {lost} takes {revision}");
    let events = restored.done("GET", "/api/v1/audit?action=admin&tool=database", None).await;
    let reason = events["events"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("restored from the backup") && reason.contains(&backed_up.to_string()), "{reason}");
    assert!(reason.contains(&lost.to_string()), "{reason}");
    // The gateway is enrolled as before, and what it reports is no roll-back.
    let report = report(lost);
    let kept = restored.call("PUT", "/api/v1/gateways/central/status", Some(&token), Some(report)).await;
    assert_eq!(kept.status, 204, "{}", kept.text);
    assert_eq!(restored.revision().await, revision);
}

fn report(revision: u64) -> Value {
    json!({
        "config": {"state": "applied", "revision": revision},
        "role": "central", "version": "0.1.0", "started_at": "2026-07-28T09:00:00.000Z",
        "listen_url": "http://127.0.0.1:8080", "audit_backlog": 0,
        "model": {"state": "unused"}, "servers": [],
    })
}

async fn d_03_a_gateway_that_is_ahead_of_the_database_is_on_record_once(world: World) {
    let token = fill(&world).await;
    let ahead = world.revision().await + 40;
    for _ in 0..2 {
        let path = "/api/v1/gateways/central/status";
        assert_eq!(world.call("PUT", path, Some(&token), Some(report(ahead))).await.status, 204);
    }
    let events = world.done("GET", "/api/v1/audit?action=admin&tool=database", None).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1, "{events}");
    assert!(events["events"][0]["reason"].as_str().unwrap().contains(&format!("gateway/central has {ahead}")));
    let accepted = run(&world, DbCommand::AcceptRollback).await.unwrap();
    assert!(accepted["revision"].as_u64().unwrap() > ahead, "{accepted}");
    assert_eq!(run(&world, DbCommand::AcceptRollback).await.unwrap()["done"], "nothing to accept");
    assert_eq!(world.revision().await, accepted["revision"].as_u64().unwrap());
}

#[tokio::test]
async fn d_03_an_old_file_put_in_the_databases_place_is_not_served_from_silently() {
    let mut world = World::on_sqlite().await;
    fill(&world).await;
    world.stop().await;
    let (original, copy) = (world.home("mcpd.db"), file(&world, "copy.db"));
    fs::copy(&original, &copy).unwrap();
    let mut later = world.replica().await;
    later.server("later", None).await;
    let lost = later.revision().await;
    while revision_seen(&later) < lost {
        tokio::task::yield_now().await;
    }
    later.stop().await;
    fs::copy(&copy, &original).unwrap();
    for side in ["mcpd.db-wal", "mcpd.db-shm"] {
        fs::remove_file(world.home(side)).ok();
    }
    let listener = server::bind(&world.settings).await.unwrap();
    let error = serve(&world.settings, listener, async {}).await.unwrap_err();
    assert!(matches!(error, StartError::WentBack(_)), "{error}");
    assert!(error.to_string().contains("went back") && error.hint().contains("accept-rollback"), "{error}");
    run(&world, DbCommand::AcceptRollback).await.unwrap();
    let accepted = world.replica().await;
    assert!(accepted.revision().await > lost, "ahead of what was lost");
}

/// The highest revision that the home folder knows of.
fn revision_seen(world: &World) -> u64 {
    let text = fs::read_to_string(world.home("revision-seen")).unwrap_or_default();
    serde_json::from_str(&text).map_or(0, |seen: Value| seen["revision"].as_u64().unwrap())
}

#[tokio::test]
async fn a_move_to_postgres_and_back_loses_nothing() {
    let mut world = World::on_sqlite().await;
    fill(&world).await;
    let (before, revision) = (seen(&world).await, world.revision().await);
    let audit = world.done("GET", "/api/v1/audit?action=all&limit=1000", None).await;
    let to = database();
    let running = run(&world, DbCommand::Move { to: to.clone() }).await.unwrap_err();
    assert!(running.contains("in use"), "{running}");
    world.stop().await;
    let moved = run(&world, DbCommand::Move { to: to.clone() }).await.unwrap();
    assert_eq!(moved["revision"].as_u64(), Some(revision), "a move is no roll-back");
    assert!(moved["rows"].as_u64().unwrap() > 10 && !moved.to_string().contains("only-for-tests"), "{moved}");

    // What it was moved from is closed for good, and says where everything is.
    let listener = server::bind(&world.settings).await.unwrap();
    let error = serve(&world.settings, listener, async {}).await.unwrap_err().to_string();
    assert!(error.contains("moved to postgres://127.0.0.1") && !error.contains("only-for-tests"), "{error}");

    let mut company = World::beside(&world, &to).await;
    assert_eq!((seen(&company).await, company.revision().await), (before.clone(), revision));
    assert_eq!(company.done("GET", "/api/v1/audit?action=all&limit=1000", None).await, audit);
    company.stop().await;

    let back = format!("sqlite:{}", file(&world, "back.db").display());
    run(&company, DbCommand::Move { to: back.clone() }).await.unwrap();
    let home = World::beside(&world, &back).await;
    assert_eq!((seen(&home).await, home.revision().await), (before, revision));
}

#[tokio::test]
async fn what_cannot_be_restored_changes_nothing() {
    let mut world = World::on_sqlite().await;
    fill(&world).await;
    let good = file(&world, "good.backup");
    run(&world, DbCommand::Backup { file: good.clone() }).await.unwrap();
    let before = seen(&world).await;
    world.stop().await;
    let text = fs::read_to_string(&good).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let cases = [
        ("nothing", String::new(), "no backup"),
        ("another file", "{\"hello\": 1}\n".to_owned(), "no backup"),
        ("cut off", lines[..lines.len() - 1].join("\n"), "cut off"),
        ("changed", text.replace("developer", "admin"), "changed after it was made"),
        ("newer", text.replacen("\"version\":1", "\"version\":2", 1), "newer mcpd"),
    ];
    for (name, text, says) in cases {
        let bad = file(&world, name);
        fs::write(&bad, text).unwrap();
        let error = run(&world, DbCommand::Restore { file: bad, replace: true }).await.unwrap_err();
        assert!(error.contains(says), "{name}: {error}");
    }
    let error = run(&world, DbCommand::Restore { file: file(&world, "absent"), replace: true }).await.unwrap_err();
    assert!(error.contains("absent"), "{error}");
    assert_eq!(seen(&world.replica().await).await, before);
}

#[tokio::test]
async fn a_backup_of_an_older_schema_is_restored_and_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let mut old = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display())).await.unwrap();
    let migrations = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"));
    sqlx::migrate::Migrator::new(migrations).await.unwrap().run_to(1, &mut old).await.unwrap();
    let sql = "INSERT INTO objects (kind, name, revision, spec) VALUES ('project', 'kept', 1, '{}')";
    sqlx::query(sql).execute(&mut old).await.unwrap();
    sqlx::query("UPDATE revision SET value = 3").execute(&mut old).await.unwrap();
    old.close().await.unwrap();
    let from = settings_with(folder.path(), &format!("sqlite:{}", path.display()), &[]);
    let backup = folder.path().join("old.backup");
    maintenance::run(&from, &DbCommand::Backup { file: backup.clone() }).await.unwrap();
    for to in [database(), format!("sqlite:{}", folder.path().join("new.db").display())] {
        let home = tempfile::tempdir().unwrap();
        let settings = settings_with(home.path(), &to, &[]);
        maintenance::run(&settings, &DbCommand::Restore { file: backup.clone(), replace: false }).await.unwrap();
        let world = World::on_home(home, &to).await;
        assert_eq!(world.done("GET", "/api/v1/projects", None).await[0]["name"], "kept");
    }
}

#[tokio::test]
async fn without_the_master_key_a_restored_database_is_not_served_from() {
    let mut world = World::on_sqlite().await;
    fill(&world).await;
    let backup = file(&world, "b.backup");
    run(&world, DbCommand::Backup { file: backup.clone() }).await.unwrap();
    world.stop().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let settings = settings_with(elsewhere.path(), "", &[]);
    maintenance::run(&settings, &DbCommand::Restore { file: backup, replace: false }).await.unwrap();
    let listener = server::bind(&settings).await.unwrap();
    let error = serve(&settings, listener, async {}).await.unwrap_err();
    assert!(matches!(error, StartError::MasterKey(_)), "{error}");
}

on_both_stores!(
    a_backup_made_while_mcpd_serves_brings_everything_back,
    d_03_after_a_restore_the_revision_is_ahead_of_everything_seen_and_the_audit_log_says_so,
    d_03_a_gateway_that_is_ahead_of_the_database_is_on_record_once,
);

//! What keeps mcpd from starting, and what it says then.

use crate::{
    postgres,
    world::{World, settings},
};
use control_plane::{MasterKeyError, OpenError, StartError, serve, server, settings::Settings};
use sqlx::{Connection as _, SqliteConnection};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};
use tokio::net::TcpListener;

/// Why it does not start; a start that works ends at once.
async fn refusal(settings: &Settings) -> StartError {
    let listener = server::bind(settings).await.unwrap();
    serve(settings, listener, async {}).await.expect_err("it does not start")
}

async fn check(settings: &Settings, says: &str, hints: &str) {
    let error = refusal(settings).await;
    let text = error.to_string();
    assert!(text.contains(says), "{text}");
    assert!(error.hint().contains(hints), "{}", error.hint());
    assert!(!text.contains("only-for-tests"), "{text}");
}

fn written(home: &Path, file: &str, text: &str, mode: u32) {
    fs::write(home.join(file), text).unwrap();
    fs::set_permissions(home.join(file), fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(home.path(), "");
    settings.listen = taken.local_addr().unwrap().to_string();
    let error = server::bind(&settings).await.unwrap_err();
    assert!(error.to_string().contains(&settings.listen), "{error}");
    assert!(error.hint().contains("MCPD_LISTEN"), "{}", error.hint());
}

#[tokio::test]
async fn a_port_for_metrics_that_is_taken_is_named() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(home.path(), "");
    settings.metrics_listen = Some(taken.local_addr().unwrap().to_string());
    check(&settings, "for metrics", "MCPD_METRICS_LISTEN").await;
}

#[tokio::test]
async fn a_home_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    written(home.path(), "file", "", 0o600);
    check(&settings(&home.path().join("file/home"), ""), "file/home", "MCPCTL_HOME").await;
}

#[tokio::test]
async fn a_master_key_that_others_can_read_or_that_is_none_is_refused() {
    let home = tempfile::tempdir().unwrap();
    written(home.path(), "master-key", &"ab".repeat(32), 0o644);
    check(&settings(home.path(), ""), "can be read by others", "chmod 600").await;
    written(home.path(), "master-key", "short", 0o600);
    check(&settings(home.path(), ""), "64 hex digits", "backup").await;
}

#[tokio::test]
async fn another_master_key_than_the_databases_is_refused() {
    for mut world in [World::on_sqlite().await, World::on_postgres().await] {
        world.stop().await;
        written(&world.home(""), "other-key", &"ab".repeat(32), 0o600);
        let mut settings = world.settings.clone();
        settings.master_key_file = Some(world.home("other-key"));
        let error = refusal(&settings).await;
        assert!(matches!(error, StartError::MasterKey(MasterKeyError::Mismatch { .. })), "{error}");
    }
}

#[tokio::test]
async fn a_database_url_that_is_none_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for url in ["mysql://x/y", "nonsense", "sqlite::memory:", "postgres://[::bad"] {
        check(&settings(home.path(), url), "not a database URL", "postgres://user").await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_or_in_no_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    written(home.path(), "text.db", &"not a database ".repeat(100), 0o600);
    for file in ["text.db", "absent/mcpd.db"] {
        let url = format!("sqlite:{}", home.path().join(file).display());
        check(&settings(home.path(), &url), "cannot open the SQLite database", "folder").await;
    }
}

#[tokio::test]
async fn what_postgres_refuses_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let url = postgres::database();
    check(&settings(home.path(), &url.replace("only-for", "wrong-for")), "refuses user `mcpctl`", "password").await;
    let (server, _) = url.rsplit_once('/').unwrap();
    check(&settings(home.path(), &format!("{server}/absent")), "no database `absent`", "createdb").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = refusal(&settings(home.path(), &format!("postgres://u:only-for-tests@{closed}/d"))).await;
    assert!(matches!(error, StartError::Open(OpenError::Unreachable { .. })), "{error}");
    assert!(error.to_string().contains(&closed.to_string()), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let mut world = World::on_sqlite().await;
    world.stop().await;
    let url = format!("sqlite:{}", world.home("mcpd.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (9999, 'later', 1, x'00', 0)";
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    check(&world.settings, "newer mcpd", "newest mcpd").await;
}

#[test]
fn s_03_the_log_is_scrubbed_of_what_mcpd_was_started_with() {
    let home = tempfile::tempdir().unwrap();
    written(home.path(), "canary-1", "", 0o600);
    let said = Command::new(env!("CARGO_BIN_EXE_mcpd"))
        .args(["--listen", "127.0.0.1:0", "--home"])
        .arg(home.path().join("canary-1/home"))
        .env("DATABASE_URL", "postgres://mcpd:canary-1@127.0.0.1:1/mcpd")
        .env("MCPD_LOG", "trace")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && log.contains("[redacted:database-password]/home"), "{log}");
    assert!(!log.contains("canary"), "{log}");
}

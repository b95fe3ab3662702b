//! PostgreSQL as a company runs it: TLS with an own CA, bounds, migrations under way, a schema of another version.

use crate::{
    postgres::{self, Cluster},
    world::{World, logged, settings, settings_with},
};
use control_plane::{maintenance, serve, server, settings::DbCommand};
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use std::time::Duration;
use tokio::time::timeout;

/// Why it does not start on `url`.
pub(crate) async fn refusal(url: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path(), url);
    let listener = server::bind(&settings).await.unwrap();
    let error = serve(&settings, listener, async {}).await.expect_err("it does not start");
    format!("{error}; {}", error.hint())
}

#[tokio::test]
async fn over_tls_the_server_shows_a_certificate_of_the_ca_that_is_named() {
    let cluster = Cluster::start();
    let (by_password, by_certificate) = (cluster.create("by_password"), cluster.create("by_certificate"));
    let certificates = cluster.tell("tls");
    let by_name = by_password.replace("127.0.0.1", "localhost");
    let ca = format!("sslrootcert={certificates}/ca.crt");

    let world = World::on(&format!("{by_name}?sslmode=verify-full&{ca}"), &[]).await;
    world.server("slack", None).await;
    let mut session = PgConnection::connect(&format!("{by_name}?sslmode=require")).await.unwrap();
    let sql = "SELECT bool_and(ssl) AND count(*) > 1 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
               WHERE application_name LIKE 'mcpd/%'";
    let encrypted: bool = sqlx::query_scalar(sql).fetch_one(&mut session).await.unwrap();
    assert!(encrypted);

    let client = format!("sslcert={certificates}/client.crt&sslkey={certificates}/client.key");
    let by_certificate = by_certificate.replace("127.0.0.1", "localhost").replace(":only-for-tests", "");
    World::on(&format!("{by_certificate}?sslmode=verify-full&{ca}&{client}"), &[]).await.server("slack", None).await;

    let other_ca = refusal(&format!("{by_name}?sslmode=verify-full&sslrootcert={certificates}/other.crt")).await;
    assert!(other_ca.contains("no safe connection") && other_ca.contains("sslrootcert"), "{other_ca}");
    let other_name = refusal(&format!("{by_password}?sslmode=verify-full&{ca}")).await;
    assert!(other_name.contains("no safe connection"), "{other_name}");
    let plain = refusal(&format!("{by_name}?sslmode=disable")).await;
    assert!(plain.contains("refuses user `mcpctl`"), "{plain}");
}

#[tokio::test]
async fn s_03_a_password_that_is_refused_is_in_no_error_and_no_log() {
    let url = postgres::database().replace("only-for-tests", "canary-4242");
    let text = refusal(&url).await;
    assert!(text.contains("refuses user `mcpctl`"), "{text}");
    for query in ["?password=canary-4242&sslmode=x", "?passwd=canary-4242"] {
        let text = refusal(&format!("{}{query}", postgres::database())).await;
        assert!(text.contains("not a database URL") && !text.contains("canary"), "{text}");
    }
    assert!(!text.contains("canary") && !logged().contains("canary-4242"));
}

#[tokio::test]
async fn sessions_carry_the_bounds_of_the_settings() {
    let url = postgres::database();
    let args = ["--database-statement-timeout-ms", "1234", "--database-connections-max", "3"];
    let world = World::on(&url, &args).await;
    world.server("slack", None).await;
    let mut session = PgConnection::connect(&url).await.unwrap();
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mcpd/%' AND datname = current_database()";
    let sessions: i64 = sqlx::query_scalar(sql).fetch_one(&mut session).await.unwrap();
    assert!((1..=4).contains(&sessions), "{sessions} with the one that listens");
    for bad in [["--database-connections-max", "0"], ["--database-lock-timeout-ms", "x"]] {
        assert!(
            clap::Parser::try_parse_from([&["mcpd"], &bad[..]].concat())
                .map(|_: control_plane::settings::CommandLine| ())
                .is_err()
        );
    }
}

#[tokio::test]
async fn mcpds_that_start_together_on_an_empty_database_agree() {
    let sqlite = tempfile::tempdir().unwrap();
    for url in [postgres::database(), format!("sqlite:{}", sqlite.path().join("mcpd.db").display())] {
        let home = tempfile::tempdir().unwrap();
        // They share a home folder, and with it the master key and the first token.
        let start = async || {
            let settings = settings(home.path(), &url);
            let listener = server::bind(&settings).await.unwrap();
            serve(&settings, listener, async {}).await
        };
        let (one, two, three, four) = tokio::join!(start(), start(), start(), start());
        for started in [one, two, three, four] {
            started.unwrap();
        }
        let world = World::on_home(home, &url).await;
        assert_eq!(world.done("GET", "/api/v1/users", None).await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_database_that_is_busy_at_start_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", home.path().join("mcpd.db").display());
    let settings = settings_with(home.path(), &url, &["--database-lock-timeout-ms", "20"]);
    let mut other = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let listener = server::bind(&settings).await.unwrap();
    let mut served = Box::pin(serve(&settings, listener, async {}));
    let early = timeout(Duration::from_millis(500), &mut served).await;
    assert!(early.is_err(), "it gave up after the first attempt: {early:?}");
    other.execute("COMMIT").await.unwrap();
    timeout(Duration::from_secs(60), served).await.expect("it goes on as soon as the database is free").unwrap();
}

#[tokio::test]
async fn an_older_schema_is_migrated_while_others_read_and_write() {
    let url = postgres::database();
    let mut old = PgConnection::connect(&url).await.unwrap();
    let first = sqlx::migrate::Migrator::new(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")));
    first.await.unwrap().run_to(1, &mut old).await.unwrap();
    old.execute("INSERT INTO objects (kind, name, revision, spec) VALUES ('project', 'kept', 1, '{}')").await.unwrap();
    // A reader of the version before has a transaction open, and goes on reading what it knows.
    let mut reader = old.begin().await.unwrap();
    let sql = "SELECT count(*) FROM objects WHERE kind = 'project'";
    assert_eq!(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *reader).await.unwrap(), 1);

    let world = timeout(Duration::from_secs(60), World::on(&url, &[])).await.expect("the reader holds nobody up");
    assert_eq!(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *reader).await.unwrap(), 1);
    reader.commit().await.unwrap();
    assert_eq!(world.done("GET", "/api/v1/projects", None).await[0]["name"], "kept");
    // And it writes as it always did.
    old.execute("UPDATE objects SET revision = 2 WHERE name = 'kept'").await.unwrap();
    old.execute("INSERT INTO tokens (id, digest, username, label, created_at) VALUES ('t', 'd', 'u', 'l', 0)")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_in_words_by_every_command() {
    let url = postgres::database();
    let home = tempfile::tempdir().unwrap();
    let settings = settings_with(home.path(), &url, &[]);
    maintenance::run(&settings, &DbCommand::Migrate { dry_run: false }).await.unwrap();
    let mut session = PgConnection::connect(&url).await.unwrap();
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (9999, 'later', true, '\\x00', 0)";
    session.execute(sql).await.unwrap();
    let text = refusal(&url).await;
    assert!(text.contains("newer mcpd") && text.contains("9999") && text.contains("newest mcpd"), "{text}");
    let error = maintenance::run(&settings, &DbCommand::Migrate { dry_run: true }).await.unwrap_err();
    assert!(error.to_string().contains("newer mcpd"), "{error}");
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_migrated_and_does_nothing() {
    let url = postgres::database();
    let home = tempfile::tempdir().unwrap();
    let settings = settings_with(home.path(), &url, &[]);
    let run = async |dry_run: bool| maintenance::run(&settings, &DbCommand::Migrate { dry_run }).await.unwrap();
    let planned = run(true).await;
    assert_eq!(planned["migrations"][0], "0001 start");
    assert_eq!(run(true).await["migrations"], planned["migrations"]);
    assert_eq!(run(false).await["migrations"], planned["migrations"]);
    assert_eq!(run(true).await["migrations"], json!([]));
}

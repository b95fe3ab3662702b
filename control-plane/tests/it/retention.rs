//! What is old in the audit log, the months it lies in, and a role that cannot take anything out of it.

use crate::{
    on_both_stores,
    postgres::database,
    stream::Gateway,
    world::{World, settings_with},
};
use control_plane::{maintenance, settings::DbCommand};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

const DAY_MS: i64 = 86_400_000;

/// Runs `sql` on the database of `world`, beside it; the texts of the first column.
async fn sql(world: &World, sql: &str) -> Vec<String> {
    match world.settings.database_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => {
            let mut session = PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut session).await.unwrap()
        }
        None => {
            let url = format!("sqlite:{}", world.home("mcpd.db").display());
            let mut session = SqliteConnection::connect(&url).await.unwrap();
            sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut session).await.unwrap()
        }
    }
}

/// An event that began so many days ago, as if it had been shipped then.
async fn event(world: &World, id: &str, days_ago: i64) {
    let now = control_plane_api::timestamp::Timestamp::now().as_millis();
    let insert = format!(
        "INSERT INTO audit (gateway, id, seq, time, phase, action, decision, event) \
         VALUES ('old', '{id}', 1, {}, 'outcome', 'mcp_call', 'allow', '{{}}') RETURNING id",
        now - days_ago * DAY_MS
    );
    assert_eq!(sql(world, &insert).await, [id]);
}

async fn ids(world: &World) -> Vec<String> {
    sql(world, "SELECT id FROM audit WHERE gateway = 'old' ORDER BY id").await
}

async fn retain(world: &World, days: u32, dry_run: bool) -> Value {
    maintenance::run(&world.settings, &DbCommand::Retain { days, dry_run }).await.unwrap()
}

async fn what_is_too_old_goes_and_is_on_record(world: World) {
    for (id, days_ago) in [("a", 800), ("b", 401), ("c", 399), ("d", 0)] {
        event(&world, id, days_ago).await;
    }
    let planned = retain(&world, 400, true).await;
    assert_eq!((planned["events"].as_u64(), planned["done"].as_str()), (Some(2), Some("would remove")));
    assert_eq!(ids(&world).await, ["a", "b", "c", "d"]);
    let removed = retain(&world, 400, false).await;
    assert_eq!((&removed["events"], &removed["sha256"]), (&planned["events"], &planned["sha256"]));
    assert_eq!(ids(&world).await, ["c", "d"]);

    let events = world.done("GET", "/api/v1/audit?action=admin&tool=audit", None).await;
    let reason = events["events"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("removed 2 events"), "{reason}");
    assert!(reason.contains(removed["sha256"].as_str().unwrap()), "{reason}");
    // Nothing to remove leaves no record.
    assert_eq!(retain(&world, 400, false).await["events"], 0);
    let again = world.done("GET", "/api/v1/audit?action=admin&tool=audit", None).await;
    assert_eq!(again["events"].as_array().unwrap().len(), 1);
}

async fn partitions(session: &mut PgConnection) -> Vec<String> {
    let sql = "SELECT child.relname::text FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid \
               WHERE inhparent = 'audit'::regclass ORDER BY 1";
    sqlx::query_scalar(sql).fetch_all(session).await.unwrap()
}

#[tokio::test]
async fn months_are_made_ahead_and_go_as_tables() {
    let url = database();
    let world = World::on(&url, &[]).await;
    let mut session = PgConnection::connect(&url).await.unwrap();
    let made = partitions(&mut session).await;
    assert_eq!(made.len(), 5, "this month, three to come, and the default: {made:?}");

    // An event of long ago lies in the default partition until its month is made; then it moves there.
    event(&world, "old", 800).await;
    let in_default = "SELECT count(*) FROM audit_default";
    assert_eq!(sqlx::query_scalar::<_, i64>(in_default).fetch_one(&mut session).await.unwrap(), 1);
    session.execute("SELECT audit_make_partition(now() - INTERVAL '800 days')").await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(in_default).fetch_one(&mut session).await.unwrap(), 0);
    assert_eq!((partitions(&mut session).await.len(), ids(&world).await.len()), (6, 1));

    retain(&world, 400, false).await;
    assert_eq!(partitions(&mut session).await, made, "the month went as a table");
    assert!(ids(&world).await.is_empty());
}

#[tokio::test]
async fn a_role_that_only_serves_takes_nothing_out_of_the_audit_log() {
    let owner = database();
    let home = tempfile::tempdir().unwrap();
    let as_owner = settings_with(home.path(), &owner, &[]);
    maintenance::run(&as_owner, &DbCommand::Migrate { dry_run: false }).await.unwrap();
    let mut session = PgConnection::connect(&owner).await.unwrap();
    let roles = include_str!("../../../deploy/postgres/roles.sql");
    // Twice: it is run again after every migration.
    for _ in 0..2 {
        session.execute(roles).await.unwrap();
    }
    session.execute("ALTER ROLE mcpd PASSWORD 'only-for-tests'").await.unwrap();
    let url = owner.replace("mcpctl:", "mcpd:");

    let world = World::on(&url, &[]).await;
    world.done("PUT", "/api/v1/secrets/token", Some(json!({"value": "x"}))).await;
    world.server("slack", Some("token")).await;
    world.user("ann", &["developer"], None).await;
    Gateway::enrol(&world, "central").await.connect(&world).await.snapshot().await;
    world.done("DELETE", "/api/v1/users/ann", None).await;
    let events = world.done("GET", "/api/v1/audit?action=admin", None).await;
    assert!(events["events"].as_array().unwrap().len() > 4);

    let mut serving = PgConnection::connect(&url).await.unwrap();
    let partition = partitions(&mut session).await.remove(0);
    for forbidden in [
        "DELETE FROM audit".to_owned(),
        format!("DELETE FROM {partition}"),
        "TRUNCATE audit".to_owned(),
        "UPDATE audit_records SET record = ''".to_owned(),
        "DELETE FROM audit_records".to_owned(),
        "UPDATE audit_keys SET public_key = ''".to_owned(),
        format!("DROP TABLE {partition}"),
        "DELETE FROM _sqlx_migrations".to_owned(),
        "CREATE TABLE x (y TEXT)".to_owned(),
        "SELECT audit_make_partition(now())".to_owned(),
    ] {
        let error = serving.execute(AssertSqlSafe(forbidden.clone())).await.unwrap_err().to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{forbidden}: {error}");
    }
    let old = "INSERT INTO audit (gateway, id, seq, time, phase, action, decision, event) \
               VALUES ('old', 'x', 1, 0, 'outcome', 'mcp_call', 'allow', '{}')";
    serving.execute(old).await.unwrap();
    let as_server = settings_with(home.path(), &url, &[]);
    let refused = maintenance::run(&as_server, &DbCommand::Retain { days: 1, dry_run: false }).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    let removed = maintenance::run(&as_owner, &DbCommand::Retain { days: 1, dry_run: false }).await.unwrap();
    assert_eq!(removed["events"], 1);
}

on_both_stores!(what_is_too_old_goes_and_is_on_record);

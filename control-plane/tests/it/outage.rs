//! PostgreSQL away, slow or full: requests are answered 503 and may come again, nothing is half written, streams stay
//! open, and everything goes on by itself once the cause is gone.

use crate::{
    postgres::{self, Cluster},
    stream::Gateway,
    world::World,
};
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// After the cause is gone.
const HEALED_WITHIN: Duration = Duration::from_secs(5);
/// Bounds that make a test short.
const IMPATIENT: [&str; 4] = ["--database-acquire-timeout-ms", "700", "--database-lock-timeout-ms", "500"];

/// Two projects at once, that refer to each other by their descriptions.
async fn pair(world: &World, name: &str) -> crate::world::Answer {
    let project =
        |side: &str| json!({"kind": "project", "name": format!("{name}{side}"), "spec": {"description": name}});
    world.admin("POST", "/api/v1/apply", Some(json!({"objects": [project("a"), project("b")]}))).await
}

/// The request that cannot be answered now says when to come again.
async fn unavailable(world: &World, name: &str) {
    let answer = pair(world, name).await;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("2")), "{}", answer.text);
    assert!(answer.text.contains("does not answer"), "{}", answer.text);
}

async fn heals(world: &World, name: &str) {
    let began = Instant::now();
    loop {
        let answer = pair(world, name).await;
        if answer.status == 200 {
            return;
        }
        assert!(began.elapsed() < HEALED_WITHIN, "{name}: not healed in {HEALED_WITHIN:?}: {}", answer.text);
    }
}

/// Every pair is whole, and in the audit log as often as it was made.
async fn nothing_is_half_written(world: &World) {
    let projects = world.done("GET", "/api/v1/projects", None).await;
    let events = world.done("GET", "/api/v1/audit?action=admin&limit=10000", None).await;
    let projects: Vec<_> =
        projects.as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap()).collect();
    for name in &projects {
        let (stem, side) = name.split_at(name.len() - 1);
        let other = format!("{stem}{}", if side == "a" { "b" } else { "a" });
        assert!(projects.contains(&other.as_str()), "{name} without {other}");
        let target = format!("project/{name}");
        let count = events["events"].as_array().unwrap().iter().filter(|event| event["target"] == target).count();
        assert_eq!(count, 1, "{target}");
    }
}

#[tokio::test]
async fn d_01_postgres_stopped_killed_or_without_a_free_connection() {
    let cluster = Cluster::start();
    let url = cluster.database();
    let world = World::on(&url, &IMPATIENT).await;
    let gateway = Gateway::enrol(&world, "central").await;
    let mut stream = gateway.connect(&world).await;
    let mut have = stream.snapshot().await;

    for (name, cause) in [("stopped", "stop fast"), ("cut", "stop immediate"), ("killed", "kill")] {
        cluster.tell(cause);
        unavailable(&world, name).await;
        assert_eq!(world.admin("GET", "/healthz", None).await.status, 204);
        assert_eq!(world.admin("GET", "/readyz", None).await.status, 503);
        assert_eq!(cluster.tell("start"), "started", "after `{cause}`");
        heals(&world, name).await;
        stream.follow(&mut have, world.revision().await).await;
    }

    // Somebody else takes every connection there is, and those of mcpd are ended.
    let mut others = Vec::new();
    while let Ok(session) = PgConnection::connect(&url).await {
        others.push(session);
    }
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'mcpd/%'";
    others[0].execute(sql).await.unwrap();
    while let Ok(session) = PgConnection::connect(&url).await {
        others.push(session);
    }
    unavailable(&world, "crowded").await;
    for session in others {
        session.close().await.ok();
    }
    heals(&world, "crowded").await;
    stream.follow(&mut have, world.revision().await).await;
    nothing_is_half_written(&world).await;
}

#[tokio::test]
async fn d_01_somebody_holds_a_lock_or_every_connection_or_a_statement_takes_too_long() {
    let url = postgres::database();
    let world = World::on(&url, &IMPATIENT).await;
    let mut session = PgConnection::connect(&url).await.unwrap();

    session.execute("BEGIN; UPDATE revision SET value = value").await.unwrap();
    unavailable(&world, "locked").await;
    assert_eq!(world.admin("GET", "/api/v1/projects", None).await.status, 200, "readers are not held up");
    session.execute("ROLLBACK").await.unwrap();
    heals(&world, "locked").await;

    let args = [
        "--database-connections-max",
        "2",
        "--database-acquire-timeout-ms",
        "300",
        "--database-lock-timeout-ms",
        "5000",
    ];
    let narrow = World::beside_with(&world, &url, &args).await;
    session.execute("BEGIN; UPDATE revision SET value = value").await.unwrap();
    // Whoever does not get a connection in time comes again, as it is told.
    let waiting = async || loop {
        let status = pair(&narrow, "waiting").await.status;
        if status != 503 {
            return status;
        }
    };
    let asked = async {
        // Both connections wait for the lock; a third request gets none.
        while narrow.admin("GET", "/api/v1/projects", None).await.status != 503 {
            tokio::task::yield_now().await;
        }
        let answer = narrow.admin("GET", "/api/v1/projects", None).await;
        assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("2")));
        session.execute("ROLLBACK").await.unwrap();
    };
    let (one, two, ()) = tokio::join!(waiting(), waiting(), asked);
    assert_eq!((one, two), (200, 200), "whoever waited gets on");
    heals(&narrow, "exhausted").await;

    let hasty = World::beside_with(&world, &url, &["--database-statement-timeout-ms", "400"]).await;
    session.execute("BEGIN; LOCK TABLE objects IN ACCESS EXCLUSIVE MODE").await.unwrap();
    unavailable(&hasty, "slow").await;
    session.execute("ROLLBACK").await.unwrap();
    heals(&hasty, "slow").await;
    nothing_is_half_written(&world).await;
}

#[tokio::test]
async fn d_01_sessions_that_are_ended_in_the_middle_leave_nothing_behind() {
    let url = postgres::database();
    let world = World::on(&url, &[]).await;
    let mut session = PgConnection::connect(&url).await.unwrap();
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name LIKE 'mcpd/%' AND state <> 'idle'";
    let failed = Cell::new(0);
    // What mcpd asks for itself is cut off as well: on until a change was.
    let cut = async {
        let mut ended = 0;
        while ended < 10 || failed.get() == 0 {
            ended += sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut session).await.unwrap();
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    let changes = async {
        for number in (0..1_000).take_while(|number| *number < 60 || failed.get() == 0) {
            let name = format!("cut{number}");
            while pair(&world, &name).await.status != 200 {
                failed.set(failed.get() + 1);
            }
        }
    };
    tokio::select! {
        () = changes => {}
        () = cut => {}
    }
    assert!(failed.get() > 0, "some were cut off");
    nothing_is_half_written(&world).await;
}

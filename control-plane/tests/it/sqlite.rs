//! SQLite through kills, a full disk and damage.

use crate::world::{World, kills};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};
use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Starts mcpd by a line of shell, in which it is `"$@"`; none if it ends instead.
async fn start(home: &Path, line: &str) -> Option<(Child, World)> {
    fs::remove_file(home.join("mcpd.addr")).ok();
    let mut command = Command::new("sh");
    command.args(["-c", line, "sh", env!("CARGO_BIN_EXE_mcpd"), "--listen", "127.0.0.1:0", "--home"]).arg(home);
    let log = fs::File::create(home.with_extension("log")).unwrap();
    let mut child = command.env_remove("DATABASE_URL").stdin(Stdio::null()).stderr(log).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(address) = fs::read_to_string(home.join("mcpd.addr")) {
            let token = fs::read_to_string(home.join("admin-token")).unwrap_or_default();
            let world = World::at(address.trim()).with_admin(token.trim());
            if world.try_ready().await {
                return Some((child, world));
            }
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(Instant::now() < deadline, "mcpd does not get ready");
        tokio::task::yield_now().await;
    }
}

async fn integrity(home: &Path) -> String {
    let mut session = SqliteConnection::connect(&format!("sqlite:{}", home.join("mcpd.db").display())).await.unwrap();
    sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut session).await.unwrap()
}

async fn project(world: &World, name: &str) -> Option<u16> {
    let body = json!({"name": name, "spec": {"description": "x".repeat(2_000)}});
    world.try_admin("PUT", &format!("/api/v1/projects/{name}"), Some(body)).await.map(|answer| answer.status)
}

async fn all_there(world: &World, acknowledged: &[String]) {
    let list = world.done("GET", "/api/v1/projects", None).await.to_string();
    for name in acknowledged {
        assert!(list.contains(&format!("\"{name}\"")), "{name} was acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_02_what_was_acknowledged_survives_kills_in_a_loop_of_writes() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut acknowledged = Vec::new();
    for kill in 0..kills() {
        let (mut child, world) = start(&home, "exec \"$@\"").await.unwrap();
        all_there(&world, &acknowledged).await;
        let writer = tokio::spawn(async move {
            let mut made = Vec::new();
            for number in 0.. {
                let name = format!("k{kill}n{number}");
                match project(&world, &name).await {
                    Some(201) => made.push(name),
                    Some(other) => panic!("{other}"),
                    None => break,
                }
            }
            made
        });
        // Somewhere in the middle of a write.
        let mut session =
            SqliteConnection::connect(&format!("sqlite:{}", home.join("mcpd.db").display())).await.unwrap();
        let sql = format!("SELECT count(*) FROM objects WHERE name LIKE 'k{kill}n%'");
        while sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql.clone())).fetch_one(&mut session).await.unwrap() < 5
        {
            tokio::task::yield_now().await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        session.close().await.unwrap();
        acknowledged.extend(writer.await.unwrap());
        assert_eq!(integrity(&home).await, "ok");
    }
    assert!(acknowledged.len() >= kills() * 4);
    let (mut child, world) = start(&home, "exec \"$@\"").await.unwrap();
    all_there(&world, &acknowledged).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_02_a_full_disk_refuses_changes_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    // No file may grow beyond a few hundred KiB: to a program the same as a disk without space.
    let (mut child, world) = start(&home, "trap '' XFSZ; ulimit -f 1200; exec \"$@\"").await.unwrap();
    let mut acknowledged = Vec::new();
    let refused = loop {
        let name = format!("n{}", acknowledged.len());
        match project(&world, &name).await {
            Some(201) => acknowledged.push(name),
            other => break other,
        }
        assert!(acknowledged.len() < 10_000, "the disk never gets full");
    };
    assert_eq!(refused, Some(503), "{}", acknowledged.len());
    all_there(&world, &acknowledged).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(integrity(&home).await, "ok");
    let (mut child, world) = start(&home, "exec \"$@\"").await.unwrap();
    all_there(&world, &acknowledged).await;
    assert_eq!(project(&world, "space-again").await, Some(201));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_02_a_damaged_file_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let (mut child, world) = start(&home, "exec \"$@\"").await.unwrap();
    for number in 0..40 {
        assert_eq!(project(&world, &format!("n{number}")).await, Some(201));
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
    let database = fs::OpenOptions::new().write(true).open(home.join("mcpd.db")).unwrap();
    let bytes = database.metadata().unwrap().len();
    for page in 2..bytes / 4_096 {
        database.write_all_at(&[0x5a; 512], page * 4_096).unwrap();
    }
    assert!(start(&home, "exec \"$@\"").await.is_none(), "it does not start");
    let log = fs::read_to_string(home.with_extension("log")).unwrap();
    assert!(log.contains("is damaged") && log.contains("mcpctl db restore"), "{log}");
}

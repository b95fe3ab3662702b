//! Two control planes on one PostgreSQL, as processes that are killed at any moment.

use crate::{
    postgres,
    stream::Gateway,
    world::{World, kills},
};
use control_plane_api::snapshot::ConfigEvent;
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A replica, on a port of its own that stays the same.
struct Replica {
    home: tempfile::TempDir,
    url: String,
    address: String,
    child: Child,
}

impl Replica {
    async fn start(url: &str, master_key: &str, address: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        crate::backup::private(&home.path().join("master-key"), master_key);
        let child = spawn(home.path(), url, address);
        let mut this = Self { home, url: url.to_owned(), address: address.to_owned(), child };
        this.ready().await;
        this
    }

    /// Waits until it serves, and where.
    async fn ready(&mut self) {
        let file = self.home.path().join("mcpd.addr");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !World::at(&self.address).try_ready().await {
            assert!(Instant::now() < deadline, "mcpd does not get ready");
            assert!(self.child.try_wait().unwrap().is_none(), "mcpd ended");
            if let Ok(text) = fs::read_to_string(&file) {
                text.trim().clone_into(&mut self.address);
            }
            tokio::task::yield_now().await;
        }
    }

    /// `kill -9`, and started again.
    async fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.home.path(), &self.url, &self.address);
        self.ready().await;
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(home: &Path, url: &str, address: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcpd"));
    command.args(["--listen", address, "--home"]).arg(home).env("DATABASE_URL", url);
    command.stdin(Stdio::null()).stderr(fs::File::create(home.join("log")).unwrap()).spawn().unwrap()
}

/// Makes changes at either replica, as a client with retries does, until it is told to stop. What was acknowledged.
async fn write(worlds: [World; 2], writer: usize, stop: Arc<AtomicBool>) -> Vec<(String, u64)> {
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let name = format!("w{writer}n{number}");
        let body = json!({"name": name, "spec": {"description": name}});
        // Whether one that broke off was done is not known, so it is made again: the result is the same.
        for turn in writer.. {
            let world = &worlds[turn % 2];
            if let Some(answer) = world.try_admin("PUT", &format!("/api/v1/projects/{name}"), Some(body.clone())).await
                && matches!(answer.status, 200 | 201)
            {
                acknowledged.push((name, answer.json()["revision"].as_u64().unwrap()));
                break;
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    acknowledged
}

/// Follows the configuration at whichever replica answers; every revision that was seen.
async fn follow(gateway: Arc<Gateway>, worlds: [World; 2], last: Arc<AtomicU64>) -> (Vec<u64>, Vec<String>) {
    let mut seen = Vec::new();
    for turn in 0.. {
        let Some(mut stream) = gateway.try_connect(&worlds[turn % 2]).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let Some(ConfigEvent::Snapshot(mut snapshot)) = stream.next().await else { continue };
        loop {
            seen.push(snapshot.revision);
            let until = last.load(Ordering::Relaxed);
            if until > 0 && snapshot.revision >= until {
                let names = snapshot.projects().map(|(name, _)| name.to_string()).collect();
                return (seen, names);
            }
            match stream.next().await {
                Some(ConfigEvent::ChangeSet(change)) => snapshot.apply(change).unwrap(),
                _ => break,
            }
        }
    }
    unreachable!("the loop has no end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_change_is_lost_whichever_replica_is_killed_when() {
    let url = postgres::database();
    let key = "5a".repeat(32);
    let mut one = Replica::start(&url, &key, "127.0.0.1:0").await;
    let mut two = Replica::start(&url, &key, "127.0.0.1:0").await;
    let token = fs::read_to_string(one.home.path().join("admin-token")).unwrap();
    let worlds = || [&one.address, &two.address].map(|address| World::at(address).with_admin(token.trim()));
    let gateway = Arc::new(Gateway::enrol(&worlds()[0], "central").await);
    let (stop, last) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..3).map(|writer| tokio::spawn(write(worlds(), writer, Arc::clone(&stop)))).collect();
    let follower = tokio::spawn(follow(Arc::clone(&gateway), worlds(), Arc::clone(&last)));
    let final_worlds = worlds();

    for kill in 0..kills() {
        if kill % 2 == 0 { one.kill().await } else { two.kill().await }
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for writer in writers {
        let made = writer.await.unwrap();
        assert!(made.len() > kills(), "the writers got on: {}", made.len());
        assert!(made.is_sorted_by(|one, two| one.1 < two.1), "of one writer, each later change has a higher revision");
        acknowledged.extend(made);
    }

    let [world, other] = final_worlds;
    let mut revisions: Vec<u64> = acknowledged.iter().map(|(_, revision)| *revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), acknowledged.len(), "no two changes share a revision");
    assert!(world.revision().await >= *revisions.last().unwrap());
    let names = |list: Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap().to_owned()).collect()
    };
    let stored = names(world.done("GET", "/api/v1/projects", None).await);
    assert_eq!(stored, names(other.done("GET", "/api/v1/projects", None).await));
    for (name, _) in &acknowledged {
        assert!(stored.contains(name), "{name} was acknowledged");
    }

    last.store(world.revision().await, Ordering::Relaxed);
    world.done("PUT", "/api/v1/projects/last", Some(json!({"name": "last", "spec": {}}))).await;
    let (seen, published) = follower.await.unwrap();
    assert!(seen.is_sorted(), "a gateway never sees a revision go back");
    for (name, _) in &acknowledged {
        assert!(published.contains(name), "{name} reached the gateway");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_04_of_two_replicas_that_change_one_object_each_change_is_built_on_the_one_before() {
    let world = World::on(&postgres::database(), &[]).await;
    let replica = world.replica().await;
    let (path, body) = (
        "/api/v1/projects/counter",
        |count: usize| json!({"name": "counter", "spec": {"description": count.to_string()}}),
    );
    world.done("PUT", path, Some(body(0))).await;
    let count = async |world: &World, times: usize| {
        let mut lost = 0;
        for _ in 0..times {
            loop {
                let read = world.admin("GET", path, None).await;
                let count: usize = read.json()["spec"]["description"].as_str().unwrap().parse().unwrap();
                let answer = world.put_if(path, &read.etag.unwrap(), body(count + 1)).await;
                match answer.status {
                    200 => break,
                    412 => lost += 1,
                    other => panic!("{other}: {}", answer.text),
                }
            }
        }
        lost
    };
    let (one, two, three, four) =
        tokio::join!(count(&world, 25), count(&replica, 25), count(&world, 25), count(&replica, 25));
    assert_eq!(world.done("GET", path, None).await["spec"]["description"], "100");
    assert!(one + two + three + four > 0, "they did get in each other's way");
}

#[tokio::test]
async fn a_replica_hears_of_a_change_at_once_also_after_its_connection_was_cut() {
    let url = postgres::database();
    let world = World::on(&url, &[]).await;
    let replica = world.replica().await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&replica).await;
    let mut have = stream.snapshot().await;
    let mut session = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    for (round, cut) in [false, true].into_iter().enumerate() {
        if cut {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND application_name LIKE 'mcpd/%'";
            sqlx::query(sql).execute(&mut session).await.unwrap();
        }
        let started = Instant::now();
        world.server(&format!("s{round}"), None).await;
        stream.follow(&mut have, world.revision().await).await;
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
    assert_eq!(have.servers().count(), 2);
}

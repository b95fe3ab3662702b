//! More than there is room for: who is served, who is refused and how, and that it ends.

use crate::{
    process::Gateway,
    world::{PROGRAM, World, eventually, objects, read, server},
};
use control_plane_api::audit::{AuditEvent, Decision, Outcome, Phase};
use futures::{StreamExt as _, future::join_all, stream};
use serde_json::json;
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// A call of `tool` by ada: status, `Retry-After`, and how long it took.
async fn call(world: &World, tool: &str) -> (u16, Option<String>, Duration) {
    let begun = Instant::now();
    let request = world.modern_request("weekly", "ada", "tools/call", json!({"name": tool, "arguments": {}}));
    let answer = request.send().await.unwrap();
    let after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), after, begun.elapsed())
}

#[tokio::test]
async fn o01_ten_times_as_much_as_there_is_room_for_is_refused_at_once_and_counted() {
    let limits = json!({"exchanges_max": 8, "exchanges_waiting_max": 8, "exchanges_wait_timeout_ms": 200});
    let world = World::start_within(&limits, &objects(&[server("old", "")]), &[]).await;
    let answers: Vec<_> =
        stream::iter(0..2_000).map(|_| call(&world, "old_echo")).buffer_unordered(160).collect().await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, ..)| *status == 200);
    assert!(!served.is_empty() && !refused.is_empty(), "{} served, {} refused", served.len(), refused.len());
    for (status, after, _) in &refused {
        assert_eq!((*status, after.as_deref()), (503, Some("1")));
    }
    // Over at once.
    assert_eq!(call(&world, "old_echo").await.0, 200);
    // Not one record for each, and none forgotten.
    let told = async || {
        let audit = world.audit();
        let counts =
            audit.iter().filter_map(|event| event.reason.split_once(" requests were refused because the gateway"));
        let sum: usize = counts.map(|(count, _)| count.parse::<usize>().unwrap()).sum();
        (sum == refused.len()).then_some(())
    };
    eventually("the counts in the audit log", told).await;
}

#[tokio::test]
async fn o02_one_user_has_so_many_calls_at_once_and_is_told_so() {
    let limits = json!({"principal_calls_at_once_max": 4});
    let world = World::start_within(&limits, &objects(&[server("old", "")]), &[]).await;
    let hang =
        |_| world.modern_request("weekly", "ada", "tools/call", json!({"name": "old_hang", "arguments": {}})).send();
    let hanging = join_all((0..4).map(hang));
    let asking = async {
        let begun = |e: &&AuditEvent| e.target.as_deref() == Some("old_hang") && e.phase == Phase::Intent;
        let full = async || (world.audit().iter().filter(begun).count() == 4).then_some(());
        eventually("the user's calls to be taken", full).await;
        let refused = world.call("ada", "old_echo", json!({})).await;
        assert!(refused.error().1.contains("4 calls at once"), "{refused:?}");
        assert_eq!(refused.last()["error"]["data"]["retryAfterMs"], 1_000);
        assert_eq!(call(&world, "old_echo").await.1.as_deref(), Some("1"));
    };
    tokio::select! { () = asking => {}, _ = hanging => panic!("they hang") }
    // They are gone with their clients.
    eventually("room", async || (call(&world, "old_echo").await.0 == 200).then_some(())).await;
    let denied = |e: &&AuditEvent| e.decision == Decision::Deny && e.reason.contains("calls at once");
    assert_ne!(world.audit().iter().filter(denied).count(), 0, "the first of a flood is written down");
}

#[tokio::test]
async fn o02_streams_nobody_reads_are_bounded_and_take_no_places() {
    let limits = json!({"principal_streams_max": 5, "exchanges_max": 3});
    let world = World::start_within(&limits, &objects(&[server("old", "")]), &[]).await;
    let listen = async || {
        let wanted = json!({"notifications": {"toolsListChanged": true}});
        world.modern_request("weekly", "ada", "subscriptions/listen", wanted).send().await.unwrap()
    };
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(listen().await);
    }
    assert!(open.iter().all(|stream| stream.status() == 200));
    let refused = read(listen().await).await;
    assert_eq!(refused.status, 429);
    assert!(refused.error().1.contains("5 streams at once"), "{refused:?}");
    assert_eq!(call(&world, "old_echo").await.0, 200, "more streams than places, and room for a call");
    drop(open);
    eventually("room for a stream", async || (listen().await.status() == 200).then_some(())).await;
}

#[tokio::test]
async fn a_profile_permits_its_users_so_many_calls_in_a_minute() {
    let mut objects = objects(&[server("old", "")]);
    let profile = objects.iter_mut().find(|object| object["kind"] == "profile").unwrap();
    profile["spec"]["limits"] = json!({"calls_per_minute": 2});
    let world = World::start(&objects, &[]).await;
    assert_eq!((call(&world, "old_echo").await.0, call(&world, "old_echo").await.0), (200, 200));
    let (status, after, _) = call(&world, "old_echo").await;
    assert_eq!((status, after.as_deref()), (429, Some("30")));
    let listed = world.modern("weekly", "ada", "tools/list", json!({})).await;
    assert_eq!(listed.status, 200, "what is of no profile is not counted");
}

#[tokio::test]
async fn u06_a_server_that_hangs_is_left_alone_and_harms_nobody() {
    let limits = json!({"upstream_call_timeout_ms": 300, "upstream_failures_max": 3, "upstream_rest_ms": 1_000});
    let world = World::start_within(&limits, &objects(&[server("bad", "modern"), server("fine", "")]), &[]).await;
    for _ in 0..3 {
        world.call("ada", "bad_hang", json!({})).await;
    }
    let begun = Instant::now();
    let refused = world.call("ada", "bad_hang", json!({})).await;
    assert!(refused.error().1.contains("it is failing (it did not answer within 300 ms)"), "{refused:?}");
    assert!(refused.error().1.contains("it is tried again in"), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_millis(300), "{:?}", begun.elapsed());
    assert!(world.call("ada", "fine_echo", json!({})).await.told()["pid"].is_u64());
    let listed = world.modern("weekly", "ada", "tools/list", json!({})).await;
    let names: Vec<&str> =
        listed.last()["result"]["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert!(names.contains(&"bad_hang") && names.contains(&"fine_echo"), "{names:?}");
    // After its rest one call is let through, and closes it.
    eventually("the end of its rest", async || {
        world.call("ada", "bad_echo", json!({})).await.told()["pid"].is_u64().then_some(())
    })
    .await;
}

#[tokio::test]
async fn o03_a_slow_audit_disk_makes_calls_slow_and_leaves_none_out() {
    if Command::new("strace").arg("--version").output().is_err() {
        eprintln!("skipped: `strace`, which makes the disk slow, is not installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let inject = "inject=fsync,fdatasync:delay_exit=200000";
    let line = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject, PROGRAM];
    let gateway = Gateway::start(&line, home.path(), &objects(&[server("old", "")]), &json!({})).await;
    gateway.call("old_echo", json!({})).await;
    let begun = Instant::now();
    let answers = join_all((0..32).map(|_| gateway.call("old_echo", json!({})))).await;
    let elapsed = begun.elapsed();
    assert!(answers.iter().all(|answer| answer.told()["pid"].is_u64()));
    // Each waits for two of them, and all of them for the same ones.
    assert!(elapsed >= Duration::from_millis(400) && elapsed < Duration::from_secs(10), "{elapsed:?}");
    let audit = gateway.audit();
    let told =
        |phase: Phase| audit.iter().filter(|e| e.target.as_deref() == Some("old_echo") && e.phase == phase).count();
    assert_eq!((told(Phase::Intent), told(Phase::Outcome)), (33, 33));
    assert!(audit.iter().all(|event| event.outcome != Outcome::Cancelled));
}

/// Time on a processor that process `pid` has used, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn o05_without_descriptors_the_gateway_neither_spins_nor_stays_that_way() {
    let home = tempfile::tempdir().unwrap();
    let line = ["prlimit", "--nofile=256:256", PROGRAM];
    let gateway = Gateway::start(&line, home.path(), &objects(&[server("old", "")]), &json!({})).await;
    gateway.call("old_echo", json!({})).await;
    let connect = |_| tokio::net::TcpStream::connect(gateway.address.clone());
    let idle: Vec<_> = join_all((0..400).map(connect)).await;
    let pid = gateway.process.id();
    let open = || std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    eventually("every descriptor to be taken", async || (open() >= 230).then_some(())).await;
    let (begun, before) = (Instant::now(), ticks(pid));
    eventually("two seconds to pass", async || (begun.elapsed() > Duration::from_secs(2)).then_some(())).await;
    let used = ticks(pid) - before;
    assert!(used < 40, "{used} hundredths of a second in two seconds");
    drop(idle);
    eventually("room", async || {
        let answer = gateway.request("tools/call", json!({"name": "old_echo", "arguments": {}})).send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
}

//! The error-recovery workflow: three gateways, two control planes and PostgreSQL lose one another in every way there is,
//! while clients call all the time. No call that is allowed fails, none that is refused passes, every decision is the one of
//! the revision that its audit record names, and once the cause is gone a new change is in force everywhere, by itself.

mod callers;
mod disk;
mod proxy;
mod rig;
mod truth;

use crate::said::aloud;
use proxy::Fault;
use reqwest::{Method, StatusCode};
use rig::Rig;
use serde_json::json;
use std::{path::PathBuf, time::Duration};

/// Longest recovery that is put up with on a machine that is busy with other things; what is aimed at is 5 s.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// Calls of each client while something is broken: a moment.
const MOMENT: usize = 10;
/// The same where the cause has to last longer than it takes to find it out (5 s).
const LONG: usize = 90;

/// How long each recovery took.
struct Recoveries(Vec<(String, Duration)>);

impl Recoveries {
    async fn after(&mut self, cause: &str, rig: &mut Rig) {
        let took = rig.recovered().await;
        aloud(&format!("recovery: {cause}: {took:.1?}"));
        self.0.push((cause.to_owned(), took));
    }

    fn are_short(&self) {
        let long: Vec<_> = self.0.iter().filter(|(_, took)| *took > RECOVERY_MAX).collect();
        assert!(long.is_empty(), "these took longer than {RECOVERY_MAX:?}: {long:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d_01_control_planes_are_killed_one_and_both() {
    let mut rig = Rig::start(["one", "two", "three"]).await;
    let mut recoveries = Recoveries(Vec::new());
    rig.fleet.kill(0).await;
    rig.calls_go_on(MOMENT).await;
    recoveries.after("one mcpd killed, the other serves", &mut rig).await;
    rig.fleet.start(0).await;
    recoveries.after("one mcpd is back", &mut rig).await;
    for at in [0, 1] {
        rig.fleet.kill(at).await;
    }
    rig.calls_go_on(MOMENT).await;
    for at in [0, 1] {
        rig.fleet.start(at).await;
    }
    recoveries.after("both mcpd killed", &mut rig).await;
    recoveries.are_short();
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d_01_the_database_is_stopped_killed_frozen_and_full() {
    let mut rig = Rig::start(["one", "two", "three"]).await;
    let mut recoveries = Recoveries(Vec::new());
    for (cause, end) in [("stop fast", "start"), ("kill", "start"), ("freeze", "thaw")] {
        rig.cluster.tell(cause);
        rig.flip_until_refused().await;
        rig.calls_go_on(MOMENT).await;
        assert_ne!(rig.cluster.tell(end), "failed");
        recoveries.after(&format!("PostgreSQL: {cause}"), &mut rig).await;
    }
    if let Some(disk) = &rig.disk {
        disk.fill();
        rig.flip_until_refused().await;
        rig.calls_go_on(MOMENT).await;
        rig.disk.as_ref().unwrap().free();
        // It may have given up.
        assert_eq!(rig.cluster.tell("start"), "started");
        recoveries.after("PostgreSQL: disk full", &mut rig).await;
    }
    recoveries.are_short();
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d_01_the_network_is_cut_slow_and_swallows_everything() {
    let mut rig = Rig::start(["one", "two", "three"]).await;
    let mut recoveries = Recoveries(Vec::new());
    let slow = Fault::Slow(Duration::from_millis(300));
    for (name, fault, calls) in
        [("cut", Fault::Cut, MOMENT), ("slow", slow, MOMENT), ("a black hole", Fault::Swallow, LONG)]
    {
        rig.between_gateways_and_mcpd(fault);
        rig.flip().await;
        rig.calls_go_on(calls).await;
        rig.between_gateways_and_mcpd(Fault::None);
        recoveries.after(&format!("between gateways and mcpd: {name}"), &mut rig).await;

        rig.between_mcpd_and_database(fault);
        rig.calls_go_on(calls).await;
        rig.between_mcpd_and_database(Fault::None);
        recoveries.after(&format!("between mcpd and PostgreSQL: {name}"), &mut rig).await;
    }
    // Short: what was on its way is lost, and nobody has noticed yet.
    rig.between_gateways_and_mcpd(Fault::Swallow);
    rig.between_mcpd_and_database(Fault::Swallow);
    rig.calls_go_on(MOMENT).await;
    rig.between_gateways_and_mcpd(Fault::None);
    rig.between_mcpd_and_database(Fault::None);
    recoveries.after("a black hole everywhere, for a moment", &mut rig).await;
    recoveries.are_short();
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d_05_a_configuration_that_is_forged_or_of_no_use_leaves_the_one_before_in_force() {
    let mut rig = Rig::start(["one", "two", "three"]).await;
    let mut recoveries = Recoveries(Vec::new());
    // Somebody on the way writes another profile where this one is named.
    rig.between_gateways_and_mcpd(Fault::Tamper("slack-read-only", "jira-read-onlyy"));
    rig.flip().await;
    rig.flip().await;
    rig.calls_go_on(MOMENT).await;
    rig.between_gateways_and_mcpd(Fault::None);
    recoveries.after("a forged configuration", &mut rig).await;

    // A secret that does not open any more, as after a restore of one table from elsewhere.
    let secret = json!({"value": "spare-4242"});
    let put =
        async |rig: &Rig, path: &str, body| rig.fleet.ask(0, (Method::PUT, path), None, Some(body)).await.unwrap();
    assert_eq!(put(&rig, "secrets/spare", secret.clone()).await.0, StatusCode::CREATED);
    let broken = "UPDATE secrets SET ciphertext = reverse(ciphertext) WHERE name = 'spare'";
    assert_eq!(rig.cluster.tell(&format!("sql {} {broken}", rig.database)), "");
    let transport = json!({"type": "http", "url": "http://127.0.0.1:9/mcp", "headers": {"X-Key": {"secret": "spare"}}});
    let server = json!({"name": "spare", "spec": {"transport": transport}});
    assert_eq!(put(&rig, "servers/spare", server).await.0, StatusCode::CREATED);
    crate::patience::until("every gateway has refused it", async || {
        let (_, list) = rig.fleet.ask(0, (Method::GET, "gateways"), None, None).await?;
        let of = |name: &str| list.as_array()?.iter().find(|gateway| gateway["name"] == name);
        let refused = |name: &str| of(name).is_some_and(|one| one["status"]["config"]["state"] == "rejected");
        rig.gateways.iter().all(|gateway| refused(&gateway.name)).then_some(())
    })
    .await;
    rig.flip().await;
    rig.calls_go_on(MOMENT).await;
    assert_eq!(put(&rig, "secrets/spare", secret).await.0, StatusCode::OK);
    recoveries.after("a configuration that no gateway can use", &mut rig).await;
    recoveries.are_short();
    rig.end().await;
}

/// The library that shows a process another time.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

#[tokio::test(flavor = "multi_thread")]
async fn d_01_clocks_jump() {
    let Some(library) = faketime() else {
        aloud("recovery: NOT RUN: clocks that jump, because libfaketime is not installed");
        return;
    };
    let mut rig = Rig::start(["one", "two", "three"]).await;
    let mut recoveries = Recoveries(Vec::new());
    let clock = rig.fleet.world.path("clock");
    let jump = |by: &str| std::fs::write(&clock, format!("{by}\n")).unwrap();
    jump("+0");
    let (library, file) = (library.to_str().unwrap().to_owned(), clock.to_str().unwrap().to_owned());
    let environment = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    rig.add("four", |command| {
        command.envs(environment);
    })
    .await;
    rig.fleet.kill(1).await;
    rig.fleet.start_with(1, &environment).await;
    for by in ["+2h", "-2h", "+400d", "+0"] {
        jump(by);
        rig.calls_go_on(MOMENT).await;
        recoveries.after(&format!("the clock of a gateway and of mcpd jumps to {by}"), &mut rig).await;
    }
    recoveries.are_short();
    rig.end().await;
}

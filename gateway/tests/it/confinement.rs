//! What the process of a server sees of the machine and can do to it. The probe is a server that tries.

use crate::{
    process::Gateway,
    world::{PROGRAM, World, eventually, objects},
};
use serde_json::{Value, json};
use std::{fs::File, path::PathBuf, time::Instant};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// Memory a hostile server may cost the gateway, in bytes.
const GROWTH_MAX: u64 = 32 << 20;

/// The probe in this sandbox, marked with an argument of its own.
pub(crate) fn probe(mark: &str, sandbox: &Value) -> Value {
    json!({"kind": "server", "name": "probe", "spec": {
        "transport": {"type": "stdio", "command": "python3", "args": [format!("{FIXTURES}/probe.py"), mark],
            "env": {"DECLARED": "yes"}, "sandbox": sandbox},
        "tools": [{"tool": "*", "class": "read"}]}})
}

async fn world(sandbox: &Value) -> World {
    World::start(&objects(&[probe("confinement", sandbox)]), &[]).await
}

/// How the probe's attempt at `what` ended.
async fn check(world: &World, what: &str, more: &Value) -> Value {
    let mut arguments = json!({"what": what});
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let answer = world.call("ada", "probe_try", arguments).await;
    assert!(answer.last()["result"].is_object(), "{what}: {answer:?}");
    answer.told()
}

/// A sandbox in which the Python of this machine can run, wherever that lies.
fn strict() -> Value {
    let told = std::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.executable, sys.prefix, sys.base_prefix, sep='\\n')"])
        .output()
        .unwrap();
    let prefixes: Vec<String> = String::from_utf8(told.stdout).unwrap().lines().map(str::to_owned).collect();
    // What a shim runs lies beside the versions it chooses from.
    let home = PathBuf::from(&prefixes[0]).ancestors().nth(4).map(|path| path.display().to_string());
    let all: Vec<String> = prefixes.into_iter().chain(home).chain([FIXTURES.to_owned()]).collect();
    json!({"level": "strict", "read": all})
}

/// Memory of process `pid`, in bytes.
fn resident(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn c02_a_server_sees_its_own_environment_three_descriptors_and_nothing_of_the_gateway() {
    // As a shell would that left one open.
    let left_open = File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).unwrap();
    let world = world(&json!({})).await;
    let seen = world.call("ada", "probe_look", json!({})).await.told();
    assert_eq!(seen["env"]["DECLARED"], "yes");
    for place in [seen["env"].to_string(), seen["parent"].to_string(), seen["first"].to_string()] {
        // Cargo gives its tests variables that are on no list.
        assert!(!place.contains("CARGO"), "{place}");
    }
    assert_eq!((&seen["fds"], &seen["umask"], &seen["core"]), (&json!([0, 1, 2]), &json!(0o077), &json!(0)));
    assert_eq!((&seen["no_new_privs"], &seen["blocked"]), (&json!("1"), &json!("0000000000000000")));
    drop(left_open);
}

#[tokio::test]
async fn c03_a_server_does_not_see_the_processes_of_others() {
    let world = world(&json!({})).await;
    let seen = world.call("ada", "probe_look", json!({})).await.told();
    // The first process of its namespace, and itself.
    assert_eq!(seen["processes"], 2, "{seen}");
    let gateway = json!({"pid": std::process::id()});
    assert_eq!(check(&world, "signal", &gateway).await, "ESRCH");
}

#[tokio::test]
async fn c03_what_reaches_into_others_or_the_kernel_is_not_permitted() {
    let world = world(&json!({})).await;
    for what in ["ptrace", "mount", "keyctl", "bpf", "io_uring", "userfaultfd", "kexec", "perf"] {
        assert_eq!(check(&world, what, &json!({})).await, "EPERM", "{what}");
    }
    // What tools live on is.
    let file = world.home.path().join("written");
    assert_eq!(check(&world, "write", &json!({"path": file})).await, "done");
}

#[tokio::test]
async fn c03_a_strictly_confined_server_has_no_files_but_its_own_and_no_powers() {
    let world = world(&strict()).await;
    let seen = world.call("ada", "probe_look", json!({})).await.told();
    let own = seen["cwd"].as_str().unwrap().to_owned();
    assert!(own.ends_with("/servers/probe"), "{own}");
    assert_eq!((seen["env"]["HOME"].as_str(), seen["env"]["TMPDIR"].as_str()), (Some(&*own), Some(&*own)));
    assert_eq!(seen["capabilities"], "0000000000000000");
    let path = |path: &str| json!({ "path": path });
    assert_eq!(check(&world, "write", &path(&format!("{own}/x"))).await, "done");
    let secret = world.home.path().join("id_ed25519");
    std::fs::write(&secret, "x").unwrap();
    assert_eq!(check(&world, "read", &json!({"path": secret})).await, "EACCES");
    for outside in ["/tmp/x-of-the-probe", "/etc/x-of-the-probe", "/usr/x-of-the-probe"] {
        assert_eq!(check(&world, "write", &path(outside)).await, "EACCES", "{outside}");
    }
    assert_eq!(check(&world, "read", &path("/etc/hostname")).await, "done");
    for what in ["unshare", "setns", "chroot", "clone", "raw_socket", "setuid", "mount", "ptrace", "bpf"] {
        assert_eq!(check(&world, what, &json!({})).await, "EPERM", "{what}");
    }
}

#[tokio::test]
async fn c04_a_fork_bomb_eight_gigabytes_and_all_descriptors_meet_their_limits() {
    let limits = json!({"open_files_max": 64, "processes_max": 40, "file_bytes_max": 1_000_000});
    let world = world(&json!({ "limits": limits })).await;
    let children = check(&world, "forks", &json!({"n": 5_000})).await.as_u64().unwrap();
    // The least the kernel bounds a namespace by is 301; a user that is not root meets `processes_max`.
    assert!(children < 301, "{children}");
    assert_eq!(check(&world, "memory", &json!({"n": 8_u64 << 30})).await, "ENOMEM");
    assert_eq!(check(&world, "memory", &json!({"n": 256 << 20})).await, "done");
    assert_eq!(check(&world, "descriptors", &json!({"n": 100_000})).await, "EMFILE");
    let file = world.home.path().join("large");
    assert_eq!(check(&world, "disk", &json!({"path": file, "n": 2_000_000})).await, "EFBIG");
}

#[tokio::test]
async fn c04_noise_costs_the_gateway_no_memory_and_others_nothing() {
    let home = tempfile::tempdir().unwrap();
    let gateway =
        Gateway::start(&[PROGRAM], home.path(), &objects(&[probe("c04-noise", &json!({}))]), &json!({})).await;
    gateway.call("probe_echo", json!({})).await;
    let before = resident(gateway.process.id());
    for (kind, bytes) in [("stderr", 1_u64 << 30), ("line", 1 << 30)] {
        gateway.call("probe_noise", json!({"kind": kind, "n": bytes})).await;
        let grown = resident(gateway.process.id()).saturating_sub(before);
        assert!(grown < GROWTH_MAX, "{kind}: {grown} bytes more");
    }
    assert_eq!(gateway.call("probe_noise", json!({"kind": "binary"})).await.told(), "done");
    assert_eq!(gateway.call("probe_echo", json!({})).await.told(), "done");
}

#[tokio::test]
async fn c04_a_server_that_closes_its_output_is_given_up_and_started_again() {
    let world = world(&json!({})).await;
    let answer = world.call("ada", "probe_mute", json!({})).await;
    assert!(answer.error().1.contains("went away"), "{answer:?}");
    eventually("another process", async || {
        (world.call("ada", "probe_echo", json!({})).await.told() == "done").then_some(())
    })
    .await;
}

#[tokio::test]
async fn c04_a_server_that_hears_nothing_is_stopped_within_five_seconds() {
    let mark = "c04-stubborn";
    let world = World::start(&objects(&[probe(mark, &json!({}))]), &[]).await;
    world.call("ada", "probe_stubborn", json!({})).await;
    assert!(!marked(mark).is_empty());
    let begun = Instant::now();
    world.configure(2, &objects(&[]));
    eventually("the end of the server", async || marked(mark).is_empty().then_some(())).await;
    assert!(begun.elapsed().as_secs() < 6, "{:?}", begun.elapsed());
}

/// The processes that were started with `mark` among their arguments, whoever looks after them.
pub(crate) fn marked(mark: &str) -> Vec<u32> {
    let has_mark = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|arg| arg == mark.as_bytes())
    };
    let pid = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
    std::fs::read_dir("/proc").unwrap().filter_map(pid).filter(has_mark).collect()
}

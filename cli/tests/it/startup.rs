//! Help and version come at once, and touch neither the network nor a file of the user's.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What a person takes for at once.
const AT_ONCE: Duration = Duration::from_millis(50);
/// How many times as long as the shortest program there is, where starting anything takes long.
const RATIO: u32 = 25;

/// The least of many runs: what it takes when nothing else is in the way.
fn least(mut command: impl FnMut() -> Command) -> Duration {
    let runs = (0..20).map(|_| {
        let mut command = command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        assert!(command.status().unwrap().success());
        began.elapsed()
    });
    runs.min().unwrap()
}

#[test]
fn help_and_version_come_at_once() {
    let world = World::new();
    let bound = AT_ONCE.max(least(|| Command::new("/bin/true")) * RATIO);
    for args in [&["--help"][..], &["--version"], &["project", "create", "--help"], &["help", "environment"], &[]] {
        let took = least(|| world.command(args));
        assert!(took < bound, "mcpctl {args:?} took {took:?}, and {bound:?} is the bound");
    }
}

#[test]
fn help_and_version_read_no_file_and_ask_nobody() {
    let stub = Stub::start(|_, _| Reply::json("[]"));
    let world = World::new();
    // What cannot be read cannot be needed.
    world.private("config.yaml", "nonsense: [");
    fs::write(world.work().join(".mcpctl.yaml"), "nonsense: [").unwrap();
    fs::set_permissions(world.home(), fs::Permissions::from_mode(0o000)).unwrap();
    for args in [
        &["--help"][..],
        &["--version"],
        &["help"],
        &["help", "exit-codes"],
        &["completion", "bash"],
        &["man"],
        &["explain"],
        &[],
    ] {
        let mut command = world.command(args);
        let ran = Ran::of(
            command.env("MCPCTL_SERVER", &stub.url).env("MCPCTL_HOME", "/no/such/home").env("HOME", "/no/such"),
        );
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?} {ran:?}");
    }
    fs::set_permissions(world.home(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(stub.seen().is_empty());
}

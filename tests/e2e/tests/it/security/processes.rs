//! What others on the machine see: command lines, and what a process has in its environment. And what clients' files say.

use crate::{examples::example::set_up, patience::until, world::World};
use e2e::{
    canary::{Canary, Scanner},
    client::Era,
};
use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// They have nothing in common, so that it is known whose is found.
const SLACK: &str = "xoxb-7301-Kq2Wz8RtLm5s";
const JIRA: &str = "ATATT3x9Ph4Vb6Nc1Yd0g";

fn canary(name: &str, value: &str) -> Canary {
    Canary { name: name.to_owned(), value: value.to_owned() }
}

/// The process ids there are.
fn pids() -> Vec<u64> {
    let names = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).collect()
}

/// A file of a process that may be gone.
fn of(pid: u64, file: &str) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

/// The process and everything that it started.
fn tree(root: u64) -> BTreeSet<u64> {
    let parent = |pid: u64| {
        let stat = String::from_utf8_lossy(&of(pid, "stat")).into_owned();
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u64>().ok()
    };
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        found.extend(
            pids()
                .into_iter()
                .filter(|pid| parent(*pid).is_some_and(|parent| found.contains(&parent)))
                .collect::<Vec<_>>(),
        );
        if found.len() == before {
            return found;
        }
    }
}

/// Looks at every command line of the machine again and again, as `ps` would.
struct Watch {
    stop: Arc<AtomicBool>,
    looking: std::thread::JoinHandle<(usize, Vec<String>)>,
}

impl Watch {
    fn start(canaries: &[Canary]) -> Self {
        let (stop, mut scanner) = (Arc::new(AtomicBool::new(false)), Scanner::new(canaries).unwrap());
        let stops = stop.clone();
        let looking = std::thread::spawn(move || {
            let (mut setups, mut shown) = (0, Vec::new());
            while !stops.load(Ordering::Relaxed) {
                for pid in pids() {
                    let line = of(pid, "cmdline");
                    setups += usize::from(line.windows(7).any(|part| part == b"\0setup\0"));
                    let hits = scanner.bytes(&line, "a command line");
                    shown.extend(hits.iter().map(|hit| format!("{hit:?} {}", String::from_utf8_lossy(&line))));
                }
            }
            (setups, shown)
        });
        Self { stop, looking }
    }

    /// How often a set-up was seen, and what it showed.
    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_and_no_clients_file_shows_a_credential_but_a_server_its_own() {
    let world = World::new(None);
    world.start().await;
    let canaries = [canary("slack", SLACK), canary("jira", JIRA), canary("admin", &world.admin_token())];
    let watch = Watch::start(&canaries);
    set_up(&world, "slack", &[], SLACK).await;
    set_up(&world, "jira", &["--set", "JIRA_URL=https://jira.example.test"], JIRA).await;
    let (setups, shown) = watch.end();
    assert!(setups > 0 && shown.is_empty(), "{setups} {shown:#?}");

    world
        .mcpctl(&["project", "create", "seen", "--profiles", "slack-read-only", "jira-read-only", "--wait"])
        .await
        .done();
    let config = world.connect("seen").await;
    for client in ["codex", "cursor", "vscode"] {
        world.mcpctl(&["client", "add", "seen", "--client", client]).await.done();
    }
    let bridge = world.client(&config, Era::Modern).await;
    bridge.tools().await.unwrap();

    let mut scanner = Scanner::new(&canaries).unwrap();
    let mut names = |bytes: &[u8]| {
        scanner.bytes(bytes, "a process").into_iter().map(|hit| hit.canary).collect::<BTreeSet<String>>()
    };
    let daemons = [world.process("mcpd").await.pid.unwrap(), world.process("gateway").await.pid.unwrap()];
    let servers = async || {
        let all: BTreeSet<u64> = daemons.iter().flat_map(|pid| tree(*pid)).collect();
        (all.len() >= 4).then_some(all)
    };
    let all = until("both servers run", servers).await;
    let all: BTreeSet<u64> = all.into_iter().chain(tree(u64::from(std::process::id()))).collect();
    let mut holders = BTreeSet::new();
    for pid in all {
        let line = of(pid, "cmdline");
        assert_eq!(names(&line), BTreeSet::new(), "{}", String::from_utf8_lossy(&line));
        let held = names(&of(pid, "environ"));
        let told = String::from_utf8_lossy(&line).into_owned();
        assert!(held.len() <= 1 && (held.is_empty() || !daemons.contains(&pid)), "{told} has {held:?}");
        assert!(held.iter().all(|name| told.contains(&format!("mock-{name}"))), "{told} has {held:?}");
        holders.extend(held);
    }
    assert_eq!(holders, BTreeSet::from(["jira".to_owned(), "slack".to_owned()]), "the servers have their own");
    bridge.close().await;

    for folder in ["connected-seen", "user", "workspace"] {
        let hits = scanner.path(&world.path(folder), &|_| false).unwrap();
        assert!(hits.is_empty(), "{hits:#?}");
    }
}

//! A private PostgreSQL cluster for tests: made on first use, on a free port of 127.0.0.1, in a temporary folder.
//!
//! Only the standard library, so that other test crates can include this file by `#[path]`. The cluster belongs to a
//! shell that waits for the end of its standard input: when the test process ends, however it ends, the shell stops
//! PostgreSQL and removes the folder.

#![expect(clippy::expect_used, reason = "a test without its database says so by failing")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

const USER: &str = "mcpctl";
const PASSWORD: &str = "only-for-tests";

const SCRIPT: &str = r#"
set -eu
bin=$1; shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/mcpctl-postgres-XXXXXX")
cd "$dir"
trap 'status=$?; "$bin/pg_ctl" -D "$dir/cluster" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"; exit $status' EXIT
trap 'exit 1' HUP INT TERM
printf '%s' "$CLUSTER_PASSWORD" > "$dir/password"
"$bin/initdb" -D "$dir/cluster" -U "$CLUSTER_USER" --pwfile="$dir/password" --auth=scram-sha-256 \
    --encoding=UTF8 --no-locale --no-sync > "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
for port in "$@"; do
    options="-p $port -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300"
    if "$bin/pg_ctl" -D "$dir/cluster" -l "$dir/log" -w -t 60 -o "$options" start >/dev/null 2>&1; then
        echo "$port"
        cat >/dev/null
        exit 0
    fi
done
cat "$dir/log" >&2
exit 1
"#;

struct Cluster {
    bin: PathBuf,
    port: u16,
    /// Holds the standard input whose end stops the cluster.
    _shell: Child,
}

/// The URL of a new, empty database on the cluster of this process.
pub(crate) fn database() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(start);
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let port = cluster.port.to_string();
    let made = Command::new(cluster.bin.join("createdb"))
        .args(["-h", "127.0.0.1", "-p", &port, "-U", USER, &name])
        .env("PGPASSWORD", PASSWORD)
        .status()
        .expect("createdb starts");
    assert!(made.success(), "createdb {name} failed");
    format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{name}")
}

fn start() -> Cluster {
    let bin = binaries();
    let mut command = if is_root() {
        // PostgreSQL refuses to run as root; its package brings a user of its own.
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    let mut shell = command
        .args(["-c", SCRIPT, "sh"])
        .arg(&bin)
        .args(free_ports())
        .env("CLUSTER_USER", USER)
        .env("CLUSTER_PASSWORD", PASSWORD)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let mut line = String::new();
    let stdout = shell.stdout.take().expect("standard output is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the shell says something");
    let port = line.trim().parse().expect("PostgreSQL did not start; what it said is above");
    Cluster { bin, port, _shell: shell }
}

/// The newest PostgreSQL that is installed.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    let newest = found.pop();
    newest.expect("no PostgreSQL in /usr/lib/postgresql: run `scripts/setup test`, which installs it").1
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n"))
}

/// Ports that were free a moment ago; several, because another program may be quicker.
fn free_ports() -> Vec<String> {
    let listeners: Vec<TcpListener> = (0..5).filter_map(|_| TcpListener::bind("127.0.0.1:0").ok()).collect();
    listeners.iter().filter_map(|listener| Some(listener.local_addr().ok()?.port().to_string())).collect()
}

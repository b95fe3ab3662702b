//! A private PostgreSQL cluster for tests: made on first use, on a free port of 127.0.0.1, in a temporary folder.
//!
//! Only the standard library, so that other test crates can include this file by `#[path]`. The cluster belongs to a
//! shell that obeys words on its standard input and waits for their end: when the test process ends, however it ends, the
//! shell stops PostgreSQL and removes the folder.

#![expect(clippy::expect_used, reason = "a test without its database says so by failing")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

const USER: &str = "mcpctl";
const PASSWORD: &str = "only-for-tests";

/// `start PORT OPTION…` (without both: as the last time), `stop MODE`, `kill` (like a power cut), `freeze` and `thaw`, `move FOLDER`
/// (of the whole cluster, to another disk for one), `sql DATABASE STATEMENT`, `tls` (own CA; nothing but TLS from then on), `renew`
/// (after that: a certificate of the other CA).
const SCRIPT: &str = r#"
set -u
bin=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/mcpctl-postgres-XXXXXX")
cd "$dir"
signal() {
    postmaster=$(head -n 1 "$dir/cluster/postmaster.pid" 2>/dev/null) || return 0
    kill "-$1" "$postmaster" $(ps -o pid= --ppid "$postmaster") 2>/dev/null
}
trap 'status=$?; signal CONT; "$bin/pg_ctl" -D "$dir/cluster" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"; exit $status' EXIT
trap 'exit 1' HUP INT TERM
printf '%s' "$CLUSTER_PASSWORD" > "$dir/password"
"$bin/initdb" -D "$dir/cluster" -U "$CLUSTER_USER" --pwfile="$dir/password" --auth=scram-sha-256 \
    --encoding=UTF8 --no-locale --no-sync > "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
sign() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2"
    printf 'subjectAltName=%s' "$3" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA "${4:-ca}.crt" -CAkey "${4:-ca}.key" -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.crt"
    chmod 600 "$1.key"
}
last=
while read -r verb arguments; do
    case $verb in
        start)
            last=${arguments:-$last}
            set -- $last
            options="-p $1 -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300"
            shift
            tries=0
            # After a kill, processes of the old server hold on for a moment.
            until "$bin/pg_ctl" -D "$dir/cluster" -l "$dir/log" -w -t 60 -o "$options $*" start >/dev/null 2>&1; do
                tries=$((tries + 1))
                grep -q 'shared memory block' "$dir/log" && [ $tries -lt 100 ] || break
                sleep 0.1
            done
            if "$bin/pg_ctl" -D "$dir/cluster" status >/dev/null 2>&1; then echo started; else echo failed; fi ;;
        stop)
            "$bin/pg_ctl" -D "$dir/cluster" -m "$arguments" -w stop >/dev/null 2>&1
            echo stopped ;;
        kill)
            postmaster=$(head -n 1 "$dir/cluster/postmaster.pid")
            all="$postmaster $(ps -o pid= --ppid "$postmaster" | tr '\n' ' ')"
            kill -9 $all
            # Gone, or at most not yet collected by whoever has become their parent.
            for pid in $all; do
                while grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$pid/status"; do sleep 0.02; done
            done
            rm -f "$dir/cluster/postmaster.pid"
            echo killed ;;
        freeze)
            # The postmaster first: it would start another for each that it misses.
            signal STOP
            echo frozen ;;
        thaw)
            signal CONT
            echo thawed ;;
        move)
            "$bin/pg_ctl" -D "$dir/cluster" -m fast -w stop >/dev/null 2>&1
            mv "$dir/cluster" "$arguments/cluster" && ln -s "$arguments/cluster" "$dir/cluster"
            echo moved ;;
        sql)
            database=${arguments%% *}
            PGPASSWORD=$CLUSTER_PASSWORD "$bin/psql" -qAt -h 127.0.0.1 -p "${last%% *}" -U "$CLUSTER_USER" -d "$database" \
                -c "${arguments#* }" 2>&1 | tr '\n' ' '
            echo ;;
        tls)
            {
                openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=test-ca
                openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout other.key -out other.crt -subj /CN=other-ca
                sign server localhost DNS:localhost
                sign client "$CLUSTER_USER" "DNS:$CLUSTER_USER"
            } > "$dir/tls.log" 2>&1 || cat "$dir/tls.log" >&2
            printf "ssl = on\nssl_ca_file = '%s'\nssl_cert_file = '%s'\nssl_key_file = '%s'\n" \
                "$dir/ca.crt" "$dir/server.crt" "$dir/server.key" >> "$dir/cluster/postgresql.conf"
            printf 'hostssl by_certificate all 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n' \
                > "$dir/cluster/pg_hba.conf"
            "$bin/pg_ctl" -D "$dir/cluster" reload >/dev/null 2>&1
            echo "$dir" ;;
        renew)
            sign server localhost DNS:localhost other > "$dir/tls.log" 2>&1 || cat "$dir/tls.log" >&2
            "$bin/pg_ctl" -D "$dir/cluster" reload >/dev/null 2>&1
            echo renewed ;;
    esac
done
"#;

/// A running cluster, or one that was told to stop.
pub(crate) struct Cluster {
    bin: PathBuf,
    port: u16,
    databases: AtomicU32,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    /// Reaped with the test process.
    _shell: Child,
}

/// The URL of a new, empty database on the cluster of this process.
pub(crate) fn database() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start).database()
}

impl Cluster {
    /// A cluster for one test, which may do with it what it wants.
    pub(crate) fn start() -> Self {
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
            .env("CLUSTER_USER", USER)
            .env("CLUSTER_PASSWORD", PASSWORD)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let talk = (shell.stdin.take().expect("piped"), BufReader::new(shell.stdout.take().expect("piped")));
        let mut cluster = Self { bin, port: 0, databases: AtomicU32::new(0), talk: Mutex::new(talk), _shell: shell };
        let started = |port: &u16| cluster.tell(&format!("start {port}")) == "started";
        cluster.port = free_ports().into_iter().find(started).expect("PostgreSQL starts; what it said is above");
        cluster
    }

    /// Has the shell do something, and waits until it has.
    pub(crate) fn tell(&self, words: &str) -> String {
        let mut talk = self.talk.lock().expect("no test fails while it talks");
        let (stdin, stdout) = &mut *talk;
        writeln!(stdin, "{words}").expect("the shell listens");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the shell says something");
        line.trim().to_owned()
    }

    /// The URL of a new, empty database.
    pub(crate) fn database(&self) -> String {
        self.create(&format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed)))
    }

    /// The URL of a new, empty database of this name.
    pub(crate) fn create(&self, name: &str) -> String {
        let made = Command::new(self.bin.join("createdb"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER, name])
            .env("PGPASSWORD", PASSWORD)
            .status()
            .expect("createdb starts");
        assert!(made.success(), "createdb {name} failed");
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }
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
fn free_ports() -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..5).filter_map(|_| TcpListener::bind("127.0.0.1:0").ok()).collect();
    listeners.iter().filter_map(|listener| Some(listener.local_addr().ok()?.port())).collect()
}

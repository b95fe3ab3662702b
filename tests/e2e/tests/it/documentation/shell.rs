//! One `bash` for a page, in namespaces of its own where the machine has them: what a page starts listens where it says,
//! sees no other page, and ends with it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

/// Longer than any block takes on a machine that is busy with other tests.
const STEP_TIMEOUT: Duration = Duration::from_secs(120);
/// Results that wait to be taken; there is one at a time.
const RESULTS_MAX: usize = 1;

/// Reads the files it is told on standard input, runs each up to the first command that fails, and says on standard output
/// how it ended: the status, and the line of what failed.
const DRIVER: &str = r#"
[ -z "$DOCS_ALONE" ] || { ip link set lo up && mount --bind "$DOCS_ALONE" /etc/hosts; } || exit 1
unset DOCS_ALONE
exec 3<&0 4>&1 </dev/null
set -o pipefail
trap 'docs_status=$?; [ "${#BASH_SOURCE[@]}" -lt 2 ] || { docs_failed=${docs_failed:-$LINENO}; return "$docs_status"; }' ERR

# eventually COMMAND…: until it succeeds, and what it said then.
eventually() {
    local tries said
    for ((tries = 0; tries < 200; tries++)); do
        if said=$("$@" 2>&1); then
            [ -z "$said" ] || printf '%s\n' "$said"
            return
        fi
        read -rt 0.2 <> <(:) || true
    done
    printf '%s\n' "$said"
    return 1
}

# stand_in LAUNCHER PROGRAM PACKAGE…: PROGRAM starts where LAUNCHER is to start one of these packages.
stand_in() {
    local file=${PATH%%:*}/$1 launcher=$1 program package
    program=$(command -v "$2") || return
    shift 2
    {
        printf '#!/bin/sh\nfor word; do\n    case $word in\n'
        for package; do printf "    %s | %s@* | %s==*) exec '%s' ;;\n" "$package" "$package" "$package" "$program"; done
        printf '    esac\ndone\nPATH=${PATH#*:} exec %s "$@"\n' "$launcher"
    } >"$file"
    chmod +x "$file"
}

while IFS= read -r -u 3 docs_step; do
    docs_failed=
    . "$docs_step" </dev/null >"$docs_step.out" 2>&1 3<&- 4>&-
    printf '%s %s\n' "$?" "$docs_failed" >&4
done
"#;

/// How a step ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    /// The line of the command that failed.
    pub(crate) failed: Option<usize>,
    pub(crate) said: String,
}

/// A page's shell; it ends with this value, and everything that was started in it.
pub(crate) struct Shell {
    folder: PathBuf,
    steps: usize,
    stdin: ChildStdin,
    results: Receiver<String>,
    child: Child,
}

/// How `unshare` gives a page its own network, mounts and processes: root stays what it is, who else may becomes root
/// within.
const WAYS: [&[&str]; 2] = [&[], &["--map-root-user"]];
const OWN: [&str; 6] = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// The first of these ways that this machine lets one go.
fn way() -> Option<&'static [&'static str]> {
    static WAY: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *WAY.get_or_init(|| {
        WAYS.into_iter().find(|way| {
            let mut trial = Command::new("unshare");
            trial.args(*way).args(OWN).args(["sh", "-c"]);
            trial.arg("ip link set lo up && mount --bind /etc/hosts /etc/hosts && test -d /proc/1");
            trial.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        })
    })
}

/// Whether pages do not see each other.
pub(crate) fn are_alone() -> bool {
    way().is_some()
}

fn bash() -> Command {
    let Some(way) = way() else { return Command::new("bash") };
    let mut command = Command::new("unshare");
    command.args(way).args(OWN).arg("bash");
    command
}

impl Shell {
    /// Starts it in `folder/work` with that environment; `folder/hosts` are the hosts it knows.
    pub(crate) fn start(folder: &Path, environment: &[(String, String)]) -> Self {
        let driver = folder.join("driver");
        fs::write(&driver, DRIVER).unwrap();
        let mut command = bash();
        let alone = if are_alone() { folder.join("hosts") } else { PathBuf::new() };
        command.args(["--noprofile", "--norc"]).arg(&driver).current_dir(folder.join("work")).env_clear();
        command.envs(environment.iter().map(|(key, value)| (key, value))).env("DOCS_ALONE", alone).process_group(0);
        let log = fs::File::create(folder.join("shell.log")).unwrap();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, results) = sync_channel(RESULTS_MAX);
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { folder: folder.to_owned(), steps: 0, stdin, results, child }
    }

    /// In namespaces of its own the first process takes everything with it, and `unshare` ends after the last; elsewhere its
    /// group is what can be ended.
    fn kill(&mut self) {
        let id = self.child.id();
        let first = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let victim = match first.split_whitespace().next().filter(|_| are_alone()) {
            Some(first) => first.to_owned(),
            None => format!("-{id}"),
        };
        Command::new("kill").args(["-KILL", "--", &victim]).stderr(Stdio::null()).status().ok();
        self.child.wait().ok();
    }

    /// Runs a script to its end; why there is no result otherwise.
    pub(crate) fn run(&mut self, script: &str) -> Result<Ended, String> {
        self.steps += 1;
        let step = self.folder.join(format!("step-{}", self.steps));
        fs::write(&step, format!("{script}\n")).unwrap();
        let told = writeln!(self.stdin, "{}", step.display());
        let said = || String::from_utf8_lossy(&fs::read(step.with_extension("out")).unwrap_or_default()).into_owned();
        let ended =
            told.map_err(|_| RecvTimeoutError::Disconnected).and_then(|()| self.results.recv_timeout(STEP_TIMEOUT));
        match ended {
            Ok(line) => {
                let mut words = line.split_whitespace();
                let status = words.next().and_then(|word| word.parse().ok()).expect("the driver says a status first");
                Ok(Ended { status, failed: words.next().and_then(|word| word.parse().ok()), said: said() })
            }
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                Err(format!("did not end within {} seconds; so far it said\n{}", STEP_TIMEOUT.as_secs(), said()))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let log = fs::read_to_string(self.folder.join("shell.log")).unwrap_or_default();
                Err(format!("ended the page's shell\n{}{log}", said()))
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if !are_alone() {
            self.run("mcpctl daemon stop --wait 3").ok();
        }
        self.kill();
    }
}

//! Background processes: starting them detached, telling them apart from later ones with the same id, ending them.
//!
//! It knows the operating system, not what the processes are for.

use crate::{
    failure::{During as _, Failure},
    home::record::ProcessRecord,
    pause::Deadline,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    env,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// How much of the end of a log is looked at, in bytes.
const LOG_TAIL_BYTES: u64 = 8 << 10;
/// Lines of a log shown in an error.
const LOG_TAIL_LINES: usize = 8;

/// A program of ours: in `MCPCTL_BIN_DIR`, else beside this very program, else in `PATH`.
pub(crate) fn find_program(name: &str) -> Result<PathBuf, Failure> {
    if let Some(dir) = env::var_os("MCPCTL_BIN_DIR").filter(|dir| !dir.is_empty()) {
        let path = Path::new(&dir).join(name);
        if path.is_file() {
            return Ok(path);
        }
        return Err(Failure::failed(format!(
            "there is no `{name}` in MCPCTL_BIN_DIR (`{}`)",
            Path::new(&dir).display()
        ))
        .hint("unset MCPCTL_BIN_DIR, or let it name the folder with mcpd and mcp-gateway"));
    }
    let beside = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(name)));
    beside.filter(|path| path.is_file()).or_else(|| in_path(name)).ok_or_else(|| {
        Failure::failed(format!("the program `{name}` is neither beside mcpctl nor in PATH"))
            .hint("install it beside mcpctl, or name its folder in MCPCTL_BIN_DIR")
    })
}

/// The first executable file called `name` in `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(runs)
}

/// Starts `command` in its own process group, without a terminal, its output going to `log`.
pub(crate) fn spawn_detached(command: &mut Command, log: File) -> Result<Child, Failure> {
    let program = command.get_program().to_owned();
    let errors = log.try_clone().during(|| "cannot share the log".to_owned())?;
    command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .during(|| format!("cannot start `{}`", program.display()))
}

/// The record of a process that was just started.
pub(crate) fn record_of(child: &Child) -> ProcessRecord {
    ProcessRecord { pid: child.id(), started: started(child.id()).unwrap_or_default() }
}

/// Whether that very process still runs. One that has ended but was not collected by its parent does not.
pub(crate) fn is_running(record: &ProcessRecord) -> bool {
    started(record.pid).is_some_and(|now| now == record.started)
}

/// Ends a process: politely, then after `wait_secs` without asking, together with its group. Whether it still ran.
pub(crate) async fn stop(record: &ProcessRecord, wait_secs: u64) -> Result<bool, Failure> {
    let Some(pid) = i32::try_from(record.pid).ok().and_then(Pid::from_raw).filter(|_| is_running(record)) else {
        return Ok(false);
    };
    kill_process(pid, Signal::TERM).map_err(|error| refused(record.pid, error))?;
    let deadline = Deadline::after_secs(wait_secs);
    while is_running(record) {
        if !deadline.step().await {
            kill_process_group(pid, Signal::KILL).map_err(|error| refused(record.pid, error))?;
            break;
        }
    }
    let gone = Deadline::after_secs(5);
    while is_running(record) {
        if !gone.step().await {
            return Err(Failure::failed(format!("process {} does not end, not even when killed", record.pid)));
        }
    }
    Ok(true)
}

fn refused(pid: u32, error: rustix::io::Errno) -> Failure {
    Failure::failed(format!("cannot end process {pid}: {error}")).hint("it may belong to another user")
}

/// When process `pid` started; none when there is none. On Linux: boot and clock tick. Elsewhere: what `ps` says.
fn started(pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        return started_of_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?);
    }
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    let (state, start) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

/// Field 22 of proc_pid_stat(5), counted after the name in parentheses, together with this boot's id.
fn started_of_stat(stat: &str) -> Option<String> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let tick = fields.nth(18)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    (!matches!(state, "Z" | "X")).then(|| format!("{}:{tick}", boot.trim()))
}

/// The last lines of a log, from byte `from` on.
pub(crate) fn log_tail(path: &Path, from: u64) -> Vec<String> {
    let Ok(mut file) = File::open(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut bytes = Vec::new();
    let start = from.max(length.saturating_sub(LOG_TAIL_BYTES));
    if file.seek(SeekFrom::Start(start)).and_then(|_| file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(LOG_TAIL_LINES)).map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stat: &str, running: bool) {
        assert_eq!(started_of_stat(stat).is_some(), running, "{stat}");
    }

    const REST: &str = "1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0";

    #[test]
    fn the_start_is_found_behind_any_name_and_a_dead_process_does_not_run() {
        check(&format!("5 (cat) S {REST}"), true);
        check(&format!("5 (a) Z (b) S {REST}"), true);
        check(&format!("5 (cat) Z {REST}"), false);
        check("5 (cat", false);
        assert!(started_of_stat(&format!("5 (cat) S {REST}")).unwrap().ends_with(":777"));
    }

    #[tokio::test]
    async fn another_process_with_the_same_id_is_never_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let record = record_of(&child);
        let earlier = ProcessRecord { started: "earlier".to_owned(), ..record.clone() };
        assert!(!stop(&earlier, 1).await.unwrap());
        assert!(is_running(&record));
        assert!(stop(&record, 5).await.unwrap());
        assert!(!is_running(&record));
        child.wait().unwrap();
    }

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        fs::write(file.path(), text).unwrap();
        let tail = log_tail(file.path(), 0);
        assert_eq!((tail.len(), tail[7].as_str()), (8, "line 99"));
        assert!(log_tail(file.path(), 1 << 20).is_empty());
    }
}

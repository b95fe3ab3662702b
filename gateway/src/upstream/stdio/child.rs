//! One child process and everything it started: how it is ended, and what is said about its end.

use crate::confine::{spawner, tree};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{io, process::ExitStatus, time::Duration};
use tokio::{
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Time a child has to leave after its stdin was closed, and again after SIGTERM, in milliseconds.
const LEAVE_TIMEOUT_MS: u64 = 2_000;

/// A running child. Dropping it kills it with all it started at once; [`Child::stop`] is the decent way.
pub(crate) struct Child {
    process: tokio::process::Child,
    group: Group,
}

/// The ends of a child's pipes.
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// A process group; killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // Fails only when nobody is left, which is what is wanted.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_below();
    }
}

impl Child {
    /// Starts `command`.
    pub(crate) fn spawn(command: Command) -> io::Result<(Self, Pipes)> {
        let mut process = spawner::spawn(command)?;
        let pid = process.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let child = Self { process, group: Group(pid) };
        match pipes {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((child, Pipes { stdin, stdout, stderr })),
            _ => Err(io::Error::other("a pipe to the child is missing")),
        }
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits for the child's end. Cancel-safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Ends the child, whose stdin has been closed: waits, asks with SIGTERM, kills (2026-07-28 stdio, shutdown). What is
    /// left of its group is killed in any case.
    pub(super) async fn stop(mut self) -> Option<ExitStatus> {
        let leave = Duration::from_millis(LEAVE_TIMEOUT_MS);
        if let Ok(status) = timeout(leave, self.process.wait()).await {
            return status.ok();
        }
        self.group.signal(Signal::TERM);
        if let Ok(status) = timeout(leave, self.process.wait()).await {
            return status.ok();
        }
        self.kill_below();
        self.group.signal(Signal::KILL);
        self.process.wait().await.ok()
    }

    /// Kills what left the group. Nothing is done once the child itself is gone: then its number may be another's.
    fn kill_below(&self) {
        if let Some(pid) = self.process.id() {
            tree::kill_below(pid);
        }
    }
}

/// How a child ended, in words.
pub(super) fn ending(status: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("it exited with status {code}"),
            (None, Some(signal)) => format!("it was killed by signal {signal}"),
            (None, None) => "it ended".to_owned(),
        },
        None => "how it ended is not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::process::ExitStatusExt as _, process::Stdio};
    use tokio::io::AsyncReadExt as _;

    fn shell(script: &str) -> (Child, Pipes) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        Child::spawn(command).unwrap()
    }

    /// Starts `script`, waits for its first output, then stops it.
    async fn check(script: &str) -> String {
        let (child, mut pipes) = shell(script);
        pipes.stdout.read_u8().await.unwrap();
        drop(pipes.stdin);
        ending(child.stop().await)
    }

    #[tokio::test]
    async fn a_decent_child_leaves_when_its_input_ends() {
        assert_eq!(check("echo; cat; exit 7").await, "it exited with status 7");
    }

    #[tokio::test]
    async fn a_deaf_child_is_asked_and_a_stubborn_one_killed() {
        assert_eq!(check("echo; exec sleep 600").await, "it was killed by signal 15");
        assert_eq!(check("trap '' TERM; echo; while :; do sleep 1; done").await, "it was killed by signal 9");
    }

    #[tokio::test]
    async fn grandchildren_go_with_their_parent() {
        let (child, mut pipes) = shell("sleep 600 & echo $!; exit 0");
        let mut pid = String::new();
        drop(pipes.stdin);
        child.stop().await;
        // Ends only when the grandchild, which holds the pipe, is gone.
        pipes.stdout.read_to_string(&mut pid).await.unwrap();
        assert!(pid.trim().parse::<u32>().is_ok());
    }

    #[test]
    fn an_end_is_told_in_words() {
        assert_eq!(ending(Some(ExitStatus::from_raw(256))), "it exited with status 1");
        assert_eq!(ending(None), "how it ended is not known");
    }
}

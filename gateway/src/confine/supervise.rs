//! Watching over one command: its end is told, dead orphans are cleared away, and signals to the watcher are passed on.

use nix::{
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getppid},
};

/// Signals that are passed on to the command.
const PASSED_ON: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

/// Signals held back until [`Watch::over`] looks at them, from this process and from whatever it starts later on.
pub(super) struct Watch(SigSet);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The command exited.
    Exited(i32),
    /// The command was killed.
    Killed(Signal),
    /// Whoever started the watcher is gone.
    Orphaned,
}

impl Watch {
    /// To be called once the command is started.
    pub(super) fn begin() -> nix::Result<Self> {
        let mut signals: SigSet = PASSED_ON.into_iter().collect();
        signals.add(Signal::SIGCHLD);
        signals.thread_block()?;
        Ok(Self(signals))
    }

    /// Waits for the end of `command`, a child of this process, or of the process `parent`; the latter is told by a signal.
    pub(super) fn over(&self, command: u32, parent: Option<u32>) -> nix::Result<Ending> {
        let command = Pid::from_raw(i32::try_from(command).unwrap_or(i32::MAX));
        // What happened before signals were held back told nobody.
        if let Some(ending) = reap(command) {
            return Ok(ending);
        }
        if parent.is_some_and(|parent| !is_child_of(parent)) {
            return Ok(Ending::Orphaned);
        }
        loop {
            match self.0.wait()? {
                Signal::SIGCHLD => {
                    if let Some(ending) = reap(command) {
                        return Ok(ending);
                    }
                }
                _ if parent.is_some_and(|parent| !is_child_of(parent)) => return Ok(Ending::Orphaned),
                signal => {
                    // Fails only when it is gone, which the next signal tells.
                    let _ = kill(command, signal);
                }
            }
        }
    }

    /// Lets signals have their usual effect again.
    pub(super) fn end(&self) {
        let _ = self.0.thread_unblock();
    }
}

/// Whether `parent` is still there to be the parent of this process.
fn is_child_of(parent: u32) -> bool {
    u32::try_from(getppid().as_raw()).is_ok_and(|found| found == parent)
}

/// Clears all dead children away; how `command` ended, if it is among them.
fn reap(command: Pid) -> Option<Ending> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == command => return Some(Ending::Exited(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => return Some(Ending::Killed(signal)),
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

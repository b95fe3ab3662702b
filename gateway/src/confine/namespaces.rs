//! A PID namespace: a world of processes of its own. When its first process ends the kernel ends all others in it, and
//! none of them sees, signals or reads a process outside.
//!
//! Permitted to root, and to everybody where the system permits user namespaces. User and groups stay what they are.

use super::{Step as _, Trouble};
use nix::sched::{CloneFlags, unshare};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    process::{getegid, geteuid},
    system::uname,
    thread::{
        CapabilitySet, capabilities, clear_ambient_capability_set, configure_capability_in_ambient_set,
        set_capabilities,
    },
};
use std::fs;

/// The first kernel that counts processes per user namespace (`RLIMIT_NPROC`).
const COUNTS_BY_NAMESPACE: (u32, u32) = (5, 14);
/// The first kernel that has a greatest process id per PID namespace.
const PID_MAX_BY_NAMESPACE: (u32, u32) = (6, 14);
/// The least greatest process id the kernel takes.
const PID_MAX_MIN: u32 = 301;

/// Whether processes of the namespace are counted apart from all others of the user.
pub(super) struct Entered {
    /// See above.
    pub(super) counts_apart: bool,
}

/// Enters namespaces. The next process that is started is the first in there.
pub(super) fn enter() -> Result<Entered, Trouble> {
    let (user, group) = (geteuid(), getegid());
    let wanted = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
    if user.is_root() && unshare(wanted).is_ok() {
        return Ok(Entered { counts_apart: false });
    }
    unshare(CloneFlags::CLONE_NEWUSER | wanted).step("a PID namespace")?;
    fs::write("/proc/self/setgroups", "deny").step("a user namespace")?;
    fs::write("/proc/self/uid_map", format!("{0} {0} 1", user.as_raw())).step("a user namespace")?;
    fs::write("/proc/self/gid_map", format!("{0} {0} 1", group.as_raw())).step("a user namespace")?;
    // What the inner stage needs to have a /proc of its own; it gives it away before it starts the command.
    let needed = CapabilitySet::SYS_ADMIN;
    let mut sets = capabilities(None).step("capabilities")?;
    sets.inheritable |= needed;
    set_capabilities(None, sets).step("capabilities")?;
    configure_capability_in_ambient_set(needed, true).step("capabilities")?;
    Ok(Entered { counts_apart: kernel() >= COUNTS_BY_NAMESPACE })
}

/// Makes the namespace a place to live in: called by its first process.
pub(super) fn settle(processes_max: u32) -> Result<(), Trouble> {
    // What is mounted outside later on appears here as well, and nothing of the way back.
    let downstream = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change("/", downstream).step("a mount namespace")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).step("a /proc of its own")?;
    if kernel() >= PID_MAX_BY_NAMESPACE {
        // Holds for root too, whom `RLIMIT_NPROC` does not bind. Before that kernel it would be the whole machine's.
        let max = processes_max.max(PID_MAX_MIN);
        fs::write("/proc/sys/kernel/pid_max", max.to_string()).step("a bound of processes")?;
    }
    if !geteuid().is_root() {
        clear_ambient_capability_set().step("capabilities")?;
        let none = CapabilitySet::empty();
        let sets = rustix::thread::CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, sets).step("capabilities")?;
    }
    Ok(())
}

/// The version of the running kernel.
fn kernel() -> (u32, u32) {
    version(&uname().release().to_string_lossy())
}

fn version(release: &str) -> (u32, u32) {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_whatever_follows() {
        assert_eq!(version("6.18.44-fc-v669"), (6, 18));
        assert_eq!(version("5.4"), (5, 4));
        assert!(version("6.9.1") < PID_MAX_BY_NAMESPACE && version("odd") < COUNTS_BY_NAMESPACE);
    }
}

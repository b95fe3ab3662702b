//! System calls a server has no use for (seccomp): they reach into other processes, into the kernel, or around the files.
//! A call that is taken away fails as one that is not permitted.

use super::{Step as _, Trouble};
use control_plane_api::sandbox::SandboxLevel;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// Taken away from everybody.
const DENIED: [i64; 44] = [
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // What is mounted where.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_syslog,
    // Keys of the user's session.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // The machine's clock and name.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
];
/// Taken away from the strictly confined as well: a world of their own, in which they would be root.
const DENIED_STRICTLY: [i64; 3] = [libc::SYS_unshare, libc::SYS_setns, libc::SYS_chroot];

/// What `clone` may not be asked for by the strictly confined.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// On x86-64 the kernel may take every call under a second number (the x32 ABI).
#[cfg(target_arch = "x86_64")]
const OTHER_NUMBERS: [i64; 2] = [0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const OTHER_NUMBERS: [i64; 1] = [0];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Takes the calls away from this process and everything it starts.
pub(super) fn apply(level: SandboxLevel) -> Result<(), Trouble> {
    if level == SandboxLevel::Strict {
        // Its flags are out of sight, in memory. Libraries take this answer as that of an old kernel, and use `clone`.
        let unknown = always(&[libc::SYS_clone3]);
        install(unknown, libc::ENOSYS).step("taking system calls away")?;
    }
    let rules = denied(level).step("taking system calls away")?;
    install(rules, libc::EPERM).step("taking system calls away")
}

fn denied(level: SandboxLevel) -> Result<Rules, seccompiler::BackendError> {
    let mut rules = always(&DENIED);
    if level == SandboxLevel::Strict {
        rules.extend(always(&DENIED_STRICTLY));
        for other in OTHER_NUMBERS {
            let asked = NAMESPACES.into_iter().map(asks_for).collect::<Result<_, _>>()?;
            rules.insert(libc::SYS_clone + other, asked);
        }
    }
    Ok(rules)
}

/// `calls`, whatever their arguments.
fn always(calls: &[i64]) -> Rules {
    let numbers = calls.iter().flat_map(|call| OTHER_NUMBERS.map(|other| *call + other));
    numbers.map(|number| (number, Vec::new())).collect()
}

/// A `clone` with that `flag`.
fn asks_for(flag: libc::c_int) -> Result<SeccompRule, seccompiler::BackendError> {
    let flag = u64::from(flag.unsigned_abs());
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(flag), flag)?;
    SeccompRule::new(vec![condition])
}

fn install(rules: Rules, errno: libc::c_int) -> Result<(), seccompiler::Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(level: SandboxLevel, call: i64) -> bool {
        let rules = denied(level).unwrap();
        OTHER_NUMBERS.iter().all(|other| rules.contains_key(&(call + other)))
    }

    #[test]
    fn everybody_loses_the_kernel_and_only_the_strict_new_worlds() {
        for level in [SandboxLevel::Basic, SandboxLevel::Strict] {
            assert!(DENIED.into_iter().all(|call| check(level, call)));
        }
        for call in [libc::SYS_unshare, libc::SYS_setns, libc::SYS_clone] {
            assert!(check(SandboxLevel::Strict, call) && !check(SandboxLevel::Basic, call));
        }
    }

    #[test]
    fn what_programs_live_on_is_left() {
        for call in [libc::SYS_execve, libc::SYS_openat, libc::SYS_socket, libc::SYS_futex, libc::SYS_wait4] {
            assert!(!check(SandboxLevel::Strict, call));
        }
    }
}

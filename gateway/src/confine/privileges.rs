//! What a process may become, and who may look into it.

use super::{Step as _, Trouble};
use rustix::{
    process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal},
    thread::{CapabilitySet, remove_capability_from_bounding_set, set_no_new_privs},
};

/// Has the kernel send `signal` to this process once the thread that started it has ended.
pub(super) fn follow(signal: Signal) -> Result<(), Trouble> {
    set_parent_process_death_signal(Some(signal)).step("following the gateway")
}

/// No program started from here on gains anything by being set-user-id (PR_SET_NO_NEW_PRIVS).
pub(super) fn no_new() -> Result<(), Trouble> {
    set_no_new_privs(true).step("no new privileges")
}

/// Neither the server nor another process of the user can trace this process or read its environment.
pub(super) fn conceal() -> Result<(), Trouble> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step("keeping others out")
}

/// Takes the powers of root from every program that is started from here on. Without effect for other users, who have none.
pub(super) fn none() -> Result<(), Trouble> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // One that this kernel does not have.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(error).step("dropping capabilities"),
        }
    }
    Ok(())
}

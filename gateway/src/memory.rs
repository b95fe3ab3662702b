//! The memory of this process is nobody else's: no core dump of it is written, and other processes of the same user cannot
//! read it.

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// Keeps the memory of this process to itself, for the rest of its life. Children begin anew.
///
/// # Errors
/// What the system said.
pub fn keep_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

//! How much a process may use: limits of the system, which hold for everything it starts as well.

use super::plan::Plan;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Takes the limits of `plan` on. They can never be raised again.
pub(super) fn apply(plan: &Plan) -> io::Result<()> {
    let limits = &plan.limits;
    // What a process holds in memory is not to lie on the disk when it crashes.
    bound(Resource::Core, 0)?;
    bound(Resource::Nofile, limits.open_files_max.into())?;
    bound(Resource::Data, limits.memory_bytes_max)?;
    bound(Resource::Fsize, limits.file_bytes_max)?;
    bound(Resource::Nproc, u64::from(plan.present) + u64::from(limits.processes_max))
}

fn bound(resource: Resource, max: u64) -> io::Result<()> {
    let max = getrlimit(resource).maximum.map_or(max, |in_force| in_force.min(max));
    Ok(setrlimit(resource, Rlimit { current: Some(max), maximum: Some(max) })?)
}

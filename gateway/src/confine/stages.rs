//! The order in which things are taken away, and why.

use super::{
    Asked, Step as _, Trouble, descriptors,
    plan::Stage,
    quotas,
    supervise::{Ending, Watch},
    tree,
};
use nix::sys::signal::{Signal, raise};
use std::{
    ffi::OsString,
    fs::File,
    process::{Command, ExitCode},
};

/// The status with which a shell tells that a program cannot be started.
const NOT_STARTED: u8 = 127;
/// Added to the number of the signal that killed a program, as shells do.
const KILLED: i32 = 128;
/// Signals by which programs are killed; others this process does not send itself.
const DEADLY: [Signal; 9] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGKILL,
    Signal::SIGSEGV,
    Signal::SIGTERM,
    Signal::SIGSYS,
    Signal::SIGXFSZ,
];

/// Confines this process as `asked`, and runs the command.
pub(super) fn run(asked: &Asked) -> Result<ExitCode, Trouble> {
    match asked.plan.stage {
        Stage::Outer => outer(asked),
        Stage::Inner => inner(asked),
    }
}

#[cfg(target_os = "linux")]
fn outer(asked: &Asked) -> Result<ExitCode, Trouble> {
    use super::{namespaces, plan::Plan, privileges};
    let plan = &asked.plan;
    begin()?;
    privileges::no_new()?;
    if !plan.namespace {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).step("adopting orphans")?;
        let plan = Plan { present: tree::of_this_user(), ..plan.clone() };
        return confined(&plan, &asked.command, Some(plan.parent));
    }
    let present = tree::of_this_user();
    let entered = namespaces::enter()?;
    privileges::conceal()?;
    let present = if entered.counts_apart { 0 } else { present };
    let plan = Plan { stage: Stage::Inner, present, ..plan.clone() };
    let arguments = plan.arguments(asked.command.iter().cloned());
    supervised("/proc/self/exe".into(), &arguments, Some(plan.parent))
}

#[cfg(target_os = "linux")]
fn inner(asked: &Asked) -> Result<ExitCode, Trouble> {
    use super::{namespaces, privileges};
    // The whole namespace goes with this process.
    privileges::follow(rustix::process::Signal::KILL)?;
    // Needs the privileges that are taken away next.
    namespaces::settle(asked.plan.limits.processes_max)?;
    confined(&asked.plan, &asked.command, None)
}

/// Takes away what the command is not to have, and runs it.
#[cfg(target_os = "linux")]
fn confined(plan: &super::plan::Plan, command: &[OsString], parent: Option<u32>) -> Result<ExitCode, Trouble> {
    use super::{files, privileges, syscalls};
    use control_plane_api::sandbox::SandboxLevel;
    privileges::conceal()?;
    quotas::apply(plan).step("limits")?;
    if plan.level == SandboxLevel::Strict {
        files::apply(plan)?;
        privileges::none()?;
    }
    // Last: the steps before it make calls of these kinds.
    syscalls::apply(plan.level)?;
    match command.split_first() {
        Some((program, args)) => supervised(program.clone(), args, parent),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What every Unix can do.
#[cfg(not(target_os = "linux"))]
fn outer(asked: &Asked) -> Result<ExitCode, Trouble> {
    begin()?;
    quotas::apply(&asked.plan).step("limits")?;
    match asked.command.split_first() {
        Some((program, args)) => supervised(program.clone(), args, Some(asked.plan.parent)),
        None => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(not(target_os = "linux"))]
fn inner(_asked: &Asked) -> Result<ExitCode, Trouble> {
    Err(Trouble { step: "a PID namespace", reason: "this system has none".to_owned() })
}

/// What whoever started the gateway left behind is not for the server; what the server writes is for its user alone.
fn begin() -> Result<(), Trouble> {
    descriptors::close_inherited().step("closing descriptors")?;
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    Ok(())
}

/// Runs `program` and ends as it ends.
fn supervised(program: OsString, args: &[OsString], parent: Option<u32>) -> Result<ExitCode, Trouble> {
    let child = match Command::new(&program).args(args).spawn() {
        Ok(child) => child,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "`{}` cannot be started: {error}", program.to_string_lossy());
            return Ok(ExitCode::from(NOT_STARTED));
        }
    };
    // Only now: what is held back here would be held back there.
    let watch = Watch::begin().step("waiting for signals")?;
    if parent.is_some() {
        // A signal that is waited for, because what is below has to be ended as well. Whether it came too late for a parent
        // that is gone already is looked at before the first wait.
        #[cfg(target_os = "linux")]
        super::privileges::follow(rustix::process::Signal::TERM)?;
    }
    // The pipes are the command's: while this process held them nobody would notice that it closed them.
    let nowhere = File::options().read(true).write(true).open("/dev/null").step("letting go of the pipes")?;
    rustix::stdio::dup2_stdin(&nowhere).step("letting go of the pipes")?;
    rustix::stdio::dup2_stdout(&nowhere).step("letting go of the pipes")?;
    let ending = watch.over(child.id(), parent).step("waiting for the command")?;
    // With a namespace there is nothing left by now.
    tree::kill_below(std::process::id());
    watch.end();
    Ok(as_it_ended(ending, parent.is_some()))
}

/// Ends this process in the same way. The first process of a namespace cannot kill itself: it tells the outer one by its
/// status, as shells do.
fn as_it_ended(ending: Ending, is_outer: bool) -> ExitCode {
    let status = match ending {
        Ending::Exited(status) => status,
        Ending::Killed(signal) => KILLED + signal as i32,
        Ending::Orphaned => 0,
    };
    if let Some(signal) = DEADLY.into_iter().find(|signal| is_outer && KILLED + *signal as i32 == status) {
        // Does not come back.
        let _ = raise(signal);
    }
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}

//! How the process of a server is confined: `mcp-gateway confine`, which the gateway starts in place of a server's command,
//! takes away from itself what the server is not to have, and then starts the command.
//!
//! A program of its own, because what is taken away cannot be given back, and because between the fork and the start of
//! another program nothing may be done without `unsafe`. It starts in two stages where the system permits a PID namespace:
//! the outer one enters it and stays outside to watch over it; the inner one is the first process in it, so that the kernel
//! ends whatever is in there with it. Where that is not permitted the outer stage adopts every orphan below it and ends
//! those itself. Both end with the gateway, however that ends.
//!
//! Neither carries anything of the gateway: their environment is the server's. Deliberately unknown here: MCP.

mod confiner;
mod descriptors;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod namespaces;
mod plan;
#[cfg(target_os = "linux")]
mod privileges;
mod quotas;
pub(crate) mod spawner;
mod stages;
mod supervise;
#[cfg(target_os = "linux")]
mod syscalls;
pub(crate) mod tree;

pub(crate) use confiner::Confined;
pub use confiner::Confiner;
pub use plan::Asked;

use std::{io::Write as _, process::ExitCode};

/// The first argument of a process that is to confine itself.
const CONFINE: &str = "confine";
/// The status with which it ends when it cannot be confined as it was told.
const UNCONFINED: u8 = 125;

/// Confines this process and runs the command it was given; what that ended with. To be called before anything else: this
/// process must have one thread.
#[must_use]
pub fn run(asked: Asked) -> ExitCode {
    match stages::run(&asked) {
        Ok(code) => code,
        Err(reason) => {
            // Read by the gateway, as the last words of the server.
            let _ = writeln!(std::io::stderr(), "the process cannot be confined: {reason}");
            ExitCode::from(UNCONFINED)
        }
    }
}

/// A step of confinement that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {reason}")]
struct Trouble {
    step: &'static str,
    reason: String,
}

/// Names the step that an error comes from.
trait Step<T> {
    fn step(self, step: &'static str) -> Result<T, Trouble>;
}

impl<T, E: std::fmt::Display> Step<T> for Result<T, E> {
    fn step(self, step: &'static str) -> Result<T, Trouble> {
        self.map_err(|error| Trouble { step, reason: error.to_string() })
    }
}

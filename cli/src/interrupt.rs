//! Ctrl-C: the process ends with 130, the terminal as it was found, and no file half-written.
//!
//! A thread waits for it, because the one that runs the command may itself wait for a line from the keyboard.

use crate::failure::Status;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::{
    io::{self, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};
use tokio::signal::unix::{SignalKind, signal};

/// Held while a file is put in its place.
static WRITING: Mutex<()> = Mutex::new(());

/// Keeps the process from being ended by Ctrl-C until it is dropped.
pub(crate) fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for Ctrl-C from now on.
pub(crate) fn watch() -> Option<thread::JoinHandle<()>> {
    let terminal = tcgetattr(io::stdin()).ok();
    let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
    let watching = thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(mut interrupts) = signal(SignalKind::interrupt()) else { return };
            // Nobody listens where the command is through already.
            let _ = ready.send(());
            interrupts.recv().await;
            end(terminal.as_ref());
        });
    });
    // Before that Ctrl-C ends the process as it ends any other.
    let _ = is_ready.recv();
    watching.ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread that runs the command waits for the keyboard and cannot be told"
)]
fn end(terminal: Option<&Termios>) {
    let _held = hold();
    if let Some(terminal) = terminal {
        // A hidden prompt switched the echo off.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, terminal);
    }
    let _ = writeln!(io::stderr());
    std::process::exit(i32::from(Status::Interrupted.exit_code()));
}

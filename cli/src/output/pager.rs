//! Showing what is longer than the screen with a program that can turn pages.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    process::{Command, Stdio},
};

/// Whether `text` is longer than the terminal that stdout is; never where it is none.
pub(super) fn is_needed(text: &str) -> bool {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return false;
    }
    let rows = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_row));
    rows > 0 && text.lines().count() >= rows
}

/// Shows `text` with `program`, a command line as in $PAGER, until the person has seen enough.
pub(super) fn show(program: &str, text: &str) -> io::Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", program]).stdin(Stdio::piped());
    if env::var_os("LESS").is_none() {
        // Colours as they are, no page where one screen is enough, nothing cleared at the end.
        command.env("LESS", "FRX");
    }
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who has seen enough closes it early.
        let _ = stdin.write_all(text.as_bytes());
    }
    match child.wait()?.code() {
        Some(126 | 127) => Err(io::Error::other("there is no such program")),
        _ => Ok(()),
    }
}

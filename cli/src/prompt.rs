//! Asking the person at the keyboard: values, hidden values, and whether to go on.
//!
//! Never called when nobody is there to answer; whoever calls it has checked [`is_possible`].

use crate::{
    failure::{Failure, Status},
    output::Output,
};
use control_plane_api::secret::Secret;
use std::io::{self, IsTerminal as _, Read as _};
use zeroize::Zeroizing;

/// Largest secret read from stdin or a file, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Whether somebody can be asked.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a value; what is typed is seen.
pub(crate) fn ask(output: Output, question: &str) -> Result<String, Failure> {
    output.ask(question);
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) => Err(cancelled()),
        Ok(_) => Ok(line.trim().to_owned()),
        Err(error) => Err(Failure::failed(format!("cannot read the answer: {error}"))),
    }
}

/// Asks for a secret; what is typed is not seen.
pub(crate) fn ask_hidden(output: Output, question: &str) -> Result<Secret, Failure> {
    output.ask(question);
    rpassword::read_password().map(|line| Secret::new(line.trim().to_owned())).map_err(|error| broken_off(&error))
}

/// Asks for a password; what is typed is not seen, and nothing of it is taken away.
pub(crate) fn ask_password(output: Output, question: &str) -> Result<String, Failure> {
    output.ask(question);
    rpassword::read_password().map_err(|error| broken_off(&error))
}

/// Asks for a passphrase, at the terminal itself; what is typed is not seen.
pub(crate) fn ask_passphrase(question: &str) -> Result<Secret, Failure> {
    rpassword::prompt_password(question)
        .map(|line| Secret::new(line.trim().to_owned()))
        .map_err(|error| broken_off(&error))
}

/// Asks whether to go on; no answer means yes.
pub(crate) fn confirm(output: Output, question: &str) -> Result<(), Failure> {
    match ask(output, &format!("{question} [Y/n] "))?.to_ascii_lowercase().as_str() {
        "" | "y" | "yes" => Ok(()),
        _ => Err(cancelled()),
    }
}

/// Asks before something is destroyed; no answer means no. Where nobody can be asked, `yes` must have been given.
pub(crate) fn confirm_destruction(output: Output, yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !is_possible() {
        return Err(Failure::usage(format!("{what} needs a confirmation")).hint("add `--yes`"));
    }
    match ask(output, &format!("{what}? [y/N] "))?.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(cancelled()),
    }
}

/// All of stdin as one secret, without the line end.
pub(crate) fn read_stdin() -> Result<Secret, Failure> {
    let mut text = Zeroizing::new(String::new());
    io::stdin()
        .take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the secret from stdin: {error}")))?;
    let secret = Secret::new(text.trim().to_owned());
    if secret.expose().is_empty() {
        return Err(Failure::usage("stdin holds no secret").hint("pipe it in: `mcpctl … < token.txt`"));
    }
    Ok(secret)
}

/// The lines of stdin, each a password.
pub(crate) fn read_lines() -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    io::stdin()
        .take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the password from stdin: {error}")))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The first line of stdin, a password: spaces are part of it.
pub(crate) fn read_password() -> Result<String, Failure> {
    let first = read_lines()?.into_iter().next().filter(|line| !line.is_empty());
    first.ok_or_else(|| {
        Failure::usage("stdin holds no password").hint("pipe it in: `… --password-stdin < password.txt`")
    })
}

/// Ctrl-C is no answer, and ends as it ends everywhere; the rest means no.
fn broken_off(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::Interrupted => Failure::new(Status::Interrupted, "interrupted; nothing was changed"),
        _ => cancelled(),
    }
}

fn cancelled() -> Failure {
    Failure::new(Status::Failed, "cancelled; nothing was changed")
}

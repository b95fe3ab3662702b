//! The one error type of the CLI: what failed, why, what to do next, and with which exit code.
//!
//! Printed by [`crate::output`] as `error: …` and `hint: …`; `main` turns the status into the exit code. It does not
//! know how it is printed.

use std::{fmt, io};

/// How a command that did not succeed ended: one exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It did not work.
    Failed,
    /// The command line, or a file it names, is wrong.
    Usage,
    /// No token, or the token is refused.
    Unauthenticated,
    /// No such object.
    NotFound,
    /// Something is not running or not ready in time.
    Unhealthy,
    /// The token is known but not allowed to do this.
    Denied,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// Nothing failed: there is nothing more to do, or nobody is left to show it to.
    Ended,
}

/// One line of [`EXIT_CODES`].
pub(crate) struct ExitCode {
    /// What the process ends with.
    pub code: u8,
    /// The word in JSON errors.
    pub word: &'static str,
    /// What it means, for people.
    pub meaning: &'static str,
    status: Status,
}

const fn exit(code: u8, word: &'static str, meaning: &'static str, status: Status) -> ExitCode {
    ExitCode { code, word, meaning, status }
}

/// Every exit code there is. The process, JSON errors and the help read it here.
pub(crate) static EXIT_CODES: [ExitCode; 8] = [
    exit(0, "ok", "done, or nothing to do", Status::Ended),
    exit(1, "failed", "it did not work; the message says why", Status::Failed),
    exit(2, "usage", "the command line, or a file it names, is wrong", Status::Usage),
    exit(4, "unauthenticated", "there is no token, or it is refused", Status::Unauthenticated),
    exit(5, "not_found", "no object of that name", Status::NotFound),
    exit(6, "unhealthy", "something does not run, or did not answer in time", Status::Unhealthy),
    exit(7, "denied", "the token is known, but not allowed to do this", Status::Denied),
    exit(130, "interrupted", "Ctrl-C; nothing is left half-written", Status::Interrupted),
];

impl Status {
    fn row(self) -> &'static ExitCode {
        EXIT_CODES.iter().find(|row| row.status == self).unwrap_or(&EXIT_CODES[1])
    }

    /// The process's exit code.
    pub(crate) fn exit_code(self) -> u8 {
        self.row().code
    }

    /// The word in JSON errors.
    pub(crate) fn word(self) -> &'static str {
        self.row().word
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Decides the exit code.
    pub status: Status,
    /// What failed and why: one sentence, lower case, no period.
    pub message: String,
    /// Further lines: violations, the end of a log.
    pub details: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// The request that failed, as the control plane's log calls it.
    pub request_id: Option<String>,
    /// Whether that request was answered.
    pub answered: bool,
}

impl Failure {
    /// A failure of `status`.
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: Vec::new(), hint: None, request_id: None, answered: false }
    }

    /// It did not work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Status::Failed, message)
    }

    /// The command line, or a file it names, is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// Something is not running or not ready in time.
    pub(crate) fn unhealthy(message: impl Into<String>) -> Self {
        Self::new(Status::Unhealthy, message)
    }

    /// No such object.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Status::NotFound, message)
    }

    /// Nothing failed, and nothing more is to be done.
    pub(crate) fn ended() -> Self {
        Self::new(Status::Ended, "")
    }

    /// This failure with what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// This failure of the request called `id`, which was `answered` or not.
    #[must_use]
    pub(crate) fn of_request(mut self, id: String, answered: bool) -> Self {
        (self.request_id, self.answered) = (Some(id), answered);
        self
    }

    /// This failure with further lines.
    #[must_use]
    pub(crate) fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Says what was being done when the file system refused.
pub(crate) trait During<T> {
    /// The error as a [`Failure`] that begins with `doing`, for example ``cannot read `x` ``.
    fn during(self, doing: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::failed(format!("{}: {}", doing(), words(&error))))
    }
}

/// The operating system's words without its number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_an_exit_code_of_its_own() {
        use Status::{Denied, Ended, Failed, Interrupted, NotFound, Unauthenticated, Unhealthy, Usage};
        let all = [Ended, Failed, Usage, Unauthenticated, NotFound, Unhealthy, Denied, Interrupted];
        assert_eq!(all.map(Status::exit_code), [0, 1, 2, 4, 5, 6, 7, 130]);
        assert_eq!(EXIT_CODES.len(), all.len());
    }
}

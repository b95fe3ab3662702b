//! The one error type of the CLI: what failed, why, what to do next, and with which exit code.
//!
//! Printed by [`crate::output`] as `error: …` and `hint: …`; `main` turns the status into the exit code. It does not
//! know how it is printed.

use std::{fmt, io};

/// Exit codes, one meaning each; documented in `mcpctl --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// 1: it did not work.
    Failed,
    /// 2: the command line, or a file it names, is wrong.
    Usage,
    /// 4: no token, or the token is refused.
    Unauthenticated,
    /// 5: no such object.
    NotFound,
    /// 6: something is not running or not ready in time.
    Unhealthy,
    /// 7: the token is known but not allowed to do this.
    Denied,
}

impl Status {
    /// The process's exit code.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unauthenticated => 4,
            Self::NotFound => 5,
            Self::Unhealthy => 6,
            Self::Denied => 7,
        }
    }

    /// The word in JSON errors.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Unauthenticated => "unauthenticated",
            Self::NotFound => "not_found",
            Self::Unhealthy => "unhealthy",
            Self::Denied => "denied",
        }
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
}

impl Failure {
    /// A failure of `status`.
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: Vec::new(), hint: None }
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

    /// This failure with what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
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

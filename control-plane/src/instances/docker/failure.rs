//! What the engine's errors mean, in our words.

use super::super::runtime::RuntimeError;
use bollard::errors::Error;

/// What became of removing something; `fine`: statuses that mean that it is gone already, or is going.
pub(super) fn gone(result: Result<(), Error>, fine: &[u16]) -> Result<(), RuntimeError> {
    match result {
        Err(error) if status(&error).is_none_or(|status| !fine.contains(&status)) => Err(engine(&error)),
        _ => Ok(()),
    }
}

pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Whether the engine itself said it, in the middle of what it was doing.
pub(super) fn is_said(error: &Error) -> bool {
    matches!(error, Error::DockerStreamError { .. } | Error::DockerResponseServerError { .. })
}

pub(super) fn told(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn engine(error: &Error) -> RuntimeError {
    let reason = match error {
        Error::DockerResponseServerError { status_code, message } => format!("{status_code}: {}", message.trim()),
        other => {
            let cause = std::iter::successors(std::error::Error::source(other), |cause| cause.source()).last();
            cause.map_or_else(|| other.to_string(), |cause| format!("{other}: {cause}"))
        }
    };
    RuntimeError::Engine(format!("the Docker engine failed ({reason})"))
}

//! What a refusal of the control plane means to the person at the keyboard.

use super::http::{is_loopback, reason};
use crate::failure::{Failure, Status};
use control_plane_api::problem::Problem;
use reqwest::StatusCode;
use url::Url;

/// The problem of a wrong user or password.
const LOGIN_REFUSED: &str = "urn:mcpctl:problem:login-refused";

/// Nothing answered.
pub(super) fn unreachable(base: &Url, error: &reqwest::Error) -> Failure {
    let failure = Failure::unhealthy(format!("cannot reach the control plane at `{base}`: {}", reason(error)));
    if is_loopback(base) {
        failure.hint("start it with `mcpctl daemon start`, or name another one with `--server URL`")
    } else {
        failure.hint("check the URL given by `--server` or MCPCTL_SERVER, and the network")
    }
}

/// Something answered with an error.
pub(super) fn refused(status: StatusCode, body: &[u8], token_origin: &str) -> Failure {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    let kind = match status {
        StatusCode::UNAUTHORIZED => Status::Unauthenticated,
        StatusCode::FORBIDDEN => Status::Denied,
        StatusCode::NOT_FOUND => Status::NotFound,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => Status::Unhealthy,
        _ => Status::Failed,
    };
    let is_login = problem.as_ref().is_some_and(|problem| problem.kind == LOGIN_REFUSED);
    let said = problem.as_ref().map(|problem| problem.detail.clone()).filter(|detail| !detail.is_empty());
    let message = match (status, said) {
        // At login there is no token that could be refused.
        (StatusCode::UNAUTHORIZED, Some(said)) if is_login => said,
        (StatusCode::UNAUTHORIZED, said) => {
            let why = said.map(|said| format!(": {said}")).unwrap_or_default();
            format!("the control plane refused the token from {token_origin}{why}")
        }
        (_, Some(said)) => said,
        (_, None) => format!("the control plane answered {status}"),
    };
    let mut failure = Failure::new(kind, message);
    if let Some(problem) = problem {
        failure.details = problem.violations.iter().map(ToString::to_string).collect();
        failure.hint = problem.hint;
    }
    if kind == Status::Unauthenticated && !is_login {
        failure.hint = Some(
            "ask an administrator for a new token (`mcpctl token create`); on the control plane's own machine \
             `mcpd reset-admin-token` makes one"
                .to_owned(),
        );
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str) -> Failure {
        refused(StatusCode::from_u16(status).unwrap(), body.as_bytes(), "/h/token")
    }

    #[test]
    fn a_problem_becomes_message_details_and_hint() {
        let failure = check(
            422,
            r#"{"type":"about:blank","title":"x","status":422,"detail":"the configuration would not be valid",
                "hint":"correct it","violations":[{"object":{"kind":"profile","name":"p"},"field":"server","message":"is gone"}]}"#,
        );
        assert_eq!(failure.message, "the configuration would not be valid");
        assert_eq!(failure.details, ["profile/p spec.server: is gone"]);
        assert_eq!(failure.hint.as_deref(), Some("correct it"));
    }

    #[test]
    fn the_status_decides_the_exit_code_whatever_the_body() {
        assert_eq!(check(401, "").status, Status::Unauthenticated);
        assert!(check(401, "<html>").message.contains("/h/token"));
        assert_eq!(check(403, "{}").status, Status::Denied);
        assert_eq!(check(404, "").status, Status::NotFound);
        assert_eq!(check(503, "").status, Status::Unhealthy);
        assert_eq!(check(500, "").status, Status::Failed);
    }
}

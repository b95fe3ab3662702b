//! Enrolment: a join token, used once, becomes an [`Identity`].
//!
//! A join token that lies in its file is used even when there is an identity already: that is how a gateway is
//! enrolled anew. If it turns out to be spent, or mcpd is away, a gateway that has an identity keeps it and serves.

use super::{AuditKey, Identity, IdentityError, Secret, identity::new_sealing_key};
use crate::{
    control_plane::{Backoff, ControlPlane, ControlPlaneError},
    settings::{Settings, StateDir},
};
use control_plane_api::{
    gateway::{EnrolRequest, GatewayRole},
    name::Name,
    token::{self, TokenKind},
};
use std::{
    io,
    path::{Path, PathBuf},
};
use url::Url;
use zeroize::Zeroizing;

/// What enrolment needs to know.
pub struct Enrolment {
    /// Where the identity is kept.
    pub state: StateDir,
    /// The control plane, one URL for each replica.
    pub mcpd_url: Vec<Url>,
    /// This gateway.
    pub name: Name,
    /// The preset it runs.
    pub role: GatewayRole,
    /// Where a join token lies, if one is expected.
    pub join_token_file: Option<PathBuf>,
    /// Hex public key by which this gateway's audit log is verified.
    pub audit_key: String,
}

impl Enrolment {
    /// From the settings of this process.
    #[must_use]
    pub fn from_settings(settings: &Settings, state: &StateDir, audit_key: &AuditKey) -> Self {
        Self {
            state: state.clone(),
            mcpd_url: settings.mcpd_url.clone(),
            name: settings.name.clone(),
            role: settings.role,
            join_token_file: settings.join_token_file.clone(),
            audit_key: audit_key.public(),
        }
    }
}

/// Why this gateway cannot get an identity. Every case needs a person.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Neither identity nor join token.
    #[error(
        "this gateway is not enrolled: put a join token of the control plane into a file and name it in `MCP_GATEWAY_JOIN_TOKEN_FILE`"
    )]
    NoJoinToken,
    /// The file is there but cannot be read.
    #[error("the join token file `{}` cannot be read: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file holds something else.
    #[error("`{}` does not hold a join token (`mcpctl_join_…`): ask the control plane for one", .0.display())]
    NotAJoinToken(PathBuf),
    /// The control plane did not take it.
    #[error(
        "this gateway cannot enrol: {0}; a join token is good for one enrolment and a short time, so ask for a new one"
    )]
    Refused(#[source] ControlPlaneError),
    /// The identity cannot be kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// The identity of this gateway: enrols it if there is a join token, else takes the stored one. Waits for mcpd only
/// when there is no identity to go on with.
///
/// # Errors
/// [`EnrolError`].
pub async fn establish(enrolment: &Enrolment) -> Result<Identity, EnrolError> {
    let stored = Identity::load(&enrolment.state, &enrolment.name)?;
    let token = match &enrolment.join_token_file {
        Some(path) => read_token(path)?.map(|token| (path, token)),
        None => None,
    };
    let Some((path, token)) = token else {
        return stored.ok_or(EnrolError::NoJoinToken);
    };
    let mut backoff = Backoff::control_plane();
    let mut waiting = false;
    loop {
        match (enrol(enrolment, token.clone()).await, stored.is_some()) {
            (Ok(identity), _) => {
                identity.save(&enrolment.state)?;
                discard(path);
                tracing::info!(gateway = %enrolment.name, "enrolled");
                return Ok(identity);
            }
            (Err(EnrolError::Refused(error)), true) => {
                tracing::warn!(%error, "the join token was not taken: going on with the identity at hand");
                if !error.is_passing() {
                    discard(path);
                }
                return stored.ok_or(EnrolError::NoJoinToken);
            }
            (Err(EnrolError::Refused(error)), false) if error.is_passing() => {
                if !std::mem::replace(&mut waiting, true) {
                    tracing::warn!(%error, "waiting for the control plane to enrol");
                }
                backoff.wait().await;
            }
            (Err(error), _) => return Err(error),
        }
    }
}

async fn enrol(enrolment: &Enrolment, token: Secret) -> Result<Identity, EnrolError> {
    let sealing = new_sealing_key();
    let request = EnrolRequest {
        sealing_key: hex::encode(sealing.public_key().as_bytes()),
        audit_key: Some(enrolment.audit_key.clone()),
        role: enrolment.role,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let control_plane = ControlPlane::new(&enrolment.mcpd_url, &enrolment.name, token).map_err(EnrolError::Refused)?;
    let reply = control_plane.enrol(&request).await.map_err(EnrolError::Refused)?;
    Ok(Identity::enrolled(&enrolment.name, sealing, reply)?)
}

fn read_token(path: &Path) -> Result<Option<Secret>, EnrolError> {
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) if token::is_well_formed(TokenKind::Join, text.trim()) => {
            Ok(Some(Secret::new(text.trim().to_owned())))
        }
        Ok(_) => Err(EnrolError::NotAJoinToken(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EnrolError::Unreadable(path.to_owned(), error)),
    }
}

fn discard(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "the spent join token cannot be deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control_plane::fake::{Answer, FakeControlPlane},
        keys::identity::tests::{identity, signing_key},
    };
    use serde_json::json;

    fn enrolment(dir: &Path, mcpd_url: Url) -> Enrolment {
        Enrolment {
            state: StateDir::open(&dir.join("state")).unwrap(),
            mcpd_url: vec![mcpd_url],
            name: "local".parse().unwrap(),
            role: GatewayRole::Local,
            join_token_file: Some(dir.join("join-token")),
            audit_key: AuditKey::of(1).public(),
        }
    }

    fn write_token(dir: &Path) -> String {
        let token = token::format(TokenKind::Join, &[3; 32]);
        std::fs::write(dir.join("join-token"), format!("{token}\n")).unwrap();
        token
    }

    fn accept() -> Answer {
        let key = hex::encode(signing_key().verifying_key().as_bytes());
        Answer::json(200, &json!({"token": "mcpctl_gw_fresh", "verifying_key": key}))
    }

    fn refuse() -> Answer {
        Answer::json(401, &json!({"type": "about:blank", "title": "", "status": 401, "detail": "join token is spent"}))
    }

    #[tokio::test]
    async fn a_join_token_becomes_an_identity_once_and_its_file_goes() {
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeControlPlane::start(|_| accept()).await;
        let enrolment = enrolment(dir.path(), fake.url());
        let token = write_token(dir.path());
        let enrolled = establish(&enrolment).await.unwrap();
        assert_eq!(enrolled.token().expose(), "mcpctl_gw_fresh");
        let [seen] = &fake.seen()[..] else { panic!("one request") };
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/api/v1/gateways/local/enrol"));
        assert_eq!(seen.bearer, token);
        assert_eq!(seen.json()["sealing_key"], enrolled.sealing_key());
        assert_eq!(seen.json()["audit_key"], enrolment.audit_key);
        assert!(!dir.path().join("join-token").exists());
        assert_eq!(establish(&enrolment).await.unwrap().sealing_key(), enrolled.sealing_key());
        assert_eq!(fake.seen().len(), 1);
    }

    #[tokio::test]
    async fn a_gateway_without_identity_waits_for_mcpd() {
        let dir = tempfile::tempdir().unwrap();
        let attempts = std::sync::atomic::AtomicU32::new(0);
        let fake = FakeControlPlane::start(move |_| match attempts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Answer::HangUp,
            1 => Answer::json(503, &json!({})),
            _ => accept(),
        })
        .await;
        write_token(dir.path());
        assert!(establish(&enrolment(dir.path(), fake.url())).await.is_ok());
        assert_eq!(fake.seen().len(), 3);
    }

    #[tokio::test]
    async fn a_spent_token_stops_a_new_gateway_and_not_an_enrolled_one() {
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeControlPlane::start(|_| refuse()).await;
        let enrolment = enrolment(dir.path(), fake.url());
        write_token(dir.path());
        let refused = establish(&enrolment).await.err().unwrap().to_string();
        assert!(refused.contains("join token is spent") && refused.contains("ask for a new one"), "{refused}");
        identity("local").save(&enrolment.state).unwrap();
        assert_eq!(establish(&enrolment).await.unwrap().token().expose(), "mcpctl_gw_test");
        assert!(!dir.path().join("join-token").exists());
    }

    #[tokio::test]
    async fn without_identity_or_token_the_hint_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let enrolment = enrolment(dir.path(), "http://127.0.0.1:1".parse().unwrap());
        assert!(matches!(establish(&enrolment).await, Err(EnrolError::NoJoinToken)));
        std::fs::write(dir.path().join("join-token"), "xoxb-1").unwrap();
        assert!(matches!(establish(&enrolment).await, Err(EnrolError::NotAJoinToken(_))));
    }
}

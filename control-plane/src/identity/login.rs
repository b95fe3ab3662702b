//! Whether a password is the user's. The answer to everything that is not is the same, and so is the work.

use super::{
    Actor,
    passwords::{Compared, Hasher, PasswordError},
    throttle::{Attempt, Throttle},
};
use crate::store::{PasswordHolder, Store, StoreError};
use control_plane_api::{access::UserSpec, name::Name, timestamp::Timestamp};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use zeroize::Zeroizing;

/// Compares passwords and remembers how often they were wrong.
pub(crate) struct Logins {
    pub(crate) hasher: Hasher,
    throttle: Throttle,
}

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// No such user, no password, a wrong one, or a user who is disabled.
    #[error("user or password is wrong")]
    Refused,
    #[error("there were too many wrong passwords")]
    TooMany(Duration),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Logins {
    pub(crate) fn new() -> Self {
        Self { hasher: Hasher::new(), throttle: Throttle::default() }
    }

    /// The user called `account`, if `password` is the user's and `actor` has not been wrong too often.
    pub(crate) async fn check(
        &self,
        store: &Store,
        (account, password): (&str, Zeroizing<String>),
        actor: &Actor,
    ) -> Result<(Name, UserSpec), LoginError> {
        let attempt = Attempt { account, address: address(actor), now: Timestamp::now().as_millis() };
        self.throttle.begin(attempt).map_err(LoginError::TooMany)?;
        let holder = store.read().await?.password_holder(account).await?;
        let phc = holder.as_ref().map(|holder| holder.phc.clone());
        let compared = self.hasher.compare(phc, password.clone()).await?;
        match holder.filter(|holder| compared.equal && !holder.spec.disabled) {
            Some(holder) => {
                self.throttle.succeeded(attempt);
                self.renew(store, &holder, password, &compared).await?;
                Ok((holder.user, holder.spec))
            }
            None => {
                let mut change = store.change().await?;
                change.record_refusal(actor, &target(account), "user or password is wrong").await?;
                change.commit().await?;
                Err(LoginError::Refused)
            }
        }
    }

    /// Hashes anew with the parameters of today.
    async fn renew(
        &self,
        store: &Store,
        holder: &PasswordHolder,
        password: Zeroizing<String>,
        compared: &Compared,
    ) -> Result<(), LoginError> {
        if compared.outdated {
            // One that was set when passwords could be shorter stays as it is.
            let Ok(phc) = self.hasher.hash(password).await else { return Ok(()) };
            let mut tx = store.write().await?;
            tx.rehash_password(&holder.user, &holder.phc, &phc).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// The address of who asks. Whoever has none, which no connection is without, shares one with all others.
fn address(actor: &Actor) -> IpAddr {
    let peer: Option<SocketAddr> = actor.peer.as_deref().and_then(|peer| peer.parse().ok());
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip())
}

/// What the audit log says of an account; what cannot be a user's name is not repeated there.
fn target(account: &str) -> String {
    match account.parse::<Name>() {
        Ok(name) => format!("user/{name}"),
        Err(_) => "user".to_owned(),
    }
}

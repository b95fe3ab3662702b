//! Tokens that a server refuses although they are in force: the control plane is told, which obtains another one or
//! notes that somebody has to give consent again. Calls that find out together ask it once.

use crate::control_plane::ControlPlane;
use control_plane_api::oauth::{Replacement, TokenRefusal};
use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

/// What one refusal is about: the digest of the token, and whether it took the place of a refused one.
type Key = (String, bool);
type Asking = Shared<BoxFuture<'static, Replacement>>;

/// See the module. Clones ask together.
#[derive(Clone, Default)]
pub(super) struct Refusals {
    /// None where a configuration file takes its place: there, nobody renews anything.
    control_plane: Option<ControlPlane>,
    under_way: Arc<Mutex<HashMap<Key, Asking>>>,
}

impl Refusals {
    pub(super) fn new(control_plane: Option<ControlPlane>) -> Self {
        Self { control_plane, under_way: Arc::default() }
    }

    /// Tells of `refusal`; whether there is another token.
    pub(super) async fn tell(&self, refusal: TokenRefusal) -> Replacement {
        let Some(control_plane) = self.control_plane.clone() else {
            return Replacement::NeedsConsent;
        };
        let key = (refusal.digest.clone(), refusal.again);
        let (under_way, done) = (Arc::clone(&self.under_way), key.clone());
        let ask = move || {
            // A task: whose call began it may hang up, others wait for it.
            let asked = tokio::spawn(async move {
                let replacement = ask(&control_plane, &refusal).await;
                under_way.lock().remove(&done);
                replacement
            });
            asked.map(|asked| asked.unwrap_or(Replacement::Unavailable)).boxed().shared()
        };
        let asking = self.under_way.lock().entry(key).or_insert_with(ask).clone();
        asking.await
    }
}

async fn ask(control_plane: &ControlPlane, refusal: &TokenRefusal) -> Replacement {
    match control_plane.token_refused(refusal).await {
        Ok(reply) => reply.replacement,
        Err(error) => {
            tracing::warn!(%error, connection = %refusal.connection, "a refused access token could not be replaced");
            // One that cannot be asked about this, an older one for example, leaves only the user.
            if error.is_passing() { Replacement::Unavailable } else { Replacement::NeedsConsent }
        }
    }
}

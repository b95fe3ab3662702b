//! Personal tokens: made by the control plane, recognised by their digest in a table compiled with the snapshot.

use super::challenge::Refusal;
use crate::Principal;
use control_plane_api::{access::Role, name::Name, snapshot::Snapshot, timestamp::Timestamp, token};
use std::collections::HashMap;

/// Who holds which token.
pub(super) struct Personal(HashMap<String, Grant>);

struct Grant {
    user: Name,
    roles: Vec<Role>,
    token_id: String,
    expires_at: Option<Timestamp>,
}

impl Personal {
    pub(super) fn compile(snapshot: &Snapshot) -> Self {
        let mut grants = HashMap::new();
        for (user, spec) in snapshot.users() {
            for grant in &spec.tokens {
                grants.insert(
                    grant.digest.clone(),
                    Grant {
                        user: user.clone(),
                        roles: spec.roles.clone(),
                        token_id: grant.id.clone(),
                        expires_at: grant.expires_at,
                    },
                );
            }
        }
        Self(grants)
    }

    /// Whose token this well-formed one is.
    pub(super) fn recognise(&self, presented: &str, now: Timestamp) -> Result<Principal, Refusal> {
        let grant = self.0.get(&token::digest(presented)).ok_or(Refusal::Unknown)?;
        if grant.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired);
        }
        Ok(Principal::User { name: grant.user.clone(), roles: grant.roles.clone(), token_id: grant.token_id.clone() })
    }
}

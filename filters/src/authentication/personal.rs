//! Personal tokens and sessions: made by the control plane, recognised by their keyed digest in a table compiled with the
//! snapshot.

use super::challenge::Refusal;
use crate::{Credential, Principal};
use control_plane_api::{access::Role, name::Name, pepper::Peppers, snapshot::Snapshot, timestamp::Timestamp};
use std::{collections::HashMap, sync::Arc};

/// Who holds which token or session.
pub(super) struct Personal {
    by_digest: HashMap<String, Arc<Grant>>,
    by_id: HashMap<String, Arc<Grant>>,
    peppers: Peppers,
}

struct Grant {
    user: Name,
    roles: Vec<Role>,
    token_id: String,
    expires_at: Option<Timestamp>,
}

impl Personal {
    pub(super) fn compile(snapshot: &Snapshot, peppers: Peppers) -> Self {
        let (mut by_digest, mut by_id) = (HashMap::new(), HashMap::new());
        for (user, spec) in snapshot.users().filter(|(_, spec)| !spec.disabled) {
            for token in &spec.tokens {
                let grant = Arc::new(Grant {
                    user: user.clone(),
                    roles: spec.roles.clone(),
                    token_id: token.id.clone(),
                    expires_at: token.expires_at,
                });
                by_digest.insert(token.digest.clone(), grant.clone());
                by_id.insert(token.id.clone(), grant);
            }
        }
        Self { by_digest, by_id, peppers }
    }

    /// Whose token this well-formed one is. Digests are looked up; nothing that is secret is compared.
    pub(super) fn recognise(&self, presented: &str, now: Timestamp) -> Result<(Principal, Credential), Refusal> {
        let digests = self.peppers.digests(presented);
        let grant = digests.iter().filter_map(|digest| self.by_digest.get(digest)).next_back();
        let grant = grant.ok_or(Refusal::Unknown)?;
        Ok((grant.principal(now)?, Credential::Own(grant.token_id.clone())))
    }

    /// The same for what was recognised before as the token `id` of `user`.
    pub(super) fn again(&self, id: &str, user: &Name, now: Timestamp) -> Result<Principal, Refusal> {
        self.by_id.get(id).filter(|grant| grant.user == *user).ok_or(Refusal::Unknown)?.principal(now)
    }
}

impl Grant {
    fn principal(&self, now: Timestamp) -> Result<Principal, Refusal> {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired);
        }
        Ok(Principal::User { name: self.user.clone(), roles: self.roles.clone(), token_id: self.token_id.clone() })
    }
}

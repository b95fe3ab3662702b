//! Taking a setup back: what was there before is put back, what was not is deleted.

use super::plan::Plan;
use crate::{client::Client, failure::Failure};
use control_plane_api::{
    name::Name,
    object::{Kind, Object, ObjectRef},
    profile::ProfileSpec,
    server::ServerSpec,
};

/// What was there before.
pub(super) struct Undo {
    before: Vec<Object>,
    new_objects: Vec<ObjectRef>,
    new_secrets: Vec<Name>,
}

impl Undo {
    /// Looks at what `plan` is about to change.
    pub(super) async fn prepare(plan: &Plan, client: &Client) -> Result<Self, Failure> {
        let (mut before, mut new_objects) = (Vec::new(), Vec::new());
        for object in &plan.objects {
            let reference = object.reference();
            let found = match reference.kind {
                Kind::Server => client.object::<ServerSpec>(&reference.name).await?.map(Object::Server),
                _ => client.object::<ProfileSpec>(&reference.name).await?.map(Object::Profile),
            };
            match found {
                Some(object) => before.push(object),
                None => new_objects.push(reference),
            }
        }
        let secrets = if plan.secrets.is_empty() { Vec::new() } else { client.secrets().await? };
        let planned = plan.secrets.iter().map(|secret| secret.name.clone());
        let new_secrets = planned.filter(|name| !secrets.iter().any(|secret| secret.name == *name)).collect();
        Ok(Self { before, new_objects, new_secrets })
    }

    /// Whether nothing of the plan was there, so that nothing stays when it is taken back.
    pub(super) fn is_all_new(&self, plan: &Plan) -> bool {
        self.before.is_empty() && self.new_secrets.len() == plan.secrets.len()
    }

    /// Takes everything back.
    pub(super) async fn everything(self, client: &Client) -> Result<(), Failure> {
        if !self.before.is_empty() {
            client.apply(self.before.clone(), false).await?;
        }
        // Profiles were made after the server they refer to, so they go first.
        for object in self.new_objects.iter().rev() {
            client.delete(object).await?;
        }
        self.secrets_only(client).await;
        Ok(())
    }

    /// Deletes new secrets to which nothing refers. One that cannot be deleted is encrypted and unused.
    pub(super) async fn secrets_only(&self, client: &Client) {
        for name in &self.new_secrets {
            let reference = ObjectRef { kind: Kind::Secret, name: name.clone() };
            if let Err(failure) = client.delete(&reference).await {
                tracing::debug!(secret = %name, %failure, "an unused secret stays");
            }
        }
    }
}

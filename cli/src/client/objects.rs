//! Objects of whatever kind, as the control plane has them.

use super::{Client, Spec};
use crate::failure::{Failure, Status};
use control_plane_api::{
    access::UserSpec,
    issuer::IssuerSpec,
    object::{Kind, Named, Object},
    profile::ProfileSpec,
    project::ProjectSpec,
    server::ServerSpec,
};

impl Client {
    /// Every object of `kind` as somebody could have applied it, by name; none of a kind that is not applied.
    pub(crate) async fn applied(&self, kind: Kind) -> Result<Vec<Object>, Failure> {
        match kind {
            Kind::Server => self.wrapped::<ServerSpec>(Object::Server).await,
            Kind::Profile => self.wrapped::<ProfileSpec>(Object::Profile).await,
            Kind::Project => self.wrapped::<ProjectSpec>(Object::Project).await,
            Kind::User => self.wrapped::<UserSpec>(Object::User).await,
            Kind::Issuer => self.wrapped::<IssuerSpec>(Object::Issuer).await,
            Kind::Secret | Kind::Pin | Kind::Connection => Ok(Vec::new()),
        }
    }

    /// The same of several kinds, in their order, and the kinds whose objects whoever asks may not see.
    pub(crate) async fn applied_of(&self, kinds: &[Kind]) -> Result<(Vec<Object>, Vec<Kind>), Failure> {
        let (mut all, mut hidden) = (Vec::new(), Vec::new());
        for kind in kinds {
            match self.applied(*kind).await {
                Ok(objects) => all.extend(objects),
                Err(failure) if failure.status == Status::Denied && kinds.len() > 1 => hidden.push(*kind),
                Err(failure) => return Err(failure),
            }
        }
        Ok((all, hidden))
    }

    async fn wrapped<S: Spec>(&self, wrap: fn(Named<S>) -> Object) -> Result<Vec<Object>, Failure> {
        let objects = self.objects::<S>().await?.into_iter().map(wrap);
        let mut declared: Vec<Object> = objects
            .map(|object| {
                let revision = object.revision();
                object.declared(revision)
            })
            .collect();
        declared.sort_by(|one, other| one.reference().name.cmp(&other.reference().name));
        Ok(declared)
    }
}

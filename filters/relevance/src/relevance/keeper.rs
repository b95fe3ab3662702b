//! Where the whole of a result goes that is shortened, and whose it is.

use std::sync::Arc;

use filters::originals::{Origin, Originals, Owner, Rest};

use crate::result::note::Handle;

/// Keeps the original of one call's result.
#[derive(Clone)]
pub struct Keeper {
    /// Where it is kept.
    pub originals: Arc<dyn Originals>,
    /// Who called, and what.
    pub of: Option<(Owner, Origin)>,
    /// The gateway's tool by which the client gets at it; none: it cannot.
    pub tool: Option<String>,
}

impl Keeper {
    /// Keeps `original`; the handle the client is given. None where it could not be had again.
    pub(super) fn keep(&self, original: &str, rest: Rest) -> Option<Handle> {
        let (tool, (owner, origin)) = (self.tool.clone()?, self.of.as_ref()?);
        let id = self.originals.keep(owner, origin, original, rest)?;
        Some(Handle { id, tool })
    }
}

//! What is heard of engines, and what is left over in them.

use super::super::Instances;
use control_plane_api::{object::Object, runtime::RuntimeKind};
use std::{collections::BTreeSet, error::Error, time::Duration};

/// Until an engine that does not tell of changes is asked for them again.
const DEAF_INTERVAL: Duration = Duration::from_secs(5);

/// Until an engine that ended what it told of changes is asked for them again.
const RELISTEN_INTERVAL: Duration = Duration::from_secs(1);

impl Instances {
    /// Hears of what happens in an engine, for as long as mcpd runs.
    pub(super) async fn listen(self, kind: RuntimeKind) {
        loop {
            let changed = match self.engines.get(kind).await {
                Ok(engine) => engine.changed().await,
                Err(error) => Err(error),
            };
            match changed {
                Ok(Some(server)) => {
                    self.urgent.lock().insert(server);
                    self.wake.notify_one();
                }
                // It has to be asked anew. What happens in between is found by the next look.
                Ok(None) => pause(RELISTEN_INTERVAL).await,
                Err(error) => {
                    tracing::debug!(%kind, %error, "An engine does not tell of changes");
                    pause(DEAF_INTERVAL).await;
                }
            }
        }
    }

    /// Removes what is in the engines and belongs to no server: left behind by a replica that died, or by a database that
    /// was restored.
    pub(super) async fn collect_orphans(self, kinds: BTreeSet<RuntimeKind>) {
        for kind in kinds {
            if let Err(error) = self.collect_orphans_of(kind).await {
                tracing::debug!(%kind, %error, "Cannot look for what is left over");
            }
        }
    }

    async fn collect_orphans_of(&self, kind: RuntimeKind) -> Result<(), Box<dyn Error + Send + Sync>> {
        let engine = self.engines.get(kind).await?;
        // Listed first: what is started from here on has a server that is found below.
        let there = engine.list().await?;
        let mut tx = self.store.read().await?;
        let (objects, rows) = (tx.objects().await?, tx.instances().await?);
        drop(tx);
        for id in there {
            let owner = objects.iter().find_map(|object| match object {
                Object::Server(o) if o.name == id.server && o.spec.runtime.kind() == kind => Some(self.id(o)),
                _ => None,
            });
            let orphan = match owner {
                Some(owner) => owner != id,
                // A row that is left has its turn.
                None => !rows.iter().any(|row| row.server == id.server && row.runtime == kind),
            };
            if orphan {
                tracing::info!(server = %id.server, %kind, "Removing what belongs to no server");
                engine.stop(&id).await?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "an engine that tells nothing can only be asked again later")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

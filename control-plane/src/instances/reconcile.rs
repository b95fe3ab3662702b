//! Gives every instance its turn. Replicas need no leader: whoever takes an instance's lease has it, for as long as it is
//! alive and says so. A replica that dies in the middle leaves a lease that ends, and a step that can be taken again.

mod ears;
mod turn;

use super::{Instances, Wanted, care::Goal};
use crate::{
    compile::Configuration,
    store::{StoreError, StoredInstance, StoredSecret},
};
use control_plane_api::{
    instance::InstanceState,
    name::Name,
    object::{Named, Object},
    runtime::RuntimeKind,
    server::ServerSpec,
    timestamp::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// Longest time between two looks at what is due.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Between two looks where there is nothing to look after: another replica may have left something.
const REST_INTERVAL: Duration = Duration::from_secs(30);
/// Instances worked on at once.
const TURNS_MAX: usize = 8;
/// Between two looks for what no server knows any more.
const ORPHANS_INTERVAL: Duration = Duration::from_secs(30);
/// Which servers run in an engine of ours.
fn contained(configuration: &Configuration) -> impl Iterator<Item = &Named<ServerSpec>> {
    configuration.objects.iter().filter_map(|object| match object {
        Object::Server(server) if !server.spec.runtime.is_process() => Some(server),
        _ => None,
    })
}

/// The turns that are being taken here.
#[derive(Default)]
struct Turns {
    running: JoinSet<Name>,
    servers: BTreeSet<Name>,
}

impl Instances {
    /// Looks after instances until `stopped` says so. What is being done then is left where it is: the next to look finds it.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut clock = interval(LOOK_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut turns, mut ears, mut heard) = (Turns::default(), JoinSet::new(), BTreeSet::new());
        let (mut failing, mut orphans_at) = (false, Instant::now());
        let mut rests_until = Instant::now();
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                () = self.wake.notified() => {}
                _ = clock.tick() => {}
                Some(ended) = turns.running.join_next() => turns.ended(ended),
            }
            // Most installations have no containers, and their database is not to be asked twice a second.
            if Instant::now() < rests_until && contained(&self.published.newest()).next().is_none() {
                continue;
            }
            match self.look(&mut turns).await {
                Ok(kinds) => {
                    failing = false;
                    rests_until = Instant::now() + if kinds.is_empty() { REST_INTERVAL } else { Duration::ZERO };
                    for kind in kinds.iter().filter(|kind| heard.insert(**kind)) {
                        ears.spawn(self.clone().listen(*kind));
                    }
                    if Instant::now() >= orphans_at && !kinds.is_empty() {
                        orphans_at = Instant::now() + ORPHANS_INTERVAL;
                        ears.spawn(self.clone().collect_orphans(kinds));
                    }
                }
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "Cannot look after instances");
                }
                Err(_) => {}
            }
        }
    }

    /// Gives a turn to every instance that is due. The kinds of engine that have one.
    async fn look(&self, turns: &mut Turns) -> Result<BTreeSet<RuntimeKind>, StoreError> {
        let configuration = self.published.newest();
        let wanted: BTreeMap<&Name, RuntimeKind> =
            contained(&configuration).map(|server| (&server.name, server.spec.runtime.kind())).collect();
        let mut rows = self.store.read().await?.instances().await?;
        rows.retain(|row| row.runtime != RuntimeKind::Process || wanted.contains_key(&row.server));
        for (server, kind) in &wanted {
            if !rows.iter().any(|row| row.server == **server) {
                let mut tx = self.store.write().await?;
                tx.found_instance(server, *kind).await?;
                tx.commit().await?;
                rows.push(StoredInstance::new((*server).clone(), *kind));
            }
        }
        let urgent = std::mem::take(&mut *self.urgent.lock());
        let kinds = wanted.into_values().chain(rows.iter().map(|row| row.runtime));
        let kinds = kinds.filter(|kind| *kind != RuntimeKind::Process).collect();
        for row in rows.into_iter().filter(|row| self.is_due(row, &configuration, &urgent)) {
            if turns.running.len() < TURNS_MAX && turns.servers.insert(row.server.clone()) {
                let this = self.clone();
                turns.running.spawn(async move {
                    let server = row.server.clone();
                    if let Err(error) = Box::pin(this.turn(row)).await {
                        tracing::error!(%server, %error, "Cannot look after an instance");
                    }
                    server
                });
            }
        }
        Ok(kinds)
    }

    fn is_due(&self, row: &StoredInstance, configuration: &Configuration, urgent: &BTreeSet<Name>) -> bool {
        let in_time = row.next_at.is_none_or(|at| at <= Timestamp::now());
        // What fails is not tried sooner because it fails, and the engine tells of that too.
        let waits = row.status.as_ref().is_some_and(|status| status.state == InstanceState::BackingOff);
        in_time || *self.goal(row, configuration).as_str() != row.handled || urgent.contains(&row.server) && !waits
    }

    fn goal(&self, row: &StoredInstance, configuration: &Configuration) -> Goal {
        let server = contained(configuration).find(|server| server.name == row.server);
        // In another engine than before: in that one it is gone.
        let server = server.filter(|server| server.spec.runtime.kind() == row.runtime);
        Goal::of(server.and_then(|server| self.wanted(server, row, &configuration.secrets)).as_ref())
    }

    fn wanted<'a>(
        &self,
        server: &'a Named<ServerSpec>,
        row: &StoredInstance,
        secrets: &'a [StoredSecret],
    ) -> Option<Wanted<'a>> {
        let container = server.spec.runtime.container()?;
        Some(Wanted { server, container, restarts: row.orders.restarts, id: self.id(server), secrets })
    }
}

impl Turns {
    fn ended(&mut self, ended: Result<Name, tokio::task::JoinError>) {
        match ended {
            Ok(server) => {
                self.servers.remove(&server);
            }
            // Whose it was is not known: better twice, which the lease prevents, than never again.
            Err(_) => self.servers.clear(),
        }
    }
}

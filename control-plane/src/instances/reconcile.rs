//! Gives every instance its turn. Replicas need no leader: whoever takes an instance's lease has it, for as long as it is
//! alive and says so. A replica that dies in the middle leaves a lease that ends, and a step that can be taken again.

use super::{
    Configured, Instances, Wanted,
    care::{Care, ENGINE_RETRY_MS, Goal, unknown},
};
use crate::{
    compile::Configuration,
    identity::new_id,
    store::{StoreError, StoredInstance, StoredSecret},
};
use control_plane_api::{
    instance::{InstanceState, InstanceStatus},
    name::Name,
    object::{Named, Object},
    runtime::RuntimeKind,
    server::ServerSpec,
    timestamp::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
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
/// How long a lease holds, in milliseconds. Whoever works on renews it.
const LEASE_MS: i64 = 15_000;
/// Between two renewals.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(5);
/// Instances worked on at once.
const TURNS_MAX: usize = 8;
/// Between two looks for what no server knows any more.
const ORPHANS_INTERVAL: Duration = Duration::from_secs(30);
/// Until an engine that does not tell of changes is asked for them again.
const DEAF_INTERVAL: Duration = Duration::from_secs(5);

/// Until an engine that ended what it told of changes is asked for them again.
const RELISTEN_INTERVAL: Duration = Duration::from_secs(1);

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

    /// One instance's turn, unless another replica has it. It ends early when something else is wanted meanwhile: fetching
    /// an image takes its time.
    async fn turn(&self, row: StoredInstance) -> Result<(), StoreError> {
        let lease = new_id();
        let mut tx = self.store.write().await?;
        if !tx.lease_instance(&row, &lease, Timestamp::now().plus_millis(LEASE_MS)).await? {
            return Ok(());
        }
        tx.commit().await?;
        let server = row.server.clone();
        tokio::select! {
            done = self.tend(row.clone(), &lease) => done,
            lost = self.keep_lease(&server, &lease) => lost,
            () = self.superseded(&row) => {
                let before = row.endpoint.clone();
                self.write(StoredInstance { next_at: Some(Timestamp::now()), ..row }, before, &lease).await
            }
        }
    }

    /// Waits until something else is wanted of an instance than when its turn began.
    async fn superseded(&self, row: &StoredInstance) {
        let mut newest = self.published.subscribe();
        let begun = self.goal(row, newest.borrow_and_update().configuration());
        loop {
            if newest.changed().await.is_err() {
                return std::future::pending().await;
            }
            let configuration = newest.borrow_and_update().configuration().clone();
            // Orders are counted beside the objects.
            let orders = configuration.instances.iter().find(|have| have.server == row.server).map(|have| have.orders);
            let row = StoredInstance { orders: orders.unwrap_or(row.orders), ..row.clone() };
            if self.goal(&row, &configuration) != begun {
                return;
            }
        }
    }

    /// Renews a lease until it is lost.
    async fn keep_lease(&self, server: &Name, lease: &str) -> Result<(), StoreError> {
        let mut clock = interval(RENEWAL_INTERVAL);
        clock.tick().await;
        loop {
            clock.tick().await;
            let mut tx = self.store.write().await?;
            if !tx.renew_instance_lease(server, lease, Timestamp::now().plus_millis(LEASE_MS)).await? {
                tracing::warn!(%server, "Lost the lease of an instance");
                return Ok(());
            }
            tx.commit().await?;
        }
    }

    async fn tend(&self, mut row: StoredInstance, lease: &str) -> Result<(), StoreError> {
        let Configured { revision, server, secrets } = self.configured(&row.server).await?;
        let kind = server.as_ref().map(|server| server.spec.runtime.kind());
        let before = row.endpoint.clone();
        if row.runtime == RuntimeKind::Process {
            // It was a gateway's child until now.
            row.runtime = kind.unwrap_or(RuntimeKind::Process);
            row.next_at = kind.filter(|kind| *kind != RuntimeKind::Process).map(|_| Timestamp::now());
            return self.write(row, before, lease).await;
        }
        let engine = match self.engines.get(row.runtime).await {
            Ok(engine) => engine,
            Err(error) => {
                row.next_at = Some(Timestamp::now().plus_millis(ENGINE_RETRY_MS));
                let status = row.status.take().or_else(|| server.as_ref().map(|server| unknown(server, row.runtime)));
                row.status = status.map(|status| InstanceStatus { reason: Some(error.to_string()), ..status });
                return self.write(row, before, lease).await;
            }
        };
        let here = server.as_ref().filter(|_| kind == Some(row.runtime));
        let wanted = here.and_then(|server| self.wanted(server, &row, &secrets));
        let (name, orders) = (row.server.clone(), row.orders);
        match (Box::pin(Care { instances: self, row, engine, revision }.tend(wanted)).await, kind) {
            (Some(row), _) => self.write(row, before, lease).await,
            // It goes on elsewhere, with the orders that were given.
            (None, Some(kind)) => {
                let row = StoredInstance { orders, ..StoredInstance::new(name, kind) };
                self.write(row, before, lease).await
            }
            (None, None) => {
                let mut tx = self.store.write().await?;
                tx.delete_instance(&name, lease).await?;
                tx.commit().await
            }
        }
    }

    /// Writes what became of an instance. Where it is reached is configuration: gateways are told.
    async fn write(&self, row: StoredInstance, before: Option<String>, lease: &str) -> Result<(), StoreError> {
        if row.endpoint == before {
            let mut tx = self.store.write().await?;
            tx.put_instance(&row, lease).await?;
            return tx.commit().await;
        }
        let mut change = self.store.change().await?;
        if change.writing().put_instance(&row, lease).await? {
            change.commit().await?;
            self.published.announce();
        }
        Ok(())
    }

    /// Hears of what happens in an engine, for as long as mcpd runs.
    async fn listen(self, kind: RuntimeKind) {
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
    async fn collect_orphans(self, kinds: BTreeSet<RuntimeKind>) {
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

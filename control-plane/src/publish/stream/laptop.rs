//! What the local gateway of a user is told: its own snapshot, which no other gateway shares, and what changes of it.

use super::Subscriber;
use crate::compile::{Configuration, compile_laptop};
use control_plane_api::{
    snapshot::{ConfigEvent, Snapshot},
    timestamp::Timestamp,
};

/// What one was told so far.
#[derive(Default)]
pub(super) struct Laptop {
    told: Option<Snapshot>,
    /// It was told that it is no longer enrolled.
    is_over: bool,
}

impl Laptop {
    /// The revision it was told last, if any; `None` when there is nothing more to tell it.
    #[expect(clippy::option_option, reason = "that it was told nothing yet is not that it will be told nothing more")]
    pub(super) fn revision(&self) -> Option<Option<u64>> {
        (!self.is_over).then(|| self.told.as_ref().map(|told| told.revision))
    }

    /// What it is told of `configuration`; `None` when its stream ends.
    pub(super) fn next(&mut self, configuration: &Configuration, subscriber: &Subscriber) -> Option<ConfigEvent> {
        let snapshot = match configuration.gateways.get(&subscriber.digest) {
            Some(&draining) => Snapshot { draining, ..current(configuration, subscriber) },
            None => self.farewell(configuration, subscriber)?,
        };
        let event = match &self.told {
            None => ConfigEvent::Snapshot(snapshot.clone()),
            Some(told) => ConfigEvent::ChangeSet(told.changes_to(&snapshot)),
        };
        self.told = Some(snapshot);
        Some(event)
    }

    /// The last that it hears: it has nothing any more. One that enrolled anew hears it from nobody: the same name has another
    /// configuration by now.
    fn farewell(&mut self, configuration: &Configuration, subscriber: &Subscriber) -> Option<Snapshot> {
        let gateway = &subscriber.gateway;
        tracing::info!(%gateway, "Ended the stream of a local gateway that is no longer enrolled");
        self.is_over = true;
        let renewed = configuration.laptops.iter().any(|laptop| laptop.gateway == *gateway);
        (!renewed).then(|| nothing(configuration))
    }
}

fn current(configuration: &Configuration, subscriber: &Subscriber) -> Snapshot {
    let laptop = configuration.laptops.iter().find(|laptop| laptop.digest == subscriber.digest);
    laptop.map_or_else(|| nothing(configuration), |laptop| compile_laptop(configuration, laptop, Timestamp::now()))
}

/// No object at all.
fn nothing(configuration: &Configuration) -> Snapshot {
    Snapshot { revision: configuration.revision, issued_at: Timestamp::now(), ..Snapshot::empty() }
}

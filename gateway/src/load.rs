//! How close the gateway is to what it may have of the machine, and with that the answer to "may this come in?".
//!
//! Looked at four times a second: memory against the bound of its control group (or of the machine), descriptors against
//! their limit. A request that came in is never turned out again for want of either.

mod readings;

use control_plane_api::limits::Limits;
use parking_lot::RwLock;
use readings::Readings;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time::MissedTickBehavior;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// For everything.
    Any,
    /// Not for what lasts or is large.
    Small(&'static str),
    /// For nothing new.
    None(&'static str),
}

/// See the module.
pub struct Load {
    room: RwLock<Room>,
}

impl Load {
    /// Starts to look, as long as the load is there; `limits` are those in force.
    pub fn start(limits: impl Fn() -> Limits + Send + 'static) -> Arc<Self> {
        let load = Arc::new(Self { room: RwLock::new(Room::Any) });
        tokio::spawn(keep_looking(Arc::downgrade(&load), limits));
        load
    }

    /// What there is room for now.
    #[must_use]
    pub fn room(&self) -> Room {
        *self.room.read()
    }
}

async fn keep_looking(load: Weak<Load>, limits: impl Fn() -> Limits + Send) {
    let mut pause = tokio::time::interval(LOOK_EVERY);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        let Some(load) = load.upgrade() else { return };
        let room = judge(&Readings::now(), &limits());
        let before = std::mem::replace(&mut *load.room.write(), room);
        if before != room {
            match room {
                Room::Any => tracing::info!("there is room for requests again"),
                Room::Small(what) => tracing::warn!(what, "little room is left: nothing large is begun"),
                Room::None(what) => tracing::warn!(what, "no room is left: requests are refused"),
            }
        }
    }
}

/// What `limits` leave room for.
fn judge(readings: &Readings, limits: &Limits) -> Room {
    let memory = readings.memory.percent();
    if readings.descriptors.percent() >= limits.descriptors_full_percent {
        Room::None("descriptors")
    } else if memory >= limits.memory_full_percent {
        Room::None("memory")
    } else if memory >= limits.memory_tight_percent {
        Room::Small("memory")
    } else {
        Room::Any
    }
}

#[cfg(test)]
mod tests {
    use super::{readings::Used, *};

    fn check(memory: u64, descriptors: u64) -> Room {
        let used = |now| Used { now, max: 100 };
        judge(&Readings { memory: used(memory), descriptors: used(descriptors) }, &Limits::default())
    }

    #[test]
    fn o04_less_comes_in_the_fuller_it_is() {
        assert_eq!(check(91, 89), Room::Any);
        assert_eq!(check(92, 0), Room::Small("memory"));
        assert_eq!(check(95, 0), Room::None("memory"));
        assert_eq!(check(10, 90), Room::None("descriptors"));
    }
}

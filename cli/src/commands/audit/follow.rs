//! Events as they come: the control plane is asked again and again for the newest, and what was shown is not shown again.

use super::{Events, query};
use crate::{Invocation, args::audit::List, failure::Failure, output::age, pause::back_off};
use control_plane_api::{audit::Phase, timestamp::Timestamp};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Longest exchange whose end is still shown, in milliseconds: events are looked for by when they began.
const EXCHANGE_MS_MAX: i64 = 600_000;
/// Events looked at in one look, and remembered as shown.
const EVENTS_MAX: u32 = 1_000;
const SHOWN_MAX: usize = 20_000;

/// Shows events for as long as somebody watches.
pub(super) async fn run(mut args: List, invocation: &Invocation) -> Result<(), Failure> {
    let client = invocation.client()?;
    let from = match args.since.take() {
        Some(since) => age::parse_moment(&since)?,
        None => Timestamp::now(),
    };
    args.limit = EVENTS_MAX;
    let query = query(args)?;
    let mut shown = Shown::default();
    let mut first = true;
    loop {
        let since = from.max(Timestamp::now().plus_millis(-EXCHANGE_MS_MAX));
        let since = if first { from } else { since };
        let asked: Vec<_> = query.iter().cloned().chain([("since", since.to_string())]).collect();
        let mut events = client.audit(&asked).await?;
        events.retain(|event| event.phase == Phase::Outcome && shown.is_new(&event.id));
        events.reverse();
        if !events.is_empty() || first {
            invocation.output.append(&Events(events), first)?;
        }
        first = false;
        back_off(LOOK).await;
    }
}

/// The ids shown last.
#[derive(Default)]
struct Shown {
    ids: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Shown {
    fn is_new(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > SHOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

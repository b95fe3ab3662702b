//! Calls whose callers are being asked: each with a keeper that goes on listening to the server, and gives the call up
//! when nobody comes back for it.
//!
//! A state names one call for one round: who presents it must be the caller it was given to, with the same request.

use super::conversation::Conversation;
use crate::upstream::Caller;
use protocol::Request;
use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

/// What a state begins with, so that it is told from the states of modern servers.
const PREFIX: &str = "mcpctl-parked-";
/// Members of `params` in which a retry may differ from its first try.
const VOLATILE: [&str; 3] = ["_meta", "inputResponses", "requestState"];

/// Whose call it is, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    caller: Caller,
    digest: [u8; 32],
}

/// The places in which calls wait. When all are taken, the oldest call of the caller that holds the most makes room.
pub(super) struct Park {
    places_max: usize,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    count: u64,
    calls: HashMap<String, Place>,
    closed: bool,
}

struct Place {
    claim: Claim,
    number: u64,
    stop: oneshot::Sender<Stop>,
    keeper: JoinHandle<Option<Box<Conversation>>>,
}

/// Why a keeper is to stop.
enum Stop {
    /// The caller is back.
    Resumed,
    /// Nobody will be.
    GivenUp,
}

/// Whether `state` was made here.
pub(super) fn is_state(state: &str) -> bool {
    state.starts_with(PREFIX)
}

impl Claim {
    /// Of `caller`, to calls that are `request` again.
    pub(super) fn of(request: &Request, caller: &Caller) -> Self {
        let mut hash = Sha256::new();
        part(&mut hash, request.method.as_bytes());
        let mut members: Vec<_> = request.params.iter().filter(|(name, _)| !VOLATILE.contains(name)).collect();
        members.sort_by_key(|(name, _)| *name);
        for (name, value) in members {
            part(&mut hash, name.as_bytes());
            part(&mut hash, &canonical(value));
        }
        Self { caller: caller.clone(), digest: hash.finalize().into() }
    }
}

fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(bytes);
}

/// The same bytes for the same value: clients may write a request twice with its members in another order.
fn canonical(raw: &RawValue) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_str::<Value>(raw.get()) else {
        // A number only raw JSON holds.
        return raw.get().as_bytes().to_vec();
    };
    value.sort_all_objects();
    serde_json::to_vec(&value).unwrap_or_default()
}

impl Park {
    pub(super) fn new(places_max: usize) -> Self {
        Self { places_max, places: Mutex::default() }
    }

    /// Keeps `conversation` until it is taken; gives its state. It comes back if there are no places at all.
    pub(super) fn put(&self, conversation: Box<Conversation>) -> Result<String, Box<Conversation>> {
        let mut places = self.lock();
        if self.places_max == 0 || places.closed {
            return Err(conversation);
        }
        while places.calls.len() >= self.places_max {
            places.make_room(&conversation.claim.caller);
        }
        let state = format!("{PREFIX}{}", hex::encode(rand::random::<[u8; 24]>()));
        places.count += 1;
        let (claim, number) = (conversation.claim.clone(), places.count);
        let (stop, stopped) = oneshot::channel();
        let keeper = tokio::spawn(keep(conversation, state.clone(), stopped));
        places.calls.insert(state.clone(), Place { claim, number, stop, keeper });
        Ok(state)
    }

    /// The conversation behind `state`, if it is claimed rightly and still there. It can be taken once.
    pub(super) async fn take(&self, state: &str, claim: &Claim) -> Option<Box<Conversation>> {
        let place = {
            let mut places = self.lock();
            if places.calls.get(state)?.claim != *claim {
                return None;
            }
            places.calls.remove(state)?
        };
        // A keeper that just gave up does not hear it, and says so.
        let _ = place.stop.send(Stop::Resumed);
        place.keeper.await.ok().flatten()
    }

    /// Gives all calls up and takes no more.
    pub(super) fn close(&self) {
        let mut places = self.lock();
        places.closed = true;
        for (_, place) in places.calls.drain() {
            let _ = place.stop.send(Stop::GivenUp);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().calls.len()
    }

    fn forget(&self, state: &str) {
        self.lock().calls.remove(state);
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Gives up the oldest call of whoever holds the most; `newcomer` counts as holding one more.
    fn make_room(&mut self, newcomer: &Caller) {
        let mut held: HashMap<&Caller, usize> = HashMap::from([(newcomer, 1)]);
        for place in self.calls.values() {
            *held.entry(&place.claim.caller).or_default() += 1;
        }
        let held = |place: &Place| held.get(&place.claim.caller).copied().unwrap_or_default();
        let oldest = self.calls.iter().max_by_key(|(_, place)| (held(place), std::cmp::Reverse(place.number)));
        let Some(state) = oldest.map(|(state, _)| state.clone()) else {
            return;
        };
        if let Some(place) = self.calls.remove(&state) {
            tracing::warn!("a call that waits for an answer of its caller made room for another");
            let _ = place.stop.send(Stop::GivenUp);
        }
    }
}

/// Goes on listening, so that the server is answered what needs no client, until the caller is back or the time is up.
async fn keep(
    mut conversation: Box<Conversation>,
    state: String,
    mut stopped: oneshot::Receiver<Stop>,
) -> Option<Box<Conversation>> {
    let deadline = Instant::now() + conversation.rim.bounds.question_timeout;
    let stop = loop {
        let heard = tokio::select! {
            biased;
            stop = timeout_at(deadline, &mut stopped) => break stop,
            heard = conversation.hear() => heard,
        };
        conversation.take_in(heard).await;
    };
    if let Ok(Ok(Stop::Resumed)) = stop {
        return Some(conversation);
    }
    conversation.rim.park.forget(&state);
    conversation.abandon().await;
    // Dropped here, which takes the request back.
    None
}

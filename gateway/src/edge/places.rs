//! How much is under way at the same time: one place per exchange. Where all are taken, requests wait, each user's turn
//! coming as often as any other's, however many of them a user sends.

use control_plane_api::{limits::Limits, name::Name};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::timeout};

/// All places.
#[derive(Default)]
pub(super) struct Places(Arc<Mutex<Room>>);

/// One place; dropping it makes room.
pub(super) struct Place(Arc<Mutex<Room>>);

#[derive(Default)]
struct Room {
    taken: u32,
    /// The bound in force when one was last asked for.
    places_max: u32,
    waiting: usize,
    /// Whose turn it is, and who waits for it.
    turns: VecDeque<(Name, VecDeque<oneshot::Sender<()>>)>,
}

/// Somebody who waits; whoever stops waiting leaves nothing behind.
struct Waiter {
    room: Arc<Mutex<Room>>,
    called: oneshot::Receiver<()>,
}

impl Places {
    /// A place, if one is free and nobody waits for it.
    pub(super) fn take(&self, limits: &Limits) -> Option<Place> {
        let mut room = self.0.lock();
        room.places_max = limits.exchanges_max;
        if room.taken >= room.places_max || room.waiting > 0 {
            return None;
        }
        room.taken += 1;
        drop(room);
        Some(Place(self.0.clone()))
    }

    /// Waits for a place for `user`, as long and with as many others as `limits` say; none if that is in vain.
    pub(super) async fn wait(&self, user: &Name, limits: &Limits) -> Option<Place> {
        let mut waiter = self.queue(user, limits)?;
        let patience = Duration::from_millis(limits.exchanges_wait_timeout_ms);
        timeout(patience, &mut waiter.called).await.ok()?.ok()?;
        // From here on the place is this one's to give back.
        Some(Place(self.0.clone()))
    }

    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.lock().waiting
    }

    fn queue(&self, user: &Name, limits: &Limits) -> Option<Waiter> {
        let mut room = self.0.lock();
        let waiting_max = usize::try_from(limits.exchanges_waiting_max).unwrap_or(usize::MAX);
        if room.waiting >= waiting_max && !room.make_room_for(user) {
            return None;
        }
        let (call, called) = oneshot::channel();
        match room.turns.iter_mut().find(|(name, _)| name == user) {
            Some((_, queue)) => queue.push_back(call),
            None => room.turns.push_back((user.clone(), VecDeque::from([call]))),
        }
        room.waiting += 1;
        // One may have become free in between.
        room.call();
        drop(room);
        Some(Waiter { room: self.0.clone(), called })
    }
}

impl Room {
    /// Gives free places to those who wait, one to each user in turn.
    fn call(&mut self) {
        while self.taken < self.places_max
            && let Some((user, mut queue)) = self.turns.pop_front()
        {
            let Some(call) = queue.pop_front() else { continue };
            self.waiting = self.waiting.saturating_sub(1);
            // Whoever stopped waiting takes no place.
            self.taken += u32::from(call.send(()).is_ok());
            if !queue.is_empty() {
                self.turns.push_back((user, queue));
            }
        }
    }

    /// Sends away the last one who waits for whoever has most waiting, if that is more than `user` would have: whoever sends
    /// much does not keep others from waiting either.
    fn make_room_for(&mut self, user: &Name) -> bool {
        let own = self.turns.iter().find(|(name, _)| name == user).map_or(0, |(_, queue)| queue.len());
        let most = self.turns.iter_mut().max_by_key(|(_, queue)| queue.len());
        let Some((_, queue)) = most.filter(|(_, queue)| queue.len() > own + 1) else {
            return false;
        };
        queue.pop_back();
        self.waiting = self.waiting.saturating_sub(1);
        true
    }

    /// Lets go of those who stopped waiting.
    fn forget_gone(&mut self) {
        for (_, queue) in &mut self.turns {
            queue.retain(|call| !call.is_closed());
        }
        self.turns.retain(|(_, queue)| !queue.is_empty());
        self.waiting = self.turns.iter().map(|(_, queue)| queue.len()).sum();
    }

    fn leave(&mut self) {
        self.taken = self.taken.saturating_sub(1);
        self.call();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().leave();
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.called.close();
        let mut room = self.room.lock();
        match self.called.try_recv() {
            // Called, and gone before it could take the place.
            Ok(()) => room.leave(),
            Err(_) => room.forget_gone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, future::join_all};
    use std::sync::Mutex as StdMutex;

    fn limits(places: u32, waiting: u32) -> Limits {
        Limits { exchanges_max: places, exchanges_waiting_max: waiting, ..Limits::default() }
    }

    fn name(name: &str) -> Name {
        name.parse().unwrap()
    }

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let places = Places::default();
        let first = places.take(&limits(2, 0));
        let second = places.take(&limits(2, 0));
        assert!(first.is_some() && second.is_some() && places.take(&limits(2, 0)).is_none());
        drop(first);
        assert!(places.take(&limits(2, 0)).is_some());
        assert!(places.take(&limits(1, 0)).is_none(), "the bound in force now counts");
    }

    #[tokio::test]
    async fn o02_who_sends_a_hundred_times_as_much_gets_no_more_turns() {
        let (places, limits) = (Places::default(), limits(1, 1_000));
        let held = places.take(&limits);
        let served = StdMutex::new(Vec::new());
        let one = async |user: &str| {
            let place = places.wait(&name(user), &limits).await;
            served.lock().unwrap().push(user.to_owned());
            drop(place);
        };
        let waiting: Vec<_> =
            std::iter::repeat_n("eve", 100).chain(["ada", "bob"]).map(|user| Box::pin(one(user))).collect();
        let all = join_all(waiting);
        tokio::pin!(all);
        assert!(all.as_mut().now_or_never().is_none());
        drop(held);
        all.await;
        let served = served.lock().unwrap().clone();
        assert_eq!((served.len(), &served[..4]), (102, &["eve", "ada", "bob", "eve"].map(str::to_owned)[..]));
    }

    #[tokio::test]
    async fn o02_who_fills_the_queue_keeps_nobody_out_of_it() {
        let (places, limits) = (Places::default(), limits(1, 4));
        let held = places.take(&limits);
        let (eve, ada) = (name("eve"), name("ada"));
        let mut eves: Vec<_> = (0..4).map(|_| Box::pin(places.wait(&eve, &limits))).collect();
        assert!(eves.iter_mut().all(|wait| wait.as_mut().now_or_never().is_none()));
        let mut adas: Vec<_> = (0..2).map(|_| Box::pin(places.wait(&ada, &limits))).collect();
        assert!(
            adas.iter_mut().all(|wait| wait.as_mut().now_or_never().is_none()),
            "both take the place of one of eve's"
        );
        let gone = eves.iter_mut().filter_map(|wait| wait.as_mut().now_or_never()).filter(Option::is_none).count();
        assert_eq!((gone, places.waiting()), (2, 4));
        // Each has as many as the other: nobody makes room any more.
        assert!(places.wait(&ada, &limits).now_or_never().unwrap().is_none());
        drop(held);
        assert!(eves[0].as_mut().now_or_never().unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn o01_waiting_is_bounded_in_number_and_time() {
        let (places, limits) = (Places::default(), limits(1, 1));
        let _held = places.take(&limits);
        let (eve, ada) = (name("eve"), name("ada"));
        let first = places.wait(&eve, &limits);
        tokio::pin!(first);
        assert!(first.as_mut().now_or_never().is_none());
        assert!(places.wait(&ada, &limits).now_or_never().unwrap().is_none(), "one too many is not kept waiting");
        assert!(first.await.is_none());
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_leaves_no_place_taken() {
        let (places, limits) = (Places::default(), limits(1, 10));
        let held = places.take(&limits);
        let (eve, ada) = (name("eve"), name("ada"));
        let mut gone = Box::pin(places.wait(&eve, &limits));
        assert!(gone.as_mut().now_or_never().is_none());
        // Called before it goes.
        drop(held);
        drop(gone);
        let held = places.take(&limits);
        let mut gone = Box::pin(places.wait(&eve, &limits));
        assert!(held.is_some() && gone.as_mut().now_or_never().is_none());
        // Goes before it is called.
        drop(gone);
        drop(held);
        assert!(places.wait(&ada, &limits).now_or_never().unwrap().is_some());
        assert_eq!(places.waiting(), 0);
    }
}

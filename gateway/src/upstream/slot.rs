//! One session at a time: opened by whoever needs it first, in a task of its own, so that an impatient caller does not
//! take a slow start down with it. Everybody else waits for the same opening.
//!
//! Deliberately unknown here: what a session is and why opening fails.

use super::UpstreamError;
use futures::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::watch;

/// Something that can turn out to be gone.
pub(super) trait Session: Clone + Send + Sync + 'static {
    /// Whether it can still take calls.
    fn is_open(&self) -> bool;
}

/// How a session comes about.
pub(super) trait Opener: Send + Sync + 'static {
    /// What is opened.
    type Session: Session;

    /// Whether opening may be tried now.
    ///
    /// # Errors
    /// What callers are told when it may not.
    fn admit(&self) -> Result<(), UpstreamError>;

    /// Opens one.
    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Self::Session, UpstreamError>>;

    /// What callers are told once the upstream was let go of.
    fn closed(&self) -> UpstreamError;
}

/// The place of the one session.
pub(super) struct Slot<S> {
    state: watch::Sender<State<S>>,
}

#[derive(Clone)]
enum State<S> {
    Empty,
    Opening,
    Open(S),
    Failed(UpstreamError),
    Closed,
}

impl<S: Session> Slot<S> {
    pub(super) fn new() -> Self {
        Self { state: watch::Sender::new(State::Empty) }
    }

    /// The session; opened now if there is none.
    ///
    /// # Errors
    /// Why it could not be opened, or may not be tried now.
    pub(super) async fn get<O: Opener<Session = S>>(&self, opener: &Arc<O>) -> Result<S, UpstreamError> {
        let mut state = self.state.subscribe();
        loop {
            // Cloned out first: the guard must be gone before `begin` writes.
            let seen = state.borrow_and_update().clone();
            match seen {
                State::Open(session) if session.is_open() => return Ok(session),
                State::Closed => return Err(opener.closed()),
                State::Opening => {}
                State::Empty | State::Open(_) | State::Failed(_) => {
                    opener.admit()?;
                    self.begin(opener);
                }
            }
            // The sender lives in `self`, so this never fails.
            let _ = state.changed().await;
            if let State::Failed(error) = &*state.borrow() {
                return Err(error.clone());
            }
        }
    }

    /// Starts opening, unless somebody else just did.
    fn begin<O: Opener<Session = S>>(&self, opener: &Arc<O>) {
        let mine = self.state.send_if_modified(|state| {
            let vacant = match state {
                State::Opening | State::Closed => false,
                State::Open(session) => !session.is_open(),
                State::Empty | State::Failed(_) => true,
            };
            if vacant {
                *state = State::Opening;
            }
            vacant
        });
        if !mine {
            return;
        }
        let (state, opener) = (self.state.clone(), Arc::clone(opener));
        tokio::spawn(async move {
            let opening = tokio::spawn(Arc::clone(&opener).open());
            let result = opening.await.unwrap_or_else(|_| Err(opener.closed()));
            state.send_if_modified(|state| {
                let awaited = matches!(state, State::Opening);
                if awaited {
                    *state = match result {
                        Ok(session) => State::Open(session),
                        Err(error) => State::Failed(error),
                    };
                }
                awaited
            });
        });
    }

    /// Whether somebody needs it: it is being opened, or `needed` says so of the session that is there.
    pub(super) fn is_needed(&self, needed: impl FnOnce(&S) -> bool) -> bool {
        match &*self.state.borrow() {
            State::Opening => true,
            State::Open(session) => needed(session),
            State::Empty | State::Failed(_) | State::Closed => false,
        }
    }

    /// Forgets the session for good; gives it back for a decent farewell.
    pub(super) fn close(&self) -> Option<S> {
        match self.state.send_replace(State::Closed) {
            State::Open(session) => Some(session),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use tokio::sync::Semaphore;

    #[derive(Clone)]
    struct Fake(Arc<AtomicBool>);

    impl Session for Fake {
        fn is_open(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }

    struct Door {
        gate: Semaphore,
        opened: AtomicU32,
        refuse: AtomicBool,
    }

    impl Opener for Door {
        type Session = Fake;

        fn admit(&self) -> Result<(), UpstreamError> {
            Ok(())
        }

        fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Fake, UpstreamError>> {
            Box::pin(async move {
                self.gate.acquire().await.unwrap().forget();
                self.opened.fetch_add(1, Ordering::SeqCst);
                if self.refuse.load(Ordering::SeqCst) { Err(self.closed()) } else { Ok(Fake(Arc::new(true.into()))) }
            })
        }

        fn closed(&self) -> UpstreamError {
            UpstreamError::Unreachable { server: "x".parse().unwrap(), reason: "closed".to_owned() }
        }
    }

    fn door() -> Arc<Door> {
        Arc::new(Door { gate: Semaphore::new(0), opened: AtomicU32::new(0), refuse: AtomicBool::new(false) })
    }

    #[tokio::test]
    async fn many_callers_share_one_opening_and_an_impatient_one_does_not_end_it() {
        let (slot, door) = (Slot::new(), door());
        // Polled once, then dropped: the caller that gave up.
        assert!(futures::FutureExt::now_or_never(slot.get(&door)).is_none());
        door.gate.add_permits(1);
        let (a, b) = tokio::join!(slot.get(&door), slot.get(&door));
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(door.opened.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_session_that_is_gone_is_opened_anew() {
        let (slot, door) = (Slot::new(), door());
        door.gate.add_permits(2);
        let first = slot.get(&door).await.unwrap();
        first.0.store(false, Ordering::SeqCst);
        slot.get(&door).await.unwrap();
        assert_eq!(door.opened.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_waited_for_a_failed_opening_is_told_and_who_comes_later_tries_again() {
        let (slot, door) = (Slot::new(), door());
        door.refuse.store(true, Ordering::SeqCst);
        door.gate.add_permits(2);
        assert!(slot.get(&door).await.is_err());
        door.refuse.store(false, Ordering::SeqCst);
        assert!(slot.get(&door).await.is_ok());
        assert!(slot.close().is_some());
        assert!(slot.get(&door).await.is_err());
    }
}

//! A few threads that take jobs from a bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Something to do.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The queue is full, or its threads are gone.
#[derive(Debug)]
pub(super) struct Refused;

/// The threads. They end when the pool is dropped and the queue is empty.
pub(super) struct Pool {
    queue: SyncSender<Job>,
}

impl Pool {
    /// Starts `threads` threads behind a queue of `queue_max` jobs. Where the system gives no thread at all, every
    /// job is refused.
    pub(super) fn start(threads: usize, queue_max: usize) -> Self {
        let (queue, jobs) = sync_channel(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads.max(1) {
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new().name(format!("relevance-{number}"));
            if let Err(error) = thread.spawn(move || work(&jobs)) {
                tracing::error!(%error, "no thread for judging results");
            }
        }
        Self { queue }
    }

    /// Queues a job without waiting.
    pub(super) fn submit(&self, job: Job) -> Result<(), Refused> {
        self.queue.try_send(job).map_err(|_| Refused)
    }
}

/// Does jobs until the pool is gone. A job that panics takes only itself down: whoever waits for it sees its end.
fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("judging a result failed; it is passed whole");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel as channel;

    #[test]
    fn a_full_queue_refuses_and_a_panic_ends_only_its_job() {
        let pool = Pool::start(1, 1);
        let (started, has_started) = channel(1);
        let (release, is_released) = channel::<()>(1);
        pool.submit(Box::new(move || {
            started.send(()).unwrap();
            is_released.recv().unwrap();
            panic!("on purpose");
        }))
        .unwrap();
        has_started.recv().unwrap();
        let (done, is_done) = channel(1);
        pool.submit(Box::new(move || done.send(7).unwrap())).unwrap();
        assert!(pool.submit(Box::new(|| ())).is_err());
        release.send(()).unwrap();
        assert_eq!(is_done.recv(), Ok(7));
    }
}

//! The one thread that starts processes. The kernel tells a process that its parent is gone when the *thread* that started
//! it ends (prctl(2), PR_SET_PDEATHSIG), and those of a runtime come and go: this one lives as long as the gateway.

use std::{
    io,
    sync::{
        OnceLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
};

/// Starts that wait for the thread; whoever comes beyond them waits to wait.
const WAITING_MAX: usize = 16;

struct Job {
    command: Command,
    /// Where the end of the process is noticed.
    runtime: Handle,
    started: SyncSender<io::Result<Child>>,
}

/// Starts `command`. Call on a runtime. Returns as soon as the system has started it, which takes milliseconds.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static THREAD: OnceLock<Result<SyncSender<Job>, io::ErrorKind>> = OnceLock::new();
    let jobs = THREAD.get_or_init(|| {
        let (jobs, queue) = sync_channel(WAITING_MAX);
        thread::Builder::new().name("spawner".to_owned()).spawn(move || serve(&queue)).map_err(|e| e.kind())?;
        Ok(jobs)
    });
    let gone = || io::Error::other("the thread that starts processes is gone");
    let (started, answer) = sync_channel(1);
    let job = Job { command, runtime: Handle::current(), started };
    jobs.as_ref().map_err(|kind| io::Error::from(*kind))?.send(job).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn serve(queue: &Receiver<Job>) {
    while let Ok(Job { mut command, runtime, started }) = queue.recv() {
        let _inside = runtime.enter();
        // Nobody waits any more: the process is killed with the handle.
        let _ = started.send(command.spawn());
    }
}

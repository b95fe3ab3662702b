//! The access log: one line of JSON for every exchange when it ends. For who counts and searches, not for who has to
//! prove something: that is the audit log, whose records have the same ids.
//!
//! A line holds what the audit record of the outcome holds of who, what and how it ended; never arguments, results or
//! credentials. Lines are written on a thread of their own; a disk that is too slow costs lines, which are counted, and
//! never a call.

use crate::{metrics::Metrics, settings::AccessLogTarget};
use anyhow::{Context as _, Result};
use control_plane_api::{
    audit::{AuditEvent, Decision, Outcome},
    name::Name,
    timestamp::Timestamp,
};
use scrubber::Scrubber;
use serde::Serialize;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// Lines that wait for the disk, at most.
const LINES_MAX: usize = 8192;
/// Lines until they have to be in the file.
const AT_ONCE_MAX: u64 = 1024;
/// Time that lines get to reach the disk when the process ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// Takes lines; none at all by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct AccessLog(Option<Arc<Queue>>);

struct Queue {
    lines: SyncSender<Job>,
    metrics: Metrics,
    scrubber: Scrubber,
}

enum Job {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    End(oneshot::Sender<()>),
}

impl AccessLog {
    /// Lines go to `target`, without what `scrubber` keeps out.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn start(target: &AccessLogTarget, scrubber: Scrubber, metrics: &Metrics) -> Result<Self> {
        let mut sink: Box<dyn Sink> = match target {
            AccessLogTarget::Off => return Ok(Self::default()),
            AccessLogTarget::Stderr => Box::new(Stderr),
            AccessLogTarget::File(path) => Box::new(
                Appended::open(path)
                    .with_context(|| format!("the access log `{}` cannot be opened", path.display()))?,
            ),
        };
        let (lines, jobs) = sync_channel(LINES_MAX);
        let lost = metrics.clone();
        thread::Builder::new().name("access-log".to_owned()).spawn(move || write(&jobs, sink.as_mut(), &lost))?;
        Ok(Self(Some(Arc::new(Queue { lines, metrics: metrics.clone(), scrubber }))))
    }

    /// Writes down the exchange of which `event` tells the outcome; `upstream`: what of its time the server had.
    pub fn tell(&self, event: &AuditEvent, upstream: Option<Duration>) {
        let Some(queue) = &self.0 else { return };
        let Ok(text) = serde_json::to_string(&Line::of(event, upstream)) else { return };
        let mut line = queue.scrubber.text(&text).into_owned().into_bytes();
        line.push(b'\n');
        if queue.lines.try_send(Job::Line(line)).is_err() {
            queue.metrics.access_lines_dropped(1);
        }
    }

    /// Waits a moment until everything is written.
    pub async fn close(&self) {
        let Some(queue) = self.0.clone() else { return };
        let (written, all) = oneshot::channel();
        let ended = tokio::task::spawn_blocking(move || queue.lines.send(Job::End(written)));
        let _ = tokio::time::timeout(FAREWELL, async move {
            let _ = ended.await;
            let _ = all.await;
        })
        .await;
    }
}

/// What a line says.
#[derive(Serialize)]
struct Line<'a> {
    time: Timestamp,
    audit_id: &'a str,
    trace_id: Option<&'a str>,
    user: Option<&'a Name>,
    project: Option<&'a str>,
    method: &'a str,
    server: Option<&'a Name>,
    /// The tool, prompt or resource.
    target: Option<&'a str>,
    decision: Decision,
    outcome: Outcome,
    reason: &'a str,
    duration_ms: u64,
    upstream_ms: Option<u64>,
    request_bytes: u64,
    reply_bytes: u64,
    kept: Option<u64>,
    total: Option<u64>,
}

impl<'a> Line<'a> {
    fn of(event: &'a AuditEvent, upstream: Option<Duration>) -> Self {
        let relevance = event.relevance.as_ref();
        Self {
            time: event.time,
            audit_id: &event.id,
            trace_id: event.trace_id.as_deref(),
            user: event.user.as_ref(),
            project: event.project.as_deref(),
            method: &event.method,
            server: event.server.as_ref(),
            target: event.target.as_deref(),
            decision: event.decision,
            outcome: event.outcome,
            reason: &event.reason,
            duration_ms: event.duration_ms,
            upstream_ms: upstream.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            request_bytes: event.request_bytes,
            reply_bytes: event.reply_bytes,
            kept: relevance.map(|done| done.kept),
            total: relevance.map(|done| done.total),
        }
    }
}

/// Writes what comes until nobody can send any more.
fn write(jobs: &Receiver<Job>, sink: &mut dyn Sink, lost: &Metrics) {
    let mut is_failing = false;
    while let Ok(mut job) = jobs.recv() {
        // As much as there is, and then all of it at once.
        let (mut lines, mut ends) = (0, Vec::new());
        let mut taken = Ok(());
        loop {
            match job {
                Job::Line(line) => {
                    lines += 1;
                    taken = taken.and_then(|()| sink.take(&line));
                }
                Job::End(end) => ends.push(end),
            }
            if lines == AT_ONCE_MAX {
                break;
            }
            match jobs.try_recv() {
                Ok(next) => job = next,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        match taken.and_then(|()| sink.flush()) {
            Ok(()) => is_failing = false,
            Err(error) => {
                lost.access_lines_dropped(lines);
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::error!(%error, "the access log cannot be written: its lines are lost until it can");
                }
            }
        }
        for end in ends {
            let _ = end.send(());
        }
    }
}

/// Where lines go.
trait Sink: Send {
    fn take(&mut self, line: &[u8]) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

struct Stderr;

impl Sink for Stderr {
    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        io::stderr().lock().write_all(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file at its end. One that somebody moved away, as rotation does, is opened anew.
struct Appended {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Appended {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    fn is_moved(&self) -> bool {
        let (Ok(open), there) = (self.file.get_ref().metadata(), fs::metadata(&self.path)) else { return true };
        there.map_or(true, |there| (there.dev(), there.ino()) != (open.dev(), open.ino()))
    }
}

impl Sink for Appended {
    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if self.is_moved() {
            *self = Self::open(&self.path)?;
        }
        Ok(())
    }
}

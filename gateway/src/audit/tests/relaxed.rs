//! What `relaxed` gives up, and what it does not.

use super::{
    super::{AuditError, AuditOptions, Auditor, Disk, LocalDisk, Mode, disk::SegmentFile},
    check_chain, event, exchange, log, segment, signer, small,
};
use crate::metrics::Metrics;
use control_plane_api::audit::Phase;
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A disk that counts how often it is waited for.
struct Counting(Arc<AtomicUsize>);

struct CountingFile(Box<dyn SegmentFile>, Arc<AtomicUsize>);

impl Disk for Counting {
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(CountingFile(LocalDisk.create(path, bytes)?, Arc::clone(&self.0))))
    }
}

impl SegmentFile for CountingFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.sync()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.cut(bytes)
    }
}

/// How often the disk was waited for while 25 exchanges were written down, one after the other, in `mode`.
async fn syncs(mode: Mode) -> usize {
    let (dir, counted) = (tempfile::tempdir().unwrap(), Arc::<AtomicUsize>::default());
    // As long as it takes: records beyond the first wait until the log is closed, which is not waited for either.
    let options =
        AuditOptions { mode, linger: Duration::from_secs(2), queue_max: 100, segment_bytes: 1 << 20, ..small() };
    let disk = Box::new(Counting(Arc::clone(&counted)));
    let auditor = Auditor::open_on(disk, dir.path(), signer(), options, Metrics::new().unwrap()).unwrap();
    for number in 0..25 {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    auditor.close().await;
    assert_eq!(log(dir.path()).len(), 50);
    counted.load(Ordering::Relaxed)
}

#[tokio::test]
async fn records_that_nobody_waits_for_share_a_write() {
    assert_eq!((syncs(Mode::Relaxed).await, syncs(Mode::Strict).await > 49), (1, true));
}

fn relaxed(dir: &Path) -> Auditor {
    let options = AuditOptions { mode: Mode::Relaxed, ..small() };
    Auditor::open(dir, signer(), options, Metrics::new().unwrap()).unwrap()
}

#[tokio::test]
async fn what_was_not_waited_for_is_written_all_the_same_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = relaxed(dir.path());
    for number in 0..50 {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    auditor.close().await;
    assert_eq!(log(dir.path()).len(), 100);
    check_chain(dir.path());
}

#[tokio::test]
async fn a_log_that_is_known_to_be_unwritable_refuses_calls_until_it_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = relaxed(dir.path());
    exchange(&auditor, "a").await.unwrap();
    while log(dir.path()).len() < 2 {
        tokio::task::yield_now().await;
    }
    let moved = dir.path().with_extension("moved");
    std::fs::rename(dir.path(), &moved).unwrap();
    std::fs::remove_file(&segment::list(&moved).unwrap()[0].path).unwrap();
    let refused = loop {
        match auditor.append(event("b", Phase::Intent)).await {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AuditError::Unwritable(_)), "{refused}");
    assert!(auditor.append(event("c", Phase::Intent)).await.is_err());
    std::fs::rename(&moved, dir.path()).unwrap();
    exchange(&auditor, "d").await.unwrap();
    auditor.close().await;
    assert_eq!(log(dir.path()).len(), 2);
}

//! A disk that fails where it is told to, and forgets at a power cut what was not synced.

use super::{
    super::{AuditError, Auditor, Disk, LocalDisk, disk::SegmentFile, segment},
    check_chain, event, exchange, log, open, signer, small,
};
use crate::metrics::Metrics;
use control_plane_api::audit::Phase;
use proptest::prelude::{Just, ProptestConfig, prop_oneof, proptest};
use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing happens but the error.
    Clean,
    /// Half of the bytes get to the disk all the same.
    Torn,
    /// Everything gets to the disk all the same.
    Whole,
}

/// Which operations fail: the `at`-th, and with `dead` every later one (the power is out).
#[derive(Debug, Clone)]
struct Plan {
    at: usize,
    fault: Fault,
    dead: bool,
}

struct FaultyDisk {
    plan: Plan,
    done: Arc<Mutex<usize>>,
}

struct FaultyFile {
    file: Box<dyn SegmentFile>,
    plan: Plan,
    done: Arc<Mutex<usize>>,
    unsynced: Vec<(Vec<u8>, u64)>,
}

/// Counts one operation; its fault, if it has one.
fn strike(plan: &Plan, done: &Mutex<usize>) -> Option<Fault> {
    let mut done = done.lock().unwrap();
    let number = *done;
    *done += 1;
    match number {
        _ if number == plan.at => Some(plan.fault),
        _ if number > plan.at && plan.dead => Some(Fault::Clean),
        _ => None,
    }
}

fn broken() -> io::Error {
    io::Error::other("input/output error")
}

impl Disk for FaultyDisk {
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<Box<dyn SegmentFile>> {
        let fault = strike(&self.plan, &self.done);
        if fault == Some(Fault::Clean) {
            return Err(broken());
        }
        let file = LocalDisk.create(path, bytes)?;
        if fault.is_some() {
            return Err(broken());
        }
        let (plan, done) = (self.plan.clone(), Arc::clone(&self.done));
        Ok(Box::new(FaultyFile { file, plan, done, unsynced: Vec::new() }))
    }
}

impl SegmentFile for FaultyFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.unsynced.push((bytes.to_vec(), offset));
        match strike(&self.plan, &self.done) {
            Some(fault) => self.flush(fault).and(Err(broken())),
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match strike(&self.plan, &self.done) {
            Some(fault) => self.flush(fault).and(Err(broken())),
            None => self.flush(Fault::Whole),
        }
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        match strike(&self.plan, &self.done) {
            Some(_) => Err(broken()),
            None => self.file.cut(bytes),
        }
    }
}

impl FaultyFile {
    fn flush(&mut self, how: Fault) -> io::Result<()> {
        for (bytes, offset) in self.unsynced.drain(..) {
            let length = match how {
                Fault::Clean => 0,
                Fault::Torn => bytes.len() / 2,
                Fault::Whole => bytes.len(),
            };
            self.file.write_at(&bytes[..length], offset)?;
        }
        Ok(())
    }
}

fn open_faulty(dir: &Path, plan: Plan) -> Auditor {
    let disk = FaultyDisk { plan, done: Arc::default() };
    Auditor::open_on(Box::new(disk), dir, signer(), small(), Metrics::new().unwrap()).unwrap()
}

/// Appends exchanges to a log that fails by `plan`, then starts again on a good disk. Gives how many appends failed.
async fn check(plan: Plan, exchanges: usize) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open_faulty(dir.path(), plan.clone());
    let (mut acknowledged, mut failed) = (Vec::new(), 0);
    for number in 0..exchanges {
        for phase in [Phase::Intent, Phase::Outcome] {
            match auditor.append(event(&number.to_string(), phase)).await {
                Ok(()) => acknowledged.push((number.to_string(), phase)),
                Err(_) => failed += 1,
            }
        }
    }
    auditor.close().await;
    drop(auditor);
    let auditor = open(dir.path());
    exchange(&auditor, "after").await.unwrap();
    auditor.close().await;
    let events = log(dir.path());
    check_chain(dir.path());
    let mut found = events.iter().map(|event| (event.id.clone(), event.phase));
    for record in &acknowledged {
        assert!(found.any(|one| one == *record), "{record:?} was acknowledged and is lost, or out of order: {plan:?}");
    }
    for intent in events.iter().filter(|event| event.phase == Phase::Intent) {
        let outcomes = events.iter().filter(|event| event.phase == Phase::Outcome && event.id == intent.id).count();
        assert!(outcomes >= 1, "exchange {} has no outcome: {plan:?}", intent.id);
    }
    failed
}

#[tokio::test]
async fn whichever_operation_fails_nothing_acknowledged_is_lost_and_the_log_goes_on() {
    for fault in [Fault::Clean, Fault::Torn, Fault::Whole] {
        for at in 0..30 {
            let failed = check(Plan { at, fault, dead: false }, 8).await;
            assert!(failed <= 1, "one failure cost {failed} records: {fault:?} at {at}");
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_gone_fails_every_append() {
    assert_eq!(check(Plan { at: 0, fault: Fault::Clean, dead: true }, 4).await, 8);
}

#[tokio::test]
async fn a_full_spool_refuses_records_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let options = super::AuditOptions { spool_bytes_max: 6_000, ..small() };
    let auditor = Auditor::open(dir.path(), signer(), options, Metrics::new().unwrap()).unwrap();
    let mut stored = 0;
    let full = loop {
        match auditor.append(event("x", Phase::Outcome)).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, AuditError::Full { bytes_max: 6_000 }), "{full}");
    assert!(segment::bytes(dir.path()).unwrap() <= 6_000);
    assert_eq!(log(dir.path()).len(), stored);
    std::fs::remove_file(&segment::list(dir.path()).unwrap()[0].path).unwrap();
    auditor.append(event("x", Phase::Outcome)).await.unwrap();
    check_chain(dir.path());
}

#[tokio::test]
async fn a_segment_deleted_under_the_writer_is_noticed_before_anything_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    exchange(&auditor, "a").await.unwrap();
    std::fs::remove_file(&segment::list(dir.path()).unwrap()[0].path).unwrap();
    assert!(matches!(exchange(&auditor, "b").await, Err(AuditError::Unwritable(_))));
    exchange(&auditor, "c").await.unwrap();
    assert_eq!(log(dir.path()).len(), 2);
    std::fs::rename(dir.path(), dir.path().with_extension("moved")).unwrap();
    let segments = segment::list(&dir.path().with_extension("moved")).unwrap();
    std::fs::remove_file(&segments[0].path).unwrap();
    for _ in 0..2 {
        assert!(matches!(exchange(&auditor, "d").await, Err(AuditError::Unwritable(_))));
    }
    std::fs::rename(dir.path().with_extension("moved"), dir.path()).unwrap();
    exchange(&auditor, "e").await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_power_cut_at_any_moment_loses_nothing_acknowledged(
        at in 0_usize..60,
        fault in prop_oneof![Just(Fault::Clean), Just(Fault::Torn), Just(Fault::Whole)],
        callers in 1_usize..8,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let acknowledged: Vec<String> = runtime.block_on(async {
            let auditor = open_faulty(dir.path(), Plan { at, fault, dead: true });
            let tasks: Vec<_> = (0..callers).map(|caller| {
                let auditor = auditor.clone();
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for number in 0..20 {
                        let id = format!("{caller}/{number}");
                        if auditor.append(event(&id, Phase::Intent)).await.is_ok() {
                            acknowledged.push(id);
                        }
                    }
                    acknowledged
                })
            }).collect();
            let mut all = Vec::new();
            for task in tasks {
                all.extend(task.await.unwrap());
            }
            auditor.close().await;
            all
        });
        runtime.block_on(open(dir.path()).close());
        let events = log(dir.path());
        check_chain(dir.path());
        for id in acknowledged {
            let of = |phase| events.iter().filter(|event| event.id == id && event.phase == phase).count();
            assert_eq!((of(Phase::Intent), of(Phase::Outcome)), (1, 1), "{id}");
        }
    }
}

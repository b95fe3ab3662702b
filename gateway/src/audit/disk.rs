//! The few things the writer does to a disk, behind a trait, so that tests can make every one of them fail.

use crate::settings::sync_parent;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Makes segment files.
pub(super) trait Disk: Send {
    /// Makes the file at `path` with `bytes` of room in it, durably; what was there before is replaced.
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<Box<dyn SegmentFile>>;
}

/// One open segment file. After an error it is never written again: what a failed sync left behind is not known.
pub(super) trait SegmentFile: Send {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable; fails also when the file is not in its directory any more.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `bytes`, durably.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// The real disk.
pub(super) struct LocalDisk;

impl Disk for LocalDisk {
    /// Room is reserved by writing zeros: later syncs then carry no metadata, which makes them several times faster.
    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<Box<dyn SegmentFile>> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        match reserve(&mut file, bytes).and_then(|()| sync_parent(path)) {
            Ok(()) => Ok(Box::new(file)),
            Err(error) => {
                // It holds nothing, and on a full disk its room is needed. A leftover is removed at the next start.
                let _ = std::fs::remove_file(path);
                Err(error)
            }
        }
    }
}

fn reserve(file: &mut File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let step = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all(zeros.get(..step).unwrap_or_default())?;
        left -= step as u64;
    }
    file.sync_all()
}

impl SegmentFile for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()?;
        if self.metadata()?.nlink() == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the segment file was deleted"));
        }
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)?;
        self.sync_all()
    }
}

//! Sealed results as files, named by number: a name says nothing about an id.

use crate::settings::make_private;
use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The folder.
pub(super) struct Disk {
    folder: PathBuf,
    next: AtomicU64,
}

impl Disk {
    /// Empties `folder`: whatever is in it was sealed under a key that is gone.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => make_private(folder)?,
        }
        Ok(Self { folder: folder.to_owned(), next: AtomicU64::new(0) })
    }

    /// Writes `sealed` into a file of its own; its number. None where the disk does not take it.
    pub(super) fn write(&self, sealed: &[u8]) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.path(number);
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        match file.and_then(|mut file| file.write_all(sealed)) {
            Ok(()) => Some(number),
            Err(error) => {
                tracing::warn!(%error, "a shortened result cannot be kept on disk");
                let _ = std::fs::remove_file(path);
                None
            }
        }
    }

    pub(super) fn read(&self, number: u64) -> Option<Vec<u8>> {
        std::fs::read(self.path(number)).ok()
    }

    pub(super) fn remove(&self, numbers: &[u64]) {
        for number in numbers {
            let _ = std::fs::remove_file(self.path(*number));
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.sealed"))
    }
}

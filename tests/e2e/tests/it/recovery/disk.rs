//! A small disk of its own for the database, so that it can be filled; only root can make one.

use crate::said::aloud;
use std::{fs, io::Write as _, path::PathBuf, process::Command};

/// Room for a new cluster and some work.
const SIZE: &str = "size=192m,mode=1777";

pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// None where that is not permitted, which is said.
    pub(crate) fn of_its_own() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("mcpctl-disk-").tempdir().unwrap().keep();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "mcpctl-e2e"]).arg(&folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self { folder });
        }
        fs::remove_dir(&folder).ok();
        aloud("recovery: NOT RUN: a full disk of PostgreSQL, because this user may not mount a tmpfs");
        None
    }

    pub(crate) fn path(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// Takes all the room there is.
    pub(crate) fn fill(&self) {
        let mut file = fs::File::create(self.folder.join("ballast")).unwrap();
        let mut piece = vec![0; 1 << 20];
        while !piece.is_empty() {
            // The last bytes, too.
            if file.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.folder.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The database may still be ending.
        Command::new("umount").arg("-l").arg(&self.folder).status().ok();
        fs::remove_dir(&self.folder).ok();
    }
}

//! The folder with mcpctl's own files, and the disk it lies on: audit records and configuration go there.

use super::{
    check::{Check, Name},
    known::Known,
};
use crate::home::mode_of;
use rustix::fs::statvfs;

/// Less free space than this is worth a word, in bytes.
const FREE_BYTES_LOW: u64 = 1 << 30;
/// With less than this nothing is promised: what cannot be written down is not forwarded.
const FREE_BYTES_MIN: u64 = 64 << 20;

pub(super) fn checks(known: &Known<'_>) -> Vec<Check> {
    vec![home(known), disk(known)]
}

fn home(known: &Known<'_>) -> Check {
    let root = known.invocation.home.root();
    let shown = root.display();
    match mode_of(root) {
        None => Check::warn(Name::Home, format!("`{shown}` does not exist yet")).fix("mcpctl daemon start"),
        Some(mode) if mode & 0o077 != 0 => {
            Check::fail(Name::Home, format!("`{shown}` is open to other users (mode {mode:o})"))
                .fix(format!("chmod 700 {shown}"))
        }
        Some(_) => Check::ok(Name::Home, format!("`{shown}` is private")),
    }
}

fn disk(known: &Known<'_>) -> Check {
    let root = known.invocation.home.root();
    let there = root.ancestors().find(|path| path.exists()).unwrap_or(root);
    let free = match statvfs(there) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return Check::warn(Name::Disk, format!("its free space cannot be told: {error}")),
    };
    let found = format!("{} MiB free where `{}` is", free >> 20, there.display());
    match free {
        _ if free < FREE_BYTES_MIN => {
            Check::fail(Name::Disk, found).advice("make room there: what cannot be written down is not forwarded")
        }
        _ if free < FREE_BYTES_LOW => Check::warn(Name::Disk, found).advice("make room there"),
        _ => Check::ok(Name::Disk, found),
    }
}

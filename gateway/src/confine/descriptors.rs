//! Descriptors that whoever started the gateway left open are not for its servers.

use std::{fs, io, os::fd::RawFd};

/// Where a process finds the numbers of its descriptors.
const OPEN: &str = "/dev/fd";
/// Standard input, output and error.
const KEPT_MAX: RawFd = 2;

/// Closes every descriptor but the three of a server.
pub(super) fn close_inherited() -> io::Result<()> {
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<RawFd>().ok();
    let open: Vec<RawFd> = fs::read_dir(OPEN)?.filter_map(number).filter(|number| *number > KEPT_MAX).collect();
    for number in open {
        // Fails for the one by which the list was read: that is closed by now.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}

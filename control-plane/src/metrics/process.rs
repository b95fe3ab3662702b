//! What the system says about this process. Where it has no `/proc`, it says nothing.

use std::fs;

/// What `/proc` counts time in: a hundredth of a second, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// How much this process uses, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<u64>,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) open_fds: Option<u64>,
}

impl Process {
    /// As it is now.
    pub(super) fn now() -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).ok();
        Self {
            resident_bytes: read("status").and_then(|status| resident_bytes(&status)),
            cpu_seconds: read("stat").and_then(|stat| cpu_seconds(&stat)),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|open| open.count() as u64),
        }
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kibibytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

/// The time in user mode and in the kernel, fields 14 and 15 of `proc(5)`. A program's name, the second, may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proc_says_is_read_also_of_a_program_with_a_strange_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 9 9 0 0 150 50 3 3 20 0 4 0 99 1000 20";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        assert_eq!(resident_bytes("VmHWM:\t  9 kB\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(resident_bytes("VmRSS: x kB"), None);
    }

    #[test]
    fn this_process_has_memory_and_open_files() {
        let process = Process::now();
        assert!(process.resident_bytes.unwrap() > 1 << 20 && process.open_fds.unwrap() > 2);
        assert!(process.cpu_seconds.unwrap() < 100_000.0);
    }
}

//! What the system says about this process: how much it uses, and how much it may.

use rustix::process::{Resource, getrlimit};
use std::{fs, path::PathBuf};

/// So much of so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) now: u64,
    pub(super) max: u64,
}

impl Used {
    /// Where nothing is known, nothing is used.
    const UNKNOWN: Self = Self { now: 0, max: u64::MAX };

    pub(super) fn percent(self) -> u32 {
        let percent = u128::from(self.now) * 100 / u128::from(self.max.max(1));
        u32::try_from(percent).unwrap_or(u32::MAX)
    }
}

/// One look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readings {
    pub(super) memory: Used,
    pub(super) descriptors: Used,
}

impl Readings {
    pub(super) fn now() -> Self {
        Self { memory: memory(), descriptors: descriptors() }
    }
}

/// Memory in use against the narrowest bound there is. Within a control group that bounds it, everything in there counts,
/// servers included, but what the kernel can take back.
fn memory() -> Used {
    let group = groups().into_iter().filter_map(|group| group.used()).max_by_key(|used| used.percent());
    let own = resident().zip(total()).map(|(now, max)| Used { now, max });
    let all = [group, own].into_iter().flatten();
    all.max_by_key(|used| used.percent()).unwrap_or(Used::UNKNOWN)
}

fn descriptors() -> Used {
    let open = fs::read_dir("/proc/self/fd").map(Iterator::count).ok().and_then(|open| u64::try_from(open).ok());
    match (open, getrlimit(Resource::Nofile).current) {
        (Some(now), Some(max)) => Used { now, max },
        _ => Used::UNKNOWN,
    }
}

/// A control group, and what its files are called.
struct Group {
    directory: PathBuf,
    max: &'static str,
    now: &'static str,
    reclaimable: &'static str,
}

impl Group {
    /// None where it bounds nothing.
    fn used(&self) -> Option<Used> {
        let number = |file: &str| fs::read_to_string(self.directory.join(file)).ok()?.trim().parse::<u64>().ok();
        let max = number(self.max)?;
        let statistics = fs::read_to_string(self.directory.join("memory.stat")).ok()?;
        let reclaimable = field(&statistics, self.reclaimable).unwrap_or(0);
        Some(Used { now: number(self.now)?.saturating_sub(reclaimable), max })
    }
}

/// The groups this process is in that may bound its memory (cgroups(7)): of version 2 the line without controllers.
fn groups() -> Vec<Group> {
    groups_in(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default())
}

fn groups_in(lines: &str) -> Vec<Group> {
    let group = |line: &str| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let below = |root: &str| PathBuf::from(format!("{root}{path}"));
        let group = match controllers {
            "" => Group {
                directory: below("/sys/fs/cgroup"),
                max: "memory.max",
                now: "memory.current",
                reclaimable: "inactive_file",
            },
            "memory" => Group {
                directory: below("/sys/fs/cgroup/memory"),
                max: "memory.limit_in_bytes",
                now: "memory.usage_in_bytes",
                reclaimable: "total_inactive_file",
            },
            _ => return None,
        };
        Some(group)
    };
    lines.lines().filter_map(group).collect()
}

/// Memory of this process, in bytes.
fn resident() -> Option<u64> {
    Some(field(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")? << 10)
}

/// Memory of the machine, in bytes.
fn total() -> Option<u64> {
    Some(field(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")? << 10)
}

/// The number behind `name` in lines of names and numbers.
fn field(lines: &str, name: &str) -> Option<u64> {
    let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix([' ', '\t']))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_found() {
        let check =
            |lines: &str| groups_in(lines).into_iter().map(|g| g.directory.display().to_string()).collect::<Vec<_>>();
        assert_eq!(check("0::/system.slice/x.service\n"), ["/sys/fs/cgroup/system.slice/x.service"]);
        assert_eq!(check("12:cpu,cpuacct:/a\n4:memory:/b\n"), ["/sys/fs/cgroup/memory/b"]);
        assert!(check("").is_empty());
    }

    #[test]
    fn a_number_is_found_behind_its_whole_name() {
        assert_eq!(field("VmRSSx:  1 kB\nVmRSS:\t  42 kB\n", "VmRSS:"), Some(42));
        assert_eq!(field("inactive_file_x 1\ninactive_file 7\n", "inactive_file"), Some(7));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something_and_may_use_more() {
        let now = Readings::now();
        assert!(now.memory.now > 0 && now.descriptors.now > 2 && now.descriptors.percent() < 100, "{now:?}");
    }
}

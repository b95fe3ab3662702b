//! Every process below another one, also those that left its process group and its session.
//!
//! A process that loses its parent is adopted by the next one above that takes orphans in, which the outer stage of
//! confinement does: so nothing gets out of the tree below it.

use rustix::process::{Pid, Signal, kill_process};
use std::{collections::HashMap, fs};

/// Rounds of looking and killing. Each leaves only what was started during it, by what is dead by then.
const ROUNDS_MAX: usize = 64;

/// Kills everything below `root`, but not `root`.
pub(crate) fn kill_below(root: u32) {
    for _ in 0..ROUNDS_MAX {
        let found = below(root, &living());
        if found.is_empty() {
            return;
        }
        for pid in found.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // Fails only for one that is gone, which is what is wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// What is below `root` by the `parents` of all processes.
fn below(root: u32, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(pid, of)| **of == parent && **pid != parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.remove(0);
    found
}

/// Every process that is not dead, with its parent. Empty where the system has no `/proc`.
fn living() -> HashMap<u32, u32> {
    let stat = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        parent(&fs::read_to_string(entry.path().join("stat")).ok()?).map(|parent| (pid, parent))
    };
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(stat).collect()
}

/// The parent in a line of `/proc/<pid>/stat` (proc(5)); none of a dead process. The name of the program may hold anything.
fn parent(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

/// Processes and threads of the user of this process, as far as the system tells.
#[cfg(target_os = "linux")]
pub(super) fn of_this_user() -> u32 {
    let user = rustix::process::getuid().as_raw();
    let threads = |entry: fs::DirEntry| {
        let _: u32 = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u32>().ok()
        };
        (number("Uid:")? == user).then_some(number("Threads:")?)
    };
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(threads).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parents: &[(u32, u32)], root: u32) -> Vec<u32> {
        let mut found = below(root, &parents.iter().copied().collect());
        found.sort_unstable();
        found
    }

    #[test]
    fn everything_below_is_found_and_nothing_beside() {
        let parents = [(1, 0), (10, 1), (11, 10), (12, 11), (13, 11), (20, 1), (21, 20)];
        assert_eq!(check(&parents, 10), [11, 12, 13]);
        assert!(check(&parents, 13).is_empty() && check(&parents, 99).is_empty());
    }

    #[test]
    fn a_name_cannot_forge_a_parent() {
        assert_eq!(parent("7 (a) S 1 (b)) S 42 7 7 0"), Some(42));
        assert_eq!(parent("7 (sh) Z 42 7 7 0"), None);
        assert_eq!(parent("7 (sh"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_user_has_a_process() {
        assert!(of_this_user() > 0);
    }
}

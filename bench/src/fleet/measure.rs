//! Numbers: spreads of times, and what a process has used.

use anyhow::{Context as _, Result};
use serde::Serialize;
use std::{
    fs,
    time::{Duration, Instant},
};

/// Clock ticks in a second, as `/proc` counts processor time for programs on Linux whatever the kernel is built for.
const TICKS_PER_S: f64 = 100.0;

/// How long something took, over all gateways and changes, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Spread {
    /// Half were quicker.
    pub p50_ms: f64,
    /// One in a hundred was slower.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Spread {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1));
        let ms = |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64() * 1e3;
        Self { p50_ms: ms(at(50)), p99_ms: ms(at(99)), max_ms: ms(times.last()) }
    }
}

/// How long after `begin` each of `times` was; none was before.
pub(super) fn since(begin: Instant, times: &[Instant]) -> Vec<Duration> {
    times.iter().map(|at| at.saturating_duration_since(begin)).collect()
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Processor time of all its threads, in seconds.
    pub(super) cpu_s: f64,
    /// Memory that is resident now, in bytes.
    pub(super) resident_bytes: u64,
    /// The most that was resident, in bytes, since the process began or [`forget_peak`].
    pub(super) peak_bytes: u64,
}

impl Usage {
    /// Of the process `pid`.
    pub(super) fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("mcpd is gone")?;
        // The second field is the name of the program, in parentheses; the 14th and 15th are the time used.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("mcpd is gone")?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.unwrap_or_default() * 1_024
        };
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let cpu_s = ticks as f64 / TICKS_PER_S;
        Ok(Self { cpu_s, resident_bytes: bytes("VmRSS:"), peak_bytes: bytes("VmHWM:") })
    }
}

/// Lets the peak of the process `pid` begin anew.
pub(super) fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("cannot reset the peak of mcpd's memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_names_real_times() {
        let times = (1..=200).map(Duration::from_millis).collect();
        let spread = Spread::of(times);
        assert_eq!([spread.p50_ms, spread.p99_ms, spread.max_ms].map(f64::round), [100.0, 198.0, 200.0]);
        assert_eq!(Spread::of(Vec::new()).max_ms, 0.0);
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.peak_bytes >= usage.resident_bytes && usage.cpu_s >= 0.0);
    }
}

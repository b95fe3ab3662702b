//! What the system says about this process, under the names every Prometheus client gives it. Nothing where there is no
//! `/proc`.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use std::fmt;

/// See the module. Asked at every scrape.
#[derive(Debug)]
pub(super) struct Process;

/// One look.
struct Reading {
    resident_bytes: i64,
    cpu_seconds: f64,
    open_fds: i64,
    start_seconds: f64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(reading) = Reading::now() else { return Ok(()) };
        let mut add = |name: &str, help: &str, unit: Option<Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?)
        };
        let resident = ConstGauge::new(reading.resident_bytes);
        add("process_resident_memory", "Memory of the process that is not swapped out.", Some(Unit::Bytes), &resident)?;
        let cpu = ConstCounter::new(reading.cpu_seconds);
        add("process_cpu", "Processor time spent, in user and kernel mode.", Some(Unit::Seconds), &cpu)?;
        add("process_open_fds", "Open file descriptors.", None, &ConstGauge::new(reading.open_fds))?;
        let start = ConstGauge::new(reading.start_seconds);
        add("process_start_time", "When the process started, since the epoch.", Some(Unit::Seconds), &start)
    }
}

#[cfg(target_os = "linux")]
impl Reading {
    fn now() -> Option<Self> {
        let me = procfs::process::Process::myself().ok()?;
        let stat = me.stat().ok()?;
        let ticks = |ticks: u64| std::time::Duration::from_secs(ticks).as_secs_f64() / ticks_per_second();
        let boot = std::time::Duration::from_secs(procfs::boot_time_secs().ok()?).as_secs_f64();
        Some(Self {
            resident_bytes: super::gauge(stat.rss.saturating_mul(procfs::page_size())),
            cpu_seconds: ticks(stat.utime.saturating_add(stat.stime)),
            open_fds: super::gauge(me.fd_count().ok()?),
            start_seconds: boot + ticks(stat.starttime),
        })
    }
}

#[cfg(target_os = "linux")]
fn ticks_per_second() -> f64 {
    std::time::Duration::from_secs(procfs::ticks_per_second().max(1)).as_secs_f64()
}

#[cfg(not(target_os = "linux"))]
impl Reading {
    fn now() -> Option<Self> {
        None
    }
}

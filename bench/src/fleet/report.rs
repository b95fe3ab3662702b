//! What came out, as JSON and as a table.

use super::{Options, measure::Spread};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was simulated.
    pub options: Options,
    /// Making the objects, and enrolling the gateways, while no gateway listens.
    pub seeding: Seeding,
    /// Every gateway connects at once, with nothing.
    pub cold_start: Step,
    /// mcpd's memory for each connected gateway once all are served, in bytes.
    pub resident_bytes_per_gateway: u64,
    /// One object is changed, and everybody waited for, again and again; times are from the answer to the change.
    pub changes: Step,
    /// As many changes, one as soon as the one before is answered; times are from the answer to the last.
    pub burst: Burst,
    /// mcpd is killed and comes back; times are from the moment at which it is ready.
    pub herd: Option<Herd>,
}

/// Making what there is.
#[derive(Debug, Default, Serialize)]
pub struct Seeding {
    /// Objects, secrets included.
    pub objects: usize,
    /// Time to make the objects and secrets, in seconds.
    pub objects_s: f64,
    /// Tokens of users.
    pub tokens: usize,
    /// Time to issue them, in seconds.
    pub tokens_s: f64,
    /// Time to enrol the gateways, in seconds.
    pub enrolment_s: f64,
    /// mcpd's memory afterwards, in bytes.
    pub resident_bytes: u64,
}

/// What the fleet went through, and what it cost mcpd.
#[derive(Debug, Default, Serialize)]
pub struct Step {
    /// From the beginning to each gateway having all of it, over gateways and changes.
    pub applied: Spread,
    /// From the beginning to mcpd knowing so.
    pub acknowledged: Spread,
    /// From the beginning to the last gateway having it, over changes.
    pub last_applied: Spread,
    /// Bytes of events for each gateway and change.
    pub bytes_per_gateway: f64,
    /// Events that were whole snapshots.
    pub snapshots: u64,
    /// Events that were change sets.
    pub change_sets: u64,
    /// mcpd's processor time for each change, in seconds.
    pub cpu_s: f64,
    /// The most memory that mcpd had resident, in bytes.
    pub peak_bytes: u64,
    /// Failed requests of gateways, by what was asked and why it failed.
    pub failures: BTreeMap<String, u64>,
}

/// Changes without a pause.
#[derive(Debug, Default, Serialize)]
pub struct Burst {
    /// How many in a second mcpd took from one administrator.
    pub changes_per_s: f64,
    /// How the fleet followed.
    pub step: Step,
}

/// mcpd was away.
#[derive(Debug, Default, Serialize)]
pub struct Herd {
    /// Gateways that came back.
    pub gateways: usize,
    /// From the start of the process to its first answer, in seconds.
    pub start_s: f64,
    /// How the fleet came back.
    pub step: Step,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = &self.options;
        writeln!(
            f,
            "{} gateways, {} projects, {} users, {} profiles, {:?}, seed {}; every gateway is sent all of it\n",
            o.gateways, o.projects, o.users, o.profiles, o.database, o.seed
        )?;
        let s = &self.seeding;
        writeln!(
            f,
            "seeding: {} objects in {:.1} s, {} tokens in {:.1} s, {} gateways enrolled in {:.1} s; mcpd then has {:.0} MB",
            s.objects,
            s.objects_s,
            s.tokens,
            s.tokens_s,
            o.gateways,
            s.enrolment_s,
            megabytes(s.resident_bytes)
        )?;
        writeln!(
            f,
            "memory of mcpd for each connected gateway: {:.0} kB",
            megabytes(self.resident_bytes_per_gateway) * 1e3
        )?;
        writeln!(f, "burst: {:.1} changes/s taken from one administrator", self.burst.changes_per_s)?;
        if let Some(herd) = &self.herd {
            writeln!(f, "herd: {} gateways, mcpd ready {:.1} s after it was started", herd.gateways, herd.start_s)?;
        }
        writeln!(
            f,
            "\n{:<11}{:>10}{:>10}{:>10}{:>10}{:>11}{:>11}{:>10}{:>9}{:>9}",
            "ms", "applied", "", "", "ack", "bytes", "snapshots", "changes", "mcpd", "mcpd"
        )?;
        writeln!(
            f,
            "{:<11}{:>10}{:>10}{:>10}{:>10}{:>11}{:>11}{:>10}{:>9}{:>9}",
            "", "p50", "p99", "max", "max", "/gateway", "", "", "CPU s", "peak MB"
        )?;
        let herd = self.herd.iter().map(|herd| ("herd", &herd.step));
        for (name, step) in [("cold start", &self.cold_start), ("change", &self.changes), ("burst", &self.burst.step)]
            .into_iter()
            .chain(herd)
        {
            writeln!(
                f,
                "{name:<11}{:>10.0}{:>10.0}{:>10.0}{:>10.0}{:>11.0}{:>11}{:>10}{:>9.2}{:>9.0}",
                step.applied.p50_ms,
                step.applied.p99_ms,
                step.applied.max_ms,
                step.acknowledged.max_ms,
                step.bytes_per_gateway,
                step.snapshots,
                step.change_sets,
                step.cpu_s,
                megabytes(step.peak_bytes),
            )?;
            for (failure, count) in &step.failures {
                writeln!(f, "{:<11}{count} × {failure}", "")?;
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

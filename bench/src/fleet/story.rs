//! What happens, in order: the company is made, the gateways enrol, all connect at once, one change after the other is followed
//! to the last gateway, then many at once, then mcpd is killed and comes back.

use super::{
    Options, Report,
    admin::Admin,
    arrivals::{Arrival, Board, Times},
    company::Company,
    gateway::{Counters, Simulated},
    mcpd::Mcpd,
    measure::{Spread, Usage, forget_peak, since},
    report::{Burst, Herd, Seeding, Step},
};
use anyhow::{Context as _, Result};
use control_plane_api::name::Name;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use gateway::control_plane::Backoff;
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

/// Objects in one request.
const APPLIED_AT_ONCE: usize = 500;
/// Requests of the administrator at once.
const REQUESTS_AT_ONCE: usize = 8;

struct Simulation {
    options: Options,
    mcpd: Mcpd,
    admin: Admin,
    company: Company,
    board: Board,
    counters: Arc<Counters>,
    gateways: JoinSet<()>,
    lives: Vec<AbortHandle>,
    revision: u64,
}

/// Simulates, and measures.
///
/// # Errors
/// What cannot be started, what mcpd refused, and a fleet that is not there in time.
pub async fn run(options: Options) -> Result<Report> {
    let mcpd = Mcpd::start(&options).await?;
    let patience = Duration::from_secs(options.patience_s);
    let admin = Admin::new(mcpd.url()?, mcpd.admin_token()?, patience)?;
    let company = Company::new(&options)?;
    let (board, arrivals) = Board::new(options.gateways, patience);
    let counters = Arc::new(Counters::default());
    let (gateways, lives) = (JoinSet::new(), Vec::new());
    let mut simulation = Simulation { options, mcpd, admin, company, board, counters, gateways, lives, revision: 0 };
    let mut seeding = simulation.seed().await?;
    let fleet = simulation.enrol(&mut seeding, arrivals).await?;
    let cold_start = simulation.cold_start(fleet).await?;
    let grown = simulation.mcpd.usage()?.resident_bytes.saturating_sub(seeding.resident_bytes);
    let resident_bytes_per_gateway = grown / simulation.options.gateways.max(1) as u64;
    let changes = simulation.changes().await?;
    let burst = simulation.burst().await?;
    let herd = if simulation.options.herd > 0 { Some(simulation.herd().await?) } else { None };
    Ok(Report { options: simulation.options, seeding, cold_start, resident_bytes_per_gateway, changes, burst, herd })
}

impl Simulation {
    async fn seed(&mut self) -> Result<Seeding> {
        let begin = Instant::now();
        for name in self.company.secrets() {
            self.admin.set_secret(&name, format!("{:032x}", rand::random::<u128>())).await?;
        }
        let objects = self.company.objects();
        for some in objects.chunks(APPLIED_AT_ONCE) {
            self.revision = self.admin.apply(some.to_vec()).await?;
        }
        let count = objects.len() + self.company.secrets().count();
        let mut seeding = Seeding { objects: count, objects_s: begin.elapsed().as_secs_f64(), ..Seeding::default() };
        let begin = Instant::now();
        let users = self.company.some_users(self.options.gateways);
        seeding.tokens = users.len();
        let admin = &self.admin;
        stream::iter(users)
            .map(Ok)
            .try_for_each_concurrent(REQUESTS_AT_ONCE, |user| async move { admin.issue_token(&user).await })
            .await?;
        seeding.tokens_s = begin.elapsed().as_secs_f64();
        Ok(seeding)
    }

    async fn enrol(&mut self, seeding: &mut Seeding, arrivals: mpsc::Sender<Arrival>) -> Result<Vec<Simulated>> {
        let begin = Instant::now();
        let (admin, base, counters) = (&self.admin, &self.mcpd.url()?, &self.counters);
        let arrivals = &arrivals;
        let one = |number: usize| async move {
            let name: Name = format!("gateway-{number}").parse()?;
            let join = admin.join_token(&name).await?;
            Simulated::enrol((number, &name), (base, join), arrivals.clone(), Arc::clone(counters)).await
        };
        let fleet = stream::iter(0..self.options.gateways).map(one).buffered(REQUESTS_AT_ONCE).try_collect().await?;
        seeding.enrolment_s = begin.elapsed().as_secs_f64();
        seeding.resident_bytes = self.mcpd.usage()?.resident_bytes;
        Ok(fleet)
    }

    async fn cold_start(&mut self, fleet: Vec<Simulated>) -> Result<Step> {
        let meter = Meter::begin(self)?;
        let begin = Instant::now();
        self.lives = fleet.into_iter().map(|gateway| self.gateways.spawn(gateway.live())).collect();
        let times = self.board.until(self.revision).await?;
        meter.end(self, vec![(begin, times)])
    }

    async fn change(&mut self) -> Result<()> {
        let object = self.company.change().context("there is nothing to change")?;
        self.revision = self.admin.apply(vec![object]).await?;
        Ok(())
    }

    async fn changes(&mut self) -> Result<Step> {
        let meter = Meter::begin(self)?;
        let mut rounds = Vec::new();
        for _ in 0..self.options.changes {
            self.change().await?;
            let answered = Instant::now();
            rounds.push((answered, self.board.until(self.revision).await?));
        }
        meter.end(self, rounds)
    }

    async fn burst(&mut self) -> Result<Burst> {
        let meter = Meter::begin(self)?;
        let begin = Instant::now();
        for _ in 0..self.options.changes {
            self.change().await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let changes_per_s = self.options.changes as f64 / begin.elapsed().as_secs_f64();
        let answered = Instant::now();
        let times = self.board.until(self.revision).await?;
        Ok(Burst { changes_per_s, step: meter.end(self, vec![(answered, times)])? })
    }

    async fn herd(&mut self) -> Result<Herd> {
        let gateways = self.options.herd.min(self.options.gateways);
        self.lives.drain(gateways..).for_each(|life| life.abort());
        self.mcpd.kill().await?;
        let outage = Duration::from_millis(self.options.outage_ms);
        // The time for which nobody answers is what is simulated here.
        Backoff::new(outage, outage).wait().await;
        self.counters.take_failures();
        self.board.forget(gateways);
        // The first are back before it is known that mcpd is ready.
        let (begin, counts) = (Instant::now(), counts(&self.counters));
        self.mcpd.again().await?;
        let ready = Instant::now();
        let meter = Meter { usage: Usage { cpu_s: 0.0, ..self.mcpd.usage()? }, counts };
        let times = self.board.until(self.revision).await?;
        let step = meter.end(self, vec![(ready, times)])?;
        Ok(Herd { gateways, start_s: (ready - begin).as_secs_f64(), step })
    }
}

/// Measures one step.
struct Meter {
    usage: Usage,
    counts: [u64; 3],
}

fn counts(counters: &Counters) -> [u64; 3] {
    [&counters.bytes, &counters.snapshots, &counters.change_sets].map(|counter| counter.load(Ordering::Relaxed))
}

impl Meter {
    fn begin(simulation: &Simulation) -> Result<Self> {
        forget_peak(simulation.mcpd.pid()?)?;
        simulation.counters.take_failures();
        Ok(Self { usage: simulation.mcpd.usage()?, counts: counts(&simulation.counters) })
    }

    /// What happened since, in rounds of a beginning and the times at which everybody was there.
    fn end(self, simulation: &Simulation, rounds: Vec<(Instant, Times)>) -> Result<Step> {
        let usage = simulation.mcpd.usage()?;
        let [bytes, snapshots, change_sets] = counts(&simulation.counters);
        let all = |list: fn(&Times) -> &Vec<Instant>| {
            Spread::of(rounds.iter().flat_map(|(begin, times)| since(*begin, list(times))).collect())
        };
        let last = |(begin, times): &(Instant, Times)| since(*begin, &times.applied).into_iter().max();
        let (size, gateways) = (rounds.len().max(1), rounds.first().map_or(1, |(_, times)| times.applied.len().max(1)));
        #[expect(clippy::cast_precision_loss, reason = "a mean, for people")]
        let (bytes_per_gateway, rounds_count) =
            ((bytes - self.counts[0]) as f64 / (size * gateways) as f64, size as f64);
        Ok(Step {
            applied: all(|times| &times.applied),
            acknowledged: all(|times| &times.acknowledged),
            last_applied: Spread::of(rounds.iter().filter_map(last).collect()),
            bytes_per_gateway,
            snapshots: snapshots - self.counts[1],
            change_sets: change_sets - self.counts[2],
            cpu_s: (usage.cpu_s - self.usage.cpu_s) / rounds_count,
            peak_bytes: usage.peak_bytes,
            failures: simulation.counters.take_failures(),
        })
    }
}

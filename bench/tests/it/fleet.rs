//! The simulated fleet, small, against the mcpd of this very build: it cannot rot.

use crate::built::program;
use bench::fleet::{self, Options};
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

async fn check(database: &str) {
    let (mcpd, gateways) = (program("mcpd"), 5);
    let line = format!(
        "fleet --gateways {gateways} --projects 3 --users 8 --profiles 6 --changes 4 --herd 4 --outage-ms 0 --database {database}"
    );
    let line = line.split(' ').chain(["--mcpd", mcpd.to_str().unwrap()]);
    let report = fleet::run(Line::try_parse_from(line).unwrap().options).await.unwrap();
    assert_eq!(report.seeding.objects, 2 + 2 + 6 + 8 + 3);
    assert_eq!((report.cold_start.snapshots, report.cold_start.failures.len()), (gateways, 0));
    assert_eq!((report.changes.snapshots, report.changes.change_sets), (0, 4 * gateways));
    assert!(report.changes.bytes_per_gateway > 0.0 && report.changes.bytes_per_gateway < 3_000.0);
    assert!(report.burst.step.change_sets >= gateways && report.burst.step.snapshots == 0);
    let herd = report.herd.as_ref().unwrap();
    assert_eq!(herd.gateways, 4);
    assert!(report.to_string().contains("herd"), "{report}");
}

#[tokio::test]
async fn a_small_fleet_is_measured_on_sqlite() {
    check("sqlite").await;
}

#[tokio::test]
async fn a_small_fleet_is_measured_on_postgres() {
    check("postgres").await;
}

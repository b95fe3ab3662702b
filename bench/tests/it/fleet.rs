//! The simulated fleet, small, against the mcpd of this very build: it cannot rot.

use bench::fleet::{self, Options};
use clap::Parser;
use std::{env, path::PathBuf, process::Command};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// The mcpd beside the test executable, brought up to date first where Cargo started the test.
fn mcpd() -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    if let Some(cargo) = env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        // The packages that the tests of the whole system build: with the same ones, nothing is compiled twice.
        build.args(["build", "--quiet", "--bins"]);
        build.args(["mcpctl", "control-plane", "gateway", "bench", "e2e"].iter().flat_map(|name| ["-p", name]));
        build.arg("--target-dir");
        build.arg(folder.parent().unwrap());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "mcpd does not build");
    }
    folder.join("mcpd")
}

async fn check(database: &str) {
    let (mcpd, gateways) = (mcpd(), 5);
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

//! A round of the shortest kind with the programs of this very build: runner, scenarios and tables cannot rot. How fast
//! anything is, is not looked at.

use crate::{built::program, programs::installed};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One round of one second each; the cells, and the page.
fn round(choice: &[&str], load: (&str, &Path)) -> (Value, String) {
    let place = tempfile::tempdir().unwrap();
    let (cells, page) = (place.path().join("cells.json"), place.path().join("page.md"));
    let mut runner = Command::new("python3");
    runner.arg(folder().join("rounds/main.py")).arg("--gateway").arg(program("mcp-gateway"));
    runner.arg("--upstream").arg(program("bench-upstream")).arg(format!("--{}", load.0)).arg(load.1);
    runner.args("--rounds 1 --seconds 1 --k6-rounds 1 --k6-seconds 1 --streams 20".split(' ')).args(choice);
    runner.arg("--place").arg(place.path()).arg("--json").arg(&cells).arg("--out").arg(&page);
    let done = runner.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (serde_json::from_slice(&fs::read(cells).unwrap()).unwrap(), fs::read_to_string(page).unwrap())
}

#[test]
fn a_round_asks_everybody_and_makes_tables_of_it() {
    let Some(wrk) = installed("wrk") else { return };
    let (cells, page) = round(&["--workloads", "call_1k_alone,list_1000"], ("wrk", &wrk));
    for workload in ["call_1k_alone", "list_1000"] {
        for contender in ["direct", "gateway relaxed", "gateway strict"] {
            let cell = &cells[0][workload][contender];
            assert!(cell["requests"].as_u64().unwrap() > 0 && cell["rss_mb"].as_f64().unwrap() > 1.0, "{cell}");
            assert_eq!(cell["wrong"], false, "{workload}, {contender}: {cell}");
        }
    }
    assert_eq!(page.matches("| gateway strict |").count(), 2, "{page}");
    assert!(page.contains("| RSS of each of 20 open streams |") && page.contains("- machine: "), "{page}");
}

#[test]
fn a_server_behind_tls_is_asked_by_nginx_and_the_gateway() {
    let (Some(wrk), Some(nginx), Some(_)) = (installed("wrk"), installed("nginx"), installed("openssl")) else {
        return;
    };
    let (cells, page) = round(&["--workloads", "call_1k_tls", "--nginx", nginx.to_str().unwrap()], ("wrk", &wrk));
    for contender in ["direct", "nginx to TLS", "gateway to TLS"] {
        assert_eq!(cells[0]["call_1k_tls"][contender]["wrong"], false, "{cells}");
    }
    assert!(page.contains("| gateway to TLS |") && !page.contains("| gateway relaxed |"), "{page}");
}

#[test]
fn scenarios_are_judged_by_the_direct_calls_of_their_round() {
    let Some(k6) = installed("k6") else { return };
    let (cells, page) = round(&["--workloads", "none", "--scenarios", "tools_call 1 KB,streams 10"], ("k6", &k6));
    for scenario in ["tools_call 1 KB", "streams 10"] {
        for contender in ["direct", "gateway relaxed", "gateway strict"] {
            let cell = &cells[0][scenario][contender];
            assert!(cell["calls"].as_u64().unwrap() > 0 && cell["failed"] == 0, "{scenario}, {contender}: {cell}");
            assert!(
                cell["crossed"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|rule| rule.as_str().unwrap().starts_with("call_ms med<="))
            );
        }
        assert_eq!(cells[0][scenario]["direct"]["crossed"], serde_json::json!([]), "it is judged by nothing");
    }
    assert!(page.contains("| tools_call 1 KB | gateway relaxed |"), "{page}");
}

#[test]
fn every_scenario_is_one_that_k6_can_run() {
    let Some(k6) = installed("k6") else { return };
    let scripts = fs::read_dir(folder().join("k6")).unwrap().map(|entry| entry.unwrap().path());
    let scripts: Vec<PathBuf> = scripts.filter(|path| path.is_file()).collect();
    assert_eq!(scripts.len(), 6, "{scripts:?}");
    for script in scripts {
        let told = Command::new(&k6)
            .arg("inspect")
            .arg("-e")
            .arg("BASELINE_P50_MS=2")
            .arg("-e")
            .arg("RATIO_MAX=3")
            .arg(&script)
            .output()
            .unwrap();
        assert!(told.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&told.stderr));
        let options: Value = serde_json::from_slice(&told.stdout).unwrap();
        assert_eq!(options["thresholds"]["call_ms"][0], "med<=6", "{}", script.display());
    }
}

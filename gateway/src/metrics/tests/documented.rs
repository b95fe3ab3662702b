//! The gateway's part of `docs/metrics.md` is what the gateway says of itself.

use super::super::labels::{METHODS, OUTCOMES, TIERS};
use super::*;
use ::filters::Meter as _;
use std::{collections::BTreeSet, fmt::Write as _, fs};

const BEGIN: &str = "<!-- gateway -->\n";
const END: &str = "<!-- end of gateway -->\n";

/// Of everything something, so that every metric shows its labels.
fn everything() -> String {
    let metrics = Metrics::new().unwrap();
    let server = "slack".parse().unwrap();
    let mut exchange = call(Some("slack"), "search");
    let tier = "order".to_owned();
    let (kept, total, bytes_before, bytes_after, elapsed_ms) = (1, 2, 9, 1, 1);
    let fallback = Some(Fallback::Deadline);
    exchange.relevance = Some(RelevanceOutcome { kept, total, bytes_before, bytes_after, elapsed_ms, tier, fallback });
    end(&metrics, method::TOOLS_CALL, &exchange, Outcome::Ok);
    metrics.asked(&server, method::TOOLS_CALL).end("");
    metrics.filters(["permissions"].into_iter()).took(0, Duration::ZERO);
    metrics.allowed(Some(&server));
    metrics.upstream_message_dropped(&server);
    metrics.breaker(&server, Some(true));
    metrics.redacted("reply", 1);
    metrics.limited("streams");
    metrics.shed("memory");
    metrics.scrape(&seen(vec![status("slack", ServerState::Ready)]), Format::OpenMetrics).unwrap()
}

/// The names of the labels in `line`.
fn labels(line: &str) -> BTreeSet<&str> {
    let inside = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inside, _)| inside);
    let names = inside.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name);
    names.filter(|name| *name != "le").collect()
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn written() -> String {
    let text = everything();
    let mut table = "\n| metric | type | labels | unit | meaning |\n| --- | --- | --- | --- | --- |\n".to_owned();
    let described = text.split("# HELP ").skip(1);
    for block in described {
        let mut lines = block.lines();
        let (name, help) = lines.next().unwrap().split_once(' ').unwrap();
        let find = |what: &str| block.lines().find_map(|line| line.strip_prefix(&format!("# {what} {name} ")));
        let kind = find("TYPE").unwrap();
        let samples: Vec<&str> = block.lines().skip(1).filter(|line| !line.starts_with('#')).collect();
        assert!(!samples.is_empty(), "`{name}` shows nothing, and with it none of its labels");
        let of = labels(samples[0]).into_iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let total = if kind == "counter" { "_total" } else { "" };
        writeln!(table, "| `{name}{total}` | {kind} | {of} | {} | {help} |", find("UNIT").unwrap_or_default()).unwrap();
    }
    let reasons = ["allowed"].into_iter().chain(Cause::ALL.map(Cause::as_str));
    let errors = OUTCOMES.into_iter().filter(|word| !word.is_empty());
    writeln!(table, "\nWords of `reason` of decisions: {}.\n", words(reasons)).unwrap();
    writeln!(table, "Words of `phase`: {}.\n", words(Phase::ALL.map(Phase::as_str))).unwrap();
    writeln!(table, "Words of `error_type` of what clients ask: {}.\n", words(errors)).unwrap();
    writeln!(table, "Words of `tier`: {}; any other is `other`.\n", words(TIERS)).unwrap();
    writeln!(table, "Methods that are named, all others being `other`: {}.\n", words(METHODS)).unwrap();
    writeln!(
        table,
        "At most {SERVER_LABELS_MAX} servers and {TOOL_LABELS_MAX} tools are named in the life of a process.\n"
    )
    .unwrap();
    table
}

#[test]
fn the_page_about_metrics_is_of_this_gateway() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has its mark");
    let (found, after) = rest.split_once(END).expect("the page has its mark");
    let written = written();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, written, "write it anew: UPDATE_DOCS=1 cargo test -p gateway documented");
}

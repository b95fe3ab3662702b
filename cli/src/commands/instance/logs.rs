//! `mcpctl instance logs`: the last lines, and with `--follow` what comes after them.

use crate::{Invocation, args::instance::Logs, failure::Failure, output::Output, pause::back_off};
use control_plane_api::{
    instance::{InstanceLogs, LogLine},
    name::Name,
    timestamp::Timestamp,
};
use std::{collections::BTreeMap, time::Duration};

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How far the log of one place was shown: lines share a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    at: Timestamp,
    /// Lines of that moment that were shown.
    shown: usize,
}

/// Shows lines until there are no more, or for ever.
pub(crate) async fn run(args: &Logs, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    let mut marks: BTreeMap<Option<Name>, Mark> = BTreeMap::new();
    let mut first = true;
    loop {
        let since = marks.values().map(|mark| mark.at).min();
        let logs = client.instance_logs(&args.name, args.tail, since.filter(|_| !first)).await?;
        let several = logs.len() > 1;
        for log in logs {
            let fresh = fresh(&mut marks, log);
            show(&fresh, several, invocation.verbose, output)?;
        }
        if !args.follow {
            if marks.is_empty() {
                output.note("it wrote nothing, or nobody has reported it yet");
            }
            return Ok(());
        }
        first = false;
        back_off(LOOK_INTERVAL).await;
    }
}

/// The lines that were not shown yet; they are from now on.
fn fresh(marks: &mut BTreeMap<Option<Name>, Mark>, log: InstanceLogs) -> InstanceLogs {
    let mark = marks.get(&log.gateway).copied();
    let mut known = mark.map_or(0, |mark| mark.shown);
    let unseen = |line: &LogLine| match mark {
        Some(mark) if line.at < mark.at => false,
        Some(mark) if line.at == mark.at && known > 0 => {
            known -= 1;
            false
        }
        _ => true,
    };
    let all: Vec<LogLine> = log.lines;
    if let Some(last) = all.iter().map(|line| line.at).max() {
        let shown = all.iter().filter(|line| line.at == last).count();
        marks.insert(log.gateway.clone(), Mark { at: last, shown });
    }
    InstanceLogs { gateway: log.gateway, lines: all.into_iter().filter(unseen).collect() }
}

fn show(log: &InstanceLogs, several: bool, verbose: bool, output: Output) -> Result<(), Failure> {
    if output.is_structured() {
        let place = log.gateway.as_ref();
        let line = |line: &LogLine| serde_json::json!({"gateway": place, "at": line.at, "text": line.text});
        let text: String = log.lines.iter().map(|one| format!("{}\n", line(one))).collect();
        return output.raw(&text);
    }
    let place = log.gateway.as_ref().filter(|_| several).map(|gateway| format!("[{gateway}] ")).unwrap_or_default();
    let at = |line: &LogLine| if verbose { format!("{} ", line.at) } else { String::new() };
    let text: String = log.lines.iter().map(|line| format!("{place}{}{}\n", at(line), line.text)).collect();
    output.raw(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(marks: &mut BTreeMap<Option<Name>, Mark>, lines: &[(i64, &str)], expected: &[&str]) {
        let line = |(at, text): &(i64, &str)| LogLine { at: Timestamp::from_millis(*at), text: (*text).to_owned() };
        let log = InstanceLogs { gateway: None, lines: lines.iter().map(line).collect() };
        let shown: Vec<String> = fresh(marks, log).lines.into_iter().map(|line| line.text).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn no_line_is_shown_twice_and_none_is_missed() {
        let mut marks = BTreeMap::new();
        check(&mut marks, &[(1, "a"), (2, "b")], &["a", "b"]);
        check(&mut marks, &[(2, "b")], &[]);
        check(&mut marks, &[(2, "b"), (2, "c"), (3, "d")], &["c", "d"]);
        check(&mut marks, &[(3, "d"), (3, "d")], &["d"]);
        check(&mut marks, &[], &[]);
        check(&mut marks, &[(3, "d"), (3, "d"), (4, "e")], &["e"]);
    }
}

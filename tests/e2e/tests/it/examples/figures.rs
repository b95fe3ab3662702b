//! The picture of an example: what its tools answer, before and after, as a table.

use super::truth::Counted;
use crate::said::aloud;

/// A common estimate for English and JSON.
const BYTES_PER_TOKEN: usize = 4;

/// Says what the `calls` came to: everything, and what each client was shown of it.
pub(crate) fn show(title: &str, calls: &[(String, Counted)], shown: &[(&str, Vec<Counted>)]) {
    let names = ["records", "bytes", "~tokens", "about it", "of all of those"].map(str::to_owned);
    let mut lines = vec![String::new(), line(title, &names)];
    for (at, (call, everything)) in calls.iter().enumerate() {
        lines.push(call.clone());
        lines.push(row("everything", everything, everything));
        lines.extend(shown.iter().filter_map(|(client, answers)| Some(row(client, answers.get(at)?, everything))));
    }
    lines.push("together".to_owned());
    lines.push(sum("everything", calls.iter().map(|(_, counted)| counted)));
    lines.extend(shown.iter().map(|(client, answers)| sum(client, answers.iter())));
    aloud(&lines.join("\n"));
}

fn row(name: &str, counted: &Counted, everything: &Counted) -> String {
    let [records, bytes, tokens] = sizes(counted.records(), counted.bytes);
    let about = format!("{} of {records}", counted.relevant);
    let found = format!("{} of {}", counted.core, everything.core);
    line(&format!("  {name}"), &[records, bytes, tokens, about, found])
}

fn sum<'a>(name: &str, counted: impl Iterator<Item = &'a Counted>) -> String {
    let (records, bytes) = counted.fold((0, 0), |(records, bytes), one| (records + one.records(), bytes + one.bytes));
    let [records, bytes, tokens] = sizes(records, bytes);
    line(&format!("  {name}"), &[records, bytes, tokens, String::new(), String::new()])
}

fn sizes(records: usize, bytes: usize) -> [String; 3] {
    [records, bytes, bytes / BYTES_PER_TOKEN].map(|number| number.to_string())
}

fn line(name: &str, [records, bytes, tokens, about, found]: &[String; 5]) -> String {
    format!("{name:28} {records:>8} {bytes:>9} {tokens:>8}  {about:>13}  {found:>15}").trim_end().to_owned()
}

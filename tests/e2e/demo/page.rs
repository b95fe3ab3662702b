//! What the demo prints: the table before and after, the note, three messages, the outcome of the write.

use std::io::{self, Write};

use e2e::{
    client::{Answer, ClientError},
    labels::Labels,
};
use serde_json::Value;

use crate::paint::Paint;

/// Messages shown of those that were kept.
const SHOWN: usize = 3;
/// Characters of a message shown.
const SHOWN_CHARS: usize = 96;

/// One reading of the messages.
pub(crate) struct Read {
    answer: Answer,
    messages: Vec<Value>,
}

impl Read {
    pub(crate) fn new(answer: Answer) -> Self {
        let messages = answer.records("messages");
        Self { answer, messages }
    }

    /// How many of the labelled messages are there.
    fn labelled(&self, labels: &Labels) -> usize {
        let ts = |message: &Value| message.get("ts").and_then(Value::as_str).map(str::to_owned);
        let there: std::collections::BTreeSet<String> = self.messages.iter().filter_map(ts).collect();
        labels.security.iter().filter(|label| there.contains(*label)).count()
    }

    fn numbers(&self) -> [usize; 3] {
        [self.messages.len(), self.answer.bytes(), self.answer.tokens_estimate()]
    }
}

/// Both readings, side by side.
pub(crate) struct Page<'a> {
    pub(crate) everything: Read,
    pub(crate) relevant: Read,
    pub(crate) context: &'a str,
    pub(crate) labels: Option<&'a Labels>,
}

impl Page<'_> {
    pub(crate) fn print(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        let head = line("slack_get_messages", ["messages", "bytes", "~tokens", "ms"].map(str::to_owned));
        let labelled = |read: &Read| {
            let labels = self.labels?;
            Some(format!("   {} of {}", read.labelled(labels), labels.security.len()))
        };
        let title = if self.labels.is_some() { "   about security" } else { "" };
        writeln!(out, "\n{}{}", paint.bold(&head), paint.bold(title))?;
        for (name, read) in [("everything", &self.everything), ("with _context", &self.relevant)] {
            let [records, bytes, tokens] = read.numbers().map(grouped);
            let millis = grouped(usize::try_from(read.answer.elapsed.as_millis()).unwrap_or(usize::MAX));
            let cells = line(name, [records, bytes, tokens, millis]);
            writeln!(out, "{cells}{}", labelled(read).unwrap_or_default())?;
        }
        let (before, after) = (self.everything.numbers(), self.relevant.numbers());
        let mut saved = before.iter().zip(after).map(|(before, after)| change(*before, after));
        let mut next = || saved.next().unwrap_or_default();
        let saved = line("", [next(), next(), next(), String::new()]);
        writeln!(out, "{}\n", paint.good(saved.trim_end()))?;

        writeln!(out, "_context: \"{}\"", self.context)?;
        if let Some(note) = self.relevant.answer.note() {
            writeln!(out, "{}", paint.faint(note))?;
        }
        writeln!(out, "\n{}", paint.bold("Three of the messages that were kept"))?;
        self.relevant.messages.iter().take(SHOWN).try_for_each(|message| writeln!(out, "  {}", shown(message)))?;
        writeln!(out)
    }
}

/// Says what became of the attempt to write with `tool`.
pub(crate) fn print_write(
    out: &mut impl Write,
    paint: Paint,
    tool: &str,
    outcome: Result<Answer, ClientError>,
) -> io::Result<()> {
    let said = match &outcome {
        Ok(_) => paint.bad("was done: the profile of this project allows writing"),
        Err(error) => match error.refusal() {
            Some(refusal) => format!("{} {refusal}", paint.good("was refused:")),
            None => format!("{} {error}", paint.bad("failed:")),
        },
    };
    writeln!(out, "{} {said}", paint.bold(tool))
}

/// A row: a name and four numbers.
fn line(name: &str, [records, bytes, tokens, millis]: [String; 4]) -> String {
    format!("{name:<20}{records:>10}{bytes:>12}{tokens:>12}{millis:>9}")
}

/// How much less `after` is than `before`.
fn change(before: usize, after: usize) -> String {
    let percent = before.saturating_sub(after) * 100 / before.max(1);
    format!("-{percent} %")
}

/// `1234567` as `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One message on one line.
fn shown(message: &Value) -> String {
    let field = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let text: String = field("text").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{:<16}{:<20}{short}", format!("#{}", field("channel_name")), field("user_name"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Answer, Labels, Page, Paint, Read, change, grouped, shown};

    fn read(ts: &[&str]) -> Read {
        let messages: Vec<_> = ts.iter().map(|ts| json!({"ts": ts, "channel_name": "ops", "text": "hello"})).collect();
        let text = json!({"messages": messages}).to_string();
        let result =
            json!({"content": [{"type": "text", "text": text}, {"type": "text", "text": "[mcpctl] kept some"}]});
        Read::new(Answer { result, elapsed: Duration::from_millis(1234) })
    }

    #[test]
    fn the_page_shows_what_was_saved_and_what_was_kept() {
        let labels = Labels { security: vec!["1".into(), "2".into()], total: 4, contexts: Vec::new() };
        let page = Page {
            everything: read(&["1", "2", "3", "4"]),
            relevant: read(&["2"]),
            context: "security",
            labels: Some(&labels),
        };
        let mut out = Vec::new();
        page.print(&mut out, Paint::plain()).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in ["2 of 2\n", "1 of 2\n", "-75 %", "1,234", "[mcpctl] kept some", "#ops"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn numbers_are_grouped_and_compared() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([change(200, 50), change(0, 0), change(1, 2)], ["-75 %", "-0 %", "-0 %"]);
    }

    #[test]
    fn a_long_message_is_cut_to_one_line() {
        let line = shown(&json!({"channel_name": "ops", "user_name": "ann", "text": "word\n".repeat(100)}));
        assert!(line.ends_with('…') && !line.contains('\n') && line.chars().count() < 140, "{line}");
    }
}

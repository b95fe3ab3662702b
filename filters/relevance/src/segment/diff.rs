//! Diffs: hunks are the records. A file's header stays with its hunks, a commit's header with its files.

use std::ops::Range;

use super::detect::Shape;
use super::line::{self, Line};
use super::segmented::{Frame, Record, Segmented};
use super::speaking::Spoken;

/// The hunks of `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    let mut found = Hunks::default();
    let begins = |line: &Line<'_>| ["diff --git ", "--- ", "commit "].iter().any(|mark| line.text.starts_with(mark));
    let mut at = lines.iter().position(begins)?;
    while let Some(line) = lines.get(at) {
        let end = if let Some(end) = hunk_end(&lines, at) {
            found.hunk(&lines, at..end);
            end
        } else {
            found.header(line, &lines, at);
            at + 1
        };
        at = end;
    }
    let (records, frames) = found.finish(&lines);
    Some(Segmented::of(Shape::Diff, records)?.with_frames(frames))
}

/// Where the hunk at line `at` ends, counting as its `@@ -a,b +c,d @@` says.
fn hunk_end(lines: &[Line<'_>], at: usize) -> Option<usize> {
    let (old, new) = lines.get(at)?.text.strip_prefix("@@ -")?.split_once(" @@")?.0.split_once(" +")?;
    let count = |side: &str| side.split_once(',').map_or(Some(1), |(_, count)| count.parse::<usize>().ok());
    let (mut old, mut new) = (count(old)?, count(new)?);
    let mut end = at + 1;
    while let Some(line) = lines.get(end) {
        match line.text.as_bytes().first() {
            Some(b'\\') => {}
            _ if old == 0 && new == 0 => break,
            Some(b'-') => old = old.saturating_sub(1),
            Some(b'+') => new = new.saturating_sub(1),
            Some(b' ') | None => (old, new) = (old.saturating_sub(1), new.saturating_sub(1)),
            _ => break,
        }
        end += 1;
    }
    Some(end)
}

/// Hunks and headers as they are found, by lines.
#[derive(Default)]
struct Hunks {
    records: Vec<Record>,
    /// Headers by their lines and the first hunk below; those of commits and those of files.
    commits: Vec<(Range<usize>, usize)>,
    files: Vec<(Range<usize>, usize)>,
    path: String,
}

impl Hunks {
    fn header(&mut self, line: &Line<'_>, lines: &[Line<'_>], at: usize) {
        let next = lines.get(at + 1).map_or("", |line| line.text);
        let opens_file = line.text.starts_with("diff ") || line.text.starts_with("--- ") && next.starts_with("+++ ");
        let below = self.records.len();
        let in_file = self.files.last().is_some_and(|(file, first)| file.end == at && *first == below);
        if let Some(path) = line.text.strip_prefix("diff --git ").or_else(|| line.text.strip_prefix("+++ ")) {
            path.clone_into(&mut self.path);
        }
        match (opens_file, in_file) {
            // `---` behind `diff --git` belongs to the same header.
            (true, true) if line.text.starts_with("--- ") => extend(&mut self.files, at),
            (true, _) => self.files.push((at..at + 1, below)),
            (false, true) if !line.is_blank() => extend(&mut self.files, at),
            _ if line.is_blank() => {}
            _ if self.is_commit_open(below) => extend(&mut self.commits, at),
            _ => self.commits.push((at..at + 1, below)),
        }
    }

    /// Whether nothing came between the last commit's header and here.
    fn is_commit_open(&self, below: usize) -> bool {
        let file = self.files.last().map(|(file, _)| file.start);
        self.commits
            .last()
            .is_some_and(|(commit, first)| *first == below && file.is_none_or(|file| file < commit.start))
    }

    fn hunk(&mut self, lines: &[Line<'_>], hunk: Range<usize>) {
        let body = lines.get(hunk.clone()).unwrap_or_default();
        let (Some(first), Some(last)) = (body.first(), body.last()) else { return };
        let said = body.iter().map(|line| line.text.trim_start_matches(['+', '-', ' ']));
        let said: Vec<&str> = std::iter::once(self.path.as_str()).chain(said).collect();
        let span = first.span.start..last.span.end;
        self.records.push(Record { span, spoken: Spoken::of_words(&said.join("\n")) });
    }

    fn finish(self, lines: &[Line<'_>]) -> (Vec<Record>, Vec<Frame>) {
        let hunks = self.records.len();
        let frames = |headers: &[(Range<usize>, usize)]| -> Vec<Frame> {
            let ends = headers.iter().skip(1).map(|(_, first)| *first).chain([hunks]);
            let frame = |((header, first), end): (&(Range<usize>, usize), usize)| {
                Some(Frame { span: line::span(lines, header.clone(), line::is_blank)?, over: *first..end })
            };
            headers.iter().zip(ends).filter_map(frame).collect()
        };
        let frames = [frames(&self.commits), frames(&self.files)].concat();
        (self.records, frames)
    }
}

fn extend(headers: &mut [(Range<usize>, usize)], at: usize) {
    if let Some((lines, _)) = headers.last_mut() {
        lines.end = at + 1;
    }
}

#[cfg(test)]
mod tests;

//! Segment files: `<first seq>.jsonl`, one record of the chain per line, then zeros up to the reserved size.
//!
//! A line that was not written whole contains a zero byte or has no end; nothing acknowledged ever lies behind it.
//! The name of a segment is final: records of an earlier segment at or past it were never acknowledged.

use control_plane_api::audit::chain::Entry;
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// One segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) path: PathBuf,
    /// Where the next segment begins: records from there on do not count here.
    pub(super) end: Option<u64>,
}

/// The path of the segment that begins with `first`.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.jsonl"))
}

/// Every segment in `dir`, oldest first.
pub(super) fn list(dir: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let first = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jsonl")?.parse().ok());
        if let Some(first) = first {
            segments.push(Segment { first, path, end: None });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    let begins: Vec<u64> = segments.iter().skip(1).map(|segment| segment.first).collect();
    for (segment, end) in segments.iter_mut().zip(begins) {
        segment.end = Some(end);
    }
    Ok(segments)
}

/// The size of every segment in `dir` together, in bytes.
pub(super) fn bytes(dir: &Path) -> io::Result<u64> {
    list(dir)?.iter().try_fold(0, |sum, segment| match segment.path.metadata() {
        Ok(metadata) => Ok(sum + metadata.len()),
        // Shipped and deleted since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(sum),
        Err(error) => Err(error),
    })
}

/// What comes next in a segment.
pub(super) enum Line {
    /// A whole record.
    Record(Box<Entry>),
    /// Nothing more: the end, reserved room, a write that was cut off, or records of a later segment.
    End,
    /// A whole line that is no record: somebody changed the file, or the disk did.
    Damaged,
}

/// Reads a segment line by line.
#[derive(Debug)]
pub(super) struct Lines {
    file: BufReader<File>,
    offset: u64,
    end: Option<u64>,
    line: Vec<u8>,
}

impl Lines {
    /// Reads `segment` from `offset` on.
    pub(super) fn open(segment: &Segment, offset: u64) -> io::Result<Self> {
        let mut file = File::open(&segment.path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file: BufReader::new(file), offset, end: segment.end, line: Vec::new() })
    }

    /// Where the next line begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The very text of the record read last.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.line).unwrap_or_default().trim_end_matches('\n')
    }

    pub(super) fn next_line(&mut self) -> io::Result<Line> {
        if matches!(self.file.fill_buf()?.first(), None | Some(0)) {
            return Ok(Line::End);
        }
        self.line.clear();
        self.file.read_until(b'\n', &mut self.line)?;
        if !self.line.ends_with(b"\n") || self.line.contains(&0) {
            return Ok(Line::End);
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(&self.line) else {
            return Ok(Line::Damaged);
        };
        if self.end.is_some_and(|end| entry.seq >= end) {
            return Ok(Line::End);
        }
        self.offset += self.line.len() as u64;
        Ok(Line::Record(Box::new(entry)))
    }
}

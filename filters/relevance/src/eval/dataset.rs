//! Labelled sets: intents, records, and which records are relevant, one case a line of a `.jsonl` file.
//!
//! ```json
//! {"intent": "lost parcels", "texts": ["…", "…"], "relevant": [1], "authors": ["ann", "bob"], "threads": [0, 0]}
//! {"intent": "lunch", "texts_of": 0, "relevant": []}
//! ```
//!
//! `texts_of` names the line (the first is 0) of an earlier case whose records are used again, with their authors and
//! threads. `core` may list those of the relevant records that say so themselves, not only by their thread. Members of
//! other names are left alone. It reads files and knows nothing of scores.

mod line;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::intent::Intent;
use crate::segment::Record;

/// Bytes of the largest file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// How a labelled set's name ends.
const EXTENSION: &str = "jsonl";

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Set {
    /// The file's name without `.jsonl`.
    pub name: String,
    /// Its cases, in the order of the file.
    pub cases: Vec<Case>,
}

/// One intent and what it should find.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is looked for.
    pub intent: Intent,
    /// Where it is looked for; shared by the cases that name the same texts.
    pub records: Arc<Vec<Record>>,
    /// Indices of the relevant records; none at all says that nothing is to be found.
    pub relevant: BTreeSet<usize>,
    /// Those of them that say so themselves; empty where the set does not tell.
    pub core: BTreeSet<usize>,
}

/// Why a set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file system refused, or the file is no text.
    #[error("cannot read `{}`: {reason}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A line is no case.
    #[error("`{}`, line {line}: {wrong}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line; the first is 1, as editors count.
        line: usize,
        /// What is wrong with it.
        wrong: String,
    },
    /// There is nothing to evaluate.
    #[error("`{}` holds no labelled set: give a `.jsonl` file, or a folder with such files", .0.display())]
    Empty(PathBuf),
}

impl Set {
    /// Whether any of its records is known to belong to a thread.
    #[must_use]
    pub fn knows_threads(&self) -> bool {
        self.cases.iter().flat_map(|case| case.records.iter()).any(|record| record.spoken.thread.is_some())
    }
}

/// Reads the sets that `path` names: a file, or every `.jsonl` file of a folder in the order of their names.
///
/// # Errors
/// [`DatasetError`] names the file, and the line where one is wrong.
pub fn read(path: &Path) -> Result<Vec<Set>, DatasetError> {
    if !path.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let unreadable = |error: std::io::Error| DatasetError::Unreadable { path: path.to_owned(), reason: words(&error) };
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut files = entries.map(|entry| Ok(entry.map_err(unreadable)?.path())).collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.is_file() && file.extension().is_some_and(|extension| extension == EXTENSION));
    files.sort();
    if files.is_empty() {
        return Err(DatasetError::Empty(path.to_owned()));
    }
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<Set, DatasetError> {
    let unreadable = |reason: String| DatasetError::Unreadable { path: path.to_owned(), reason };
    let bytes = fs::metadata(path).map_err(|error| unreadable(words(&error)))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has {bytes} bytes, and at most {FILE_BYTES_MAX} are read")));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(words(&error)))?;
    // Indexed by line, so that `texts_of` counts as the file does, empty lines included.
    let mut lines: Vec<Option<Case>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |wrong: String| DatasetError::Line { path: path.to_owned(), line: index + 1, wrong };
        let case = if line.trim().is_empty() { None } else { Some(line::case(line, &lines).map_err(wrong)?) };
        lines.push(case);
    }
    let cases: Vec<Case> = lines.into_iter().flatten().collect();
    if cases.is_empty() {
        return Err(DatasetError::Empty(path.to_owned()));
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Set { name, cases })
}

/// The operating system's words without its number.
fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;

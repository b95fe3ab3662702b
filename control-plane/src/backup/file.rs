//! The file: one JSON value a line. First what it is, then per table its columns and rows in the order of the key, last
//! how many rows there are and the SHA-256 of every byte before.

use crate::store::{Row, StoreError};
use control_plane_api::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// What the first line says.
const FORMAT: &str = "mcpctl backup";
/// Grows when an older mcpd could not read a file.
const VERSION: u32 = 1;

/// A backup cannot be written or is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file system says no.
    #[error("`{path}`: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file is there already.
    #[error("`{0}` is there already")]
    Exists(String),
    /// It is no backup, or was cut off or changed.
    #[error("`{path}` cannot be restored: {reason}")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A newer mcpd made it.
    #[error("`{0}` was made by a newer mcpd")]
    Newer(String),
    /// The database failed.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl BackupError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check the path, your rights there, and the space left on the disk",
            Self::Exists(_) => "choose another name; a backup never replaces a file",
            Self::Damaged { .. } => "use another backup; nothing was changed",
            Self::Newer(_) => "install the mcpd that made it, or a newer one",
            Self::Store(_) => "check the database's own log",
        }
    }
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// The version that made it.
    pub(crate) mcpd: String,
    /// `sqlite` or `postgres`.
    pub(crate) store: String,
    /// The migrations that its tables have.
    pub(crate) migrations: Vec<i64>,
    /// The revision in force then.
    pub(crate) revision: u64,
    /// By which the database is told from others.
    pub(crate) database: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct First {
    format: String,
    version: u32,
    #[serde(flatten)]
    header: Header,
}

#[derive(Serialize, Deserialize)]
struct TableLine {
    table: String,
    columns: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Last {
    rows: BTreeMap<String, u64>,
    sha256: String,
}

/// A line between the first and the last.
pub(super) enum Line {
    /// Rows of this table follow, with these columns.
    Table(String, Vec<String>),
    Row(Row),
}

/// Writes a file that appears under its name once it is whole.
pub(super) struct Writer {
    place: PathBuf,
    draft: PathBuf,
    out: BufWriter<File>,
    digest: Sha256,
    rows: BTreeMap<String, u64>,
    table: String,
}

impl Writer {
    pub(super) fn create(place: &Path, header: &Header) -> Result<Self, BackupError> {
        if place.exists() {
            return Err(BackupError::Exists(place.display().to_string()));
        }
        let mut draft = place.as_os_str().to_owned();
        draft.push(format!(".{}.draft", std::process::id()));
        let draft = PathBuf::from(draft);
        // The names of users and the digests of their tokens are in it.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed(place))?;
        let mut this = Self {
            place: place.to_owned(),
            draft,
            out: BufWriter::new(file),
            digest: Sha256::new(),
            rows: BTreeMap::new(),
            table: String::new(),
        };
        this.line(&First { format: FORMAT.to_owned(), version: VERSION, header: header.clone() })?;
        Ok(this)
    }

    pub(super) fn table(&mut self, table: &str, columns: Vec<String>) -> Result<(), BackupError> {
        table.clone_into(&mut self.table);
        self.rows.insert(self.table.clone(), 0);
        self.line(&TableLine { table: table.to_owned(), columns })
    }

    pub(super) fn row(&mut self, row: &Row) -> Result<(), BackupError> {
        *self.rows.entry(self.table.clone()).or_default() += 1;
        self.line(row)
    }

    pub(super) fn finish(mut self) -> Result<(), BackupError> {
        let sha256 = hex::encode(self.digest.clone().finalize());
        self.line(&Last { rows: self.rows.clone(), sha256 })?;
        let Self { place, draft, out, .. } = &mut self;
        out.flush().and_then(|()| out.get_ref().sync_all()).map_err(failed(place))?;
        // Unlike a rename, a link never replaces what came into being meanwhile.
        fs::hard_link(draft, &place).map_err(failed(place))
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        let mut line = serde_json::to_vec(value).map_err(io::Error::from).map_err(failed(&self.place))?;
        line.push(b'\n');
        self.digest.update(&line);
        self.out.write_all(&line).map_err(failed(&self.place))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Under its own name the file goes on to exist.
        fs::remove_file(&self.draft).ok();
    }
}

/// A backup whose every byte was checked.
#[derive(Debug)]
pub(crate) struct BackupFile {
    path: PathBuf,
    /// What it is of.
    pub(crate) header: Header,
    /// How many rows each table has.
    pub(crate) rows: BTreeMap<String, u64>,
    /// SHA-256 of everything but the last line, in hex.
    pub(crate) sha256: String,
}

impl BackupFile {
    /// Reads the whole file once and checks that it is whole and of a version that is known.
    pub(crate) fn open(path: &Path) -> Result<Self, BackupError> {
        let damaged =
            |reason: &str| BackupError::Damaged { path: path.display().to_string(), reason: reason.to_owned() };
        let mut reader = BufReader::new(File::open(path).map_err(failed(path))?);
        let mut digest = Sha256::new();
        let mut line = Vec::new();
        next(&mut reader, &mut line).map_err(failed(path))?;
        let first: First = serde_json::from_slice(&line).map_err(|_| damaged("it is no backup of mcpctl"))?;
        if first.format != FORMAT {
            return Err(damaged("it is no backup of mcpctl"));
        }
        if first.version > VERSION {
            return Err(BackupError::Newer(path.display().to_string()));
        }
        let mut before = std::mem::take(&mut line);
        loop {
            digest.update(&before);
            next(&mut reader, &mut line).map_err(failed(path))?;
            if line.is_empty() {
                return Err(damaged("it was cut off"));
            }
            if line.starts_with(b"{\"rows\":") {
                break;
            }
            std::mem::swap(&mut before, &mut line);
        }
        let last: Last = serde_json::from_slice(&line).map_err(|_| damaged("it was cut off"))?;
        let sha256 = hex::encode(digest.finalize());
        next(&mut reader, &mut line).map_err(failed(path))?;
        if sha256 != last.sha256 || !line.is_empty() {
            return Err(damaged("it was changed after it was made"));
        }
        Ok(Self { path: path.to_owned(), header: first.header, rows: last.rows, sha256 })
    }

    /// Tables and rows from the beginning.
    pub(super) fn lines(&self) -> Result<Lines, BackupError> {
        let mut reader = BufReader::new(File::open(&self.path).map_err(failed(&self.path))?);
        let mut line = Vec::new();
        next(&mut reader, &mut line).map_err(failed(&self.path))?;
        Ok(Lines { path: self.path.clone(), reader, line })
    }
}

/// Reads what stands between the first and the last line.
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn next(&mut self) -> Result<Option<Line>, BackupError> {
        next(&mut self.reader, &mut self.line).map_err(failed(&self.path))?;
        let unreadable = |_| BackupError::Damaged {
            path: self.path.display().to_string(),
            reason: "a line cannot be read".to_owned(),
        };
        if self.line.starts_with(b"[") {
            return serde_json::from_slice(&self.line).map(|row| Some(Line::Row(row))).map_err(unreadable);
        }
        if self.line.is_empty() || self.line.starts_with(b"{\"rows\":") {
            return Ok(None);
        }
        let TableLine { table, columns } = serde_json::from_slice(&self.line).map_err(unreadable)?;
        Ok(Some(Line::Table(table, columns)))
    }
}

fn next(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    reader.read_until(b'\n', line).map(drop)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.display().to_string();
    move |source| BackupError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(path: &Path) -> Result<(), BackupError> {
        let header = Header {
            created_at: Timestamp::from_millis(0),
            mcpd: "0.1.0".to_owned(),
            store: "sqlite".to_owned(),
            migrations: vec![1],
            revision: 7,
            database: None,
        };
        let mut writer = Writer::create(path, &header)?;
        writer.table("meta", vec!["name".to_owned(), "value".to_owned()])?;
        writer.row(&vec![json!("a\n\"b"), json!(null)])?;
        writer.row(&vec![json!("c"), json!(i64::MIN)])?;
        writer.finish()
    }

    #[test]
    fn what_was_written_is_read_and_a_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b");
        written(&path).unwrap();
        assert!(matches!(written(&path), Err(BackupError::Exists(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let backup = BackupFile::open(&path).unwrap();
        assert_eq!((backup.header.revision, backup.rows["meta"]), (7, 2));
        let mut lines = backup.lines().unwrap();
        assert!(
            matches!(lines.next().unwrap(), Some(Line::Table(table, columns)) if table == "meta" && columns.len() == 2)
        );
        let Some(Line::Row(row)) = lines.next().unwrap() else { panic!("no row") };
        assert_eq!(row, [json!("a\n\"b"), json!(null)]);
        assert!(matches!(lines.next().unwrap(), Some(Line::Row(row)) if row[1] == json!(i64::MIN)));
        assert!(lines.next().unwrap().is_none());
    }

    #[test]
    fn a_file_that_was_cut_off_or_changed_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b");
        written(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            // Without the end of the last line everything is there.
            assert_eq!(BackupFile::open(&path).is_err(), cut + 1 < whole.len(), "cut at {cut}");
        }
        for at in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            let opened = BackupFile::open(&path);
            assert!(
                opened.is_err() || opened.is_ok_and(|backup| backup.rows.get("meta") != Some(&2)),
                "changed at {at}"
            );
        }
        fs::write(&path, [whole.as_slice(), b"more\n"].concat()).unwrap();
        assert!(BackupFile::open(&path).is_err());
    }
}

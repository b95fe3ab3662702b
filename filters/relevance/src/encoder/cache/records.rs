//! The file of embeddings: a header, then records of one size, each a digest, a vector and a checksum.
//!
//! New records go to the end. Opening reads all of them and cuts the file where the first broken one begins, so that a
//! crash in the middle of a write costs that record. When the file is full, the records used least recently are left out
//! by moving the others towards the front; a crash in the middle of that leaves whole records, some of them twice.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use half::f16;

use super::{Key, Vector};

const MAGIC: &[u8; 8] = b"mcpemb1\n";
/// Magic, the model's id, the floats of a vector.
const HEADER_BYTES: u64 = 8 + 32 + 4;
const CHECKSUM_BYTES: usize = 4;
/// The share of the records that is left after a full file was made smaller, in quarters.
const KEPT_QUARTERS: u64 = 3;

/// The open file and where in it each record is.
pub(super) struct Records {
    file: File,
    /// Floats of a vector.
    size: usize,
    count_max: u64,
    count: u64,
    index: HashMap<Key, Place>,
    /// Counts uses.
    clock: u64,
}

struct Place {
    number: u64,
    used: u64,
}

impl Records {
    /// Opens or makes the file of model `id` in `folder` and removes those of other models.
    pub(super) fn open(folder: &Path, id: &[u8; 32], size: usize, bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let name = format!("embeddings-{}.bin", id.iter().take(8).map(|b| format!("{b:02x}")).collect::<String>());
        remove_others(folder, &name)?;
        let path = folder.join(name);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.try_lock()?;
        start(&mut file, id, size)?;
        let count_max = bytes_max.saturating_sub(HEADER_BYTES) / record_bytes(size) as u64;
        let mut records = Self { file, size, count_max, count: 0, index: HashMap::new(), clock: 0 };
        records.read_all()?;
        Ok(records)
    }

    pub(super) fn get(&mut self, key: &Key) -> io::Result<Option<Vector>> {
        let Some(place) = self.index.get_mut(key) else { return Ok(None) };
        self.clock += 1;
        place.used = self.clock;
        let number = place.number;
        let record = self.read(number)?;
        Ok(decode(&record).filter(|(found, _)| found == key).map(|(_, vector)| vector))
    }

    pub(super) fn append(&mut self, key: Key, vector: &[f16]) -> io::Result<()> {
        if vector.len() != self.size || self.count_max == 0 || self.index.contains_key(&key) {
            return Ok(());
        }
        if self.count >= self.count_max {
            self.make_room()?;
        }
        self.write(self.count, &encode(&key, vector))?;
        self.found(key);
        Ok(())
    }

    /// Counts the record at the end.
    fn found(&mut self, key: Key) {
        self.clock += 1;
        self.index.insert(key, Place { number: self.count, used: self.clock });
        self.count += 1;
    }

    /// Builds the index and cuts off what is broken.
    fn read_all(&mut self) -> io::Result<()> {
        let mut reader = BufReader::new(self.file.try_clone()?);
        reader.seek(SeekFrom::Start(HEADER_BYTES))?;
        let mut record = vec![0; record_bytes(self.size)];
        while self.count < self.count_max {
            match reader.read_exact(&mut record) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            let Some((key, _)) = decode(&record) else { break };
            self.found(key);
        }
        self.cut()
    }

    /// Leaves out the records used least recently.
    fn make_room(&mut self) -> io::Result<()> {
        let mut used: Vec<u64> = self.index.values().map(|place| place.used).collect();
        used.sort_unstable_by(|a, b| b.cmp(a));
        let kept = usize::try_from(self.count_max * KEPT_QUARTERS / 4).unwrap_or(usize::MAX);
        let used_min = used.get(kept).map_or(0, |last| last + 1);
        let before = std::mem::take(&mut self.count);
        let mut index = std::mem::take(&mut self.index);
        for number in 0..before {
            let record = self.read(number)?;
            let Some((key, _)) = decode(&record) else { continue };
            let Some(place) = index.remove(&key).filter(|place| place.number == number) else { continue };
            if place.used >= used_min {
                self.write(self.count, &record)?;
                self.index.insert(key, Place { number: self.count, used: place.used });
                self.count += 1;
            }
        }
        self.cut()
    }

    fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.offset(self.count))
    }

    fn offset(&self, number: u64) -> u64 {
        HEADER_BYTES + number * record_bytes(self.size) as u64
    }

    fn read(&mut self, number: u64) -> io::Result<Vec<u8>> {
        let mut record = vec![0; record_bytes(self.size)];
        self.file.seek(SeekFrom::Start(self.offset(number)))?;
        self.file.read_exact(&mut record)?;
        Ok(record)
    }

    fn write(&mut self, number: u64, record: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.offset(number)))?;
        self.file.write_all(record)
    }
}

/// Reads the header, or starts a new file where there is another one or none.
fn start(file: &mut File, id: &[u8; 32], size: usize) -> io::Result<()> {
    let size = u32::try_from(size).map_err(io::Error::other)?;
    let expected = [MAGIC.as_slice(), id, &size.to_le_bytes()].concat();
    let mut found = Vec::new();
    file.take(HEADER_BYTES).read_to_end(&mut found)?;
    if found != expected {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&expected)?;
    }
    Ok(())
}

fn remove_others(folder: &Path, name: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        if other != name && other.starts_with("embeddings-") && other.ends_with(".bin") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn record_bytes(size: usize) -> usize {
    size_of::<Key>() + size * size_of::<f16>() + CHECKSUM_BYTES
}

fn encode(key: &Key, vector: &[f16]) -> Vec<u8> {
    let mut record = key.to_vec();
    record.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
    record.extend(crc32fast::hash(&record).to_le_bytes());
    record
}

/// `None` is a broken record.
fn decode(record: &[u8]) -> Option<(Key, Vector)> {
    let (content, checksum) = record.split_last_chunk::<CHECKSUM_BYTES>()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (key, vector) = content.split_first_chunk()?;
    let (floats, _) = vector.as_chunks();
    Some((*key, floats.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect::<Arc<[f16]>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 32] = [7; 32];

    fn vector(n: u8) -> Vec<f16> {
        vec![f16::from(n), f16::from_f32(0.5)]
    }

    fn open(folder: &Path, count_max: u64) -> Records {
        Records::open(folder, &ID, 2, HEADER_BYTES + count_max * record_bytes(2) as u64).unwrap()
    }

    fn append(records: &mut Records, n: u8) {
        records.append([n; 32], &vector(n)).unwrap();
    }

    fn known(records: &mut Records, all: std::ops::RangeInclusive<u8>) -> Vec<u8> {
        let is_right = |n: &u8| match records.get(&[*n; 32]).unwrap() {
            Some(found) => found[..] == vector(*n),
            None => false,
        };
        all.filter(is_right).collect()
    }

    fn path(folder: &Path) -> std::path::PathBuf {
        folder.join("embeddings-0707070707070707.bin")
    }

    #[test]
    fn records_are_there_again_after_opening_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("cache");
        let mut records = open(&inner, 9);
        (1..=3).for_each(|n| append(&mut records, n));
        drop(records);
        assert_eq!(known(&mut open(&inner, 9), 1..=9), [1, 2, 3]);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path(&inner)), mode(&inner)), (0o600, 0o700));
    }

    #[test]
    fn a_broken_tail_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = open(folder.path(), 9);
        (1..=4).for_each(|n| append(&mut records, n));
        drop(records);
        let mut bytes = std::fs::read(path(folder.path())).unwrap();
        let third = HEADER_BYTES as usize + 2 * record_bytes(2);
        bytes[third + 1] ^= 1;
        bytes.truncate(bytes.len() - 5);
        std::fs::write(path(folder.path()), &bytes).unwrap();
        let mut records = open(folder.path(), 9);
        assert_eq!(known(&mut records, 1..=9), [1, 2]);
        append(&mut records, 5);
        drop(records);
        assert_eq!(known(&mut open(folder.path(), 9), 1..=9), [1, 2, 5]);
    }

    #[test]
    fn a_full_file_leaves_out_what_was_used_least_recently() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = open(folder.path(), 8);
        (1..=8).for_each(|n| append(&mut records, n));
        assert_eq!(known(&mut records, 1..=2), [1, 2]);
        append(&mut records, 9);
        assert_eq!(known(&mut records, 1..=9), [1, 2, 5, 6, 7, 8, 9]);
        drop(records);
        assert_eq!(known(&mut open(folder.path(), 8), 1..=9), [1, 2, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn the_bound_holds_whatever_comes() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = open(folder.path(), 8);
        (0..=255).for_each(|n| append(&mut records, n));
        let bytes = std::fs::metadata(path(folder.path())).unwrap().len();
        assert!(bytes <= HEADER_BYTES + 8 * record_bytes(2) as u64, "{bytes}");
        assert!(known(&mut records, 0..=255).contains(&255));
    }

    #[test]
    fn another_models_file_is_removed_and_another_header_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("embeddings-00.bin");
        std::fs::write(&other, "old").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not ours").unwrap();
        std::fs::write(path(folder.path()), [0; 500]).unwrap();
        let mut records = open(folder.path(), 9);
        assert!(!other.exists() && folder.path().join("notes.txt").exists());
        assert!(known(&mut records, 0..=9).is_empty());
        append(&mut records, 1);
        assert_eq!(known(&mut records, 0..=9), [1]);
    }

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = open(folder.path(), 9);
        assert!(Records::open(folder.path(), &ID, 2, 1_000).is_err());
    }
}

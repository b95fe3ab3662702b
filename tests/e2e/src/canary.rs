//! Looks for planted credentials (canaries) in files: in the clear, in the encodings in which they leak, compressed, and in
//! pieces. By other means than the gateway's own redaction, which it checks.

use aho_corasick::AhoCorasick;
use anyhow::ensure;
use flate2::read::MultiGzDecoder;
use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Bytes in a row that count as a leak.
const WINDOW_BYTES: usize = 12;
/// Bytes of the shortest canary: shorter ones stand in files by chance.
const CANARY_BYTES_MIN: usize = 8;
/// Bytes of one file that are unpacked.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;

/// A credential, and what it is called in reports; it is never repeated there.
#[derive(Clone)]
pub struct Canary {
    /// What it is called.
    pub name: String,
    /// It.
    pub value: String,
}

/// A canary where none may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Which one.
    pub canary: String,
    /// As what.
    pub form: &'static str,
    /// Where.
    pub place: String,
}

/// Looks for canaries.
pub struct Scanner {
    automaton: AhoCorasick,
    /// Whose form each pattern is, and which.
    patterns: Vec<(String, &'static str)>,
    /// Bytes that were looked at.
    pub scanned_bytes: u64,
}

impl Scanner {
    /// Looks for `canaries`.
    ///
    /// # Errors
    /// When there is none, one is too short, or they are too many.
    pub fn new(canaries: &[Canary]) -> anyhow::Result<Self> {
        ensure!(!canaries.is_empty(), "there is no canary to look for");
        let (mut needles, mut patterns) = (Vec::new(), Vec::new());
        for canary in canaries {
            let (name, length) = (&canary.name, canary.value.len());
            ensure!(
                length >= CANARY_BYTES_MIN,
                "the value of `{name}` has {length} bytes: less than {CANARY_BYTES_MIN} are found by chance"
            );
            for (form, needle) in forms(canary.value.as_bytes()) {
                needles.push(needle);
                patterns.push((canary.name.clone(), form));
            }
        }
        Ok(Self { automaton: AhoCorasick::new(needles)?, patterns, scanned_bytes: 0 })
    }

    /// What is in `bytes`, also where they are compressed; each canary and form once.
    pub fn bytes(&mut self, bytes: &[u8], place: &str) -> Vec<Hit> {
        self.scanned_bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let hit = |at: aho_corasick::Match| {
            let (canary, form) = self.patterns.get(at.pattern().as_usize())?;
            Some(Hit { canary: canary.clone(), form, place: place.to_owned() })
        };
        let mut hits: Vec<Hit> = self.automaton.find_overlapping_iter(bytes).filter_map(hit).collect();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            // What comes before an error is looked at, too.
            let _ = MultiGzDecoder::new(bytes).take(UNPACKED_BYTES_MAX).read_to_end(&mut unpacked);
            hits.extend(self.bytes(&unpacked, &format!("{place} (gzip)")));
        }
        hits.sort();
        hits.dedup();
        hits
    }

    /// What is in the file `path`, or in every file below it, but not in those that `leave_out` names. Files that disappear
    /// meanwhile are none.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn path(&mut self, path: &Path, leave_out: &dyn Fn(&Path) -> bool) -> io::Result<Vec<Hit>> {
        let mut hits = Vec::new();
        let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
        while let Some(path) = waiting.pop() {
            if leave_out(&path) {
                continue;
            }
            let kind = match fs::symlink_metadata(&path) {
                Ok(meta) => meta.file_type(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if kind.is_dir() {
                for entry in fs::read_dir(&path)? {
                    waiting.push(entry?.path());
                }
            } else if kind.is_file() {
                match fs::read(&path) {
                    Ok(bytes) => hits.extend(self.bytes(&bytes, &path.display().to_string())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(hits)
    }

    /// What other processes may see of process `pid`: its command line and its environment. One that is gone shows nothing.
    pub fn process(&mut self, pid: u64) -> Vec<Hit> {
        let mut hits = Vec::new();
        for file in ["cmdline", "environ"] {
            let path = format!("/proc/{pid}/{file}");
            if let Ok(bytes) = fs::read(&path) {
                hits.extend(self.bytes(&bytes, &path));
            }
        }
        hits
    }
}

/// The forms that are looked for. Of an encoding everything that depends on the canary alone.
fn forms(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let window = WINDOW_BYTES.min(value.len());
    forms.extend(value.windows(window).map(|part| ("plain", part.to_vec())));
    forms.push(("reversed", value.iter().rev().copied().collect()));
    forms.push(("hex", of_each(value, |byte| format!("{byte:02x}"))));
    forms.push(("HEX", of_each(value, |byte| format!("{byte:02X}"))));
    forms.push(("URL, every byte", of_each(value, |byte| format!("%{byte:02X}"))));
    forms.push(("url, every byte", of_each(value, |byte| format!("%{byte:02x}"))));
    forms.push(("URL", of_each(value, |byte| in_url(byte, format!("%{byte:02X}")))));
    forms.push(("url", of_each(value, |byte| in_url(byte, format!("%{byte:02x}")))));
    forms.push(("JSON, every character", of_each(value, |byte| format!("\\u{byte:04x}"))));
    forms.push(("UTF-16LE", value.iter().flat_map(|byte| [*byte, 0]).collect()));
    forms.push(("UTF-16BE", value.iter().flat_map(|byte| [0, *byte]).collect()));
    for (alphabet, name) in [(STANDARD, "base64"), (URL_SAFE, "base64url")] {
        for unknown in 0..3 {
            forms.push((name, base64(value, unknown, alphabet)));
        }
    }
    forms
}

fn of_each(value: &[u8], form: impl Fn(u8) -> String) -> Vec<u8> {
    value.iter().map(|byte| form(*byte)).collect::<String>().into_bytes()
}

/// What stands for itself in a URL (RFC 3986, unreserved), else `escaped`.
fn in_url(byte: u8, escaped: String) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { escaped }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bit by bit: the characters of base64 that hold only bits of `value` when `unknown` bytes stand before it.
fn base64(value: &[u8], unknown: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits: Vec<u8> = value.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let skipped = (6 - unknown * 8 % 6) % 6;
    let digits = bits.get(skipped..).unwrap_or_default().chunks_exact(6);
    let index = |digit: &[u8]| digit.iter().fold(0_usize, |number, bit| number << 1 | usize::from(*bit));
    digits.filter_map(|digit| alphabet.get(index(digit)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    const VALUE: &str = "xoxb-CANARY/42+7f3a91";

    fn check(planted: &[u8], found: bool) {
        let canary = Canary { name: "slack".to_owned(), value: VALUE.to_owned() };
        let mut scanner = Scanner::new(&[canary]).unwrap();
        let hits = scanner.bytes(&[b"before ", planted, b" behind"].concat(), "here");
        assert_eq!(!hits.is_empty(), found, "{:?}: {hits:?}", String::from_utf8_lossy(planted));
    }

    #[test]
    fn a_canary_is_found_in_every_form() {
        let plain = VALUE.as_bytes();
        check(plain, true);
        check(&plain[3..15], true);
        check(&plain[3..14], false);
        for (_, form) in forms(plain) {
            check(&form, true);
        }
        check(b"eG94Yi1DQU5BUlkvNDIrN2YzYTkx", true);
        check(b"YWJ4b3hiLUNBTkFSWS80Mis3ZjNhOTF6", true);
        check(b"xoxb-CANARY%2f42%2b7f3a91", true);
        check(b"nothing of the kind", false);
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        let refused = |canaries: &[Canary]| Scanner::new(canaries).err().unwrap().to_string();
        let canary = |value: &str| Canary { name: "slack".to_owned(), value: value.to_owned() };
        assert!(refused(&[]).contains("no canary"));
        assert!(refused(&[canary("")]).contains("`slack` has 0 bytes"));
        assert!(refused(&[canary("1234567")]).contains("`slack` has 7 bytes"));
        assert!(Scanner::new(&[canary("12345678")]).is_ok());
    }

    #[test]
    fn a_canary_is_found_in_compressed_files_below_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(format!("a log line with {VALUE}\n").repeat(3).as_bytes()).unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        fs::write(folder.path().join("logs/old.gz"), gzip.finish().unwrap()).unwrap();
        fs::write(folder.path().join("left-out"), VALUE).unwrap();
        let canary = Canary { name: "slack".to_owned(), value: VALUE.to_owned() };
        let mut scanner = Scanner::new(&[canary]).unwrap();
        let hits = scanner.path(folder.path(), &|path| path.ends_with("left-out")).unwrap();
        assert!(!hits.is_empty() && hits.iter().all(|hit| hit.place.ends_with("old.gz (gzip)")), "{hits:?}");
    }
}

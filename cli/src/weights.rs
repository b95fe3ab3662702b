//! The weights of the local model: which files, which digests, where they come from.
//!
//! The digests are pinned here, so it does not matter who delivers the bytes. Sources are tried in order; a file that
//! has another digest is deleted and never reaches the model's folder.

pub(crate) mod fetch;
pub(crate) mod source;

use crate::{
    failure::{During as _, Failure},
    home::Home,
};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The model's name, and its folder under `models`.
pub(crate) const MODEL: &str = "all-MiniLM-L6-v2";
/// Bytes read at once when hashing.
const CHUNK_BYTES: usize = 1 << 20;

/// A file of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Its name in the model's folder.
    pub name: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Hex SHA-256 of it.
    pub sha256: &'static str,
}

/// The files, the large one last: a folder that has it has them all.
pub(crate) const FILES: [Weight; 3] = [
    Weight {
        name: "config.json",
        bytes: 612,
        sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    },
    Weight {
        name: "tokenizer.json",
        bytes: 466_247,
        sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
    Weight {
        name: "model.safetensors",
        bytes: 90_868_376,
        sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    },
];

/// What is there of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// With the right digest.
    Whole,
    /// Not there.
    Missing,
    /// With another digest.
    Damaged,
}

/// The model's folder.
pub(crate) fn folder(home: &Home) -> PathBuf {
    home.path("models").join(MODEL)
}

/// Reads and checks one file of the model.
pub(crate) fn check(folder: &Path, weight: &Weight) -> Result<FileState, Failure> {
    let path = folder.join(weight.name);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileState::Missing),
        Err(error) => return Err(error).during(|| format!("cannot read `{}`", path.display())),
    };
    if file.metadata().is_ok_and(|meta| meta.len() != weight.bytes) {
        return Ok(FileState::Damaged);
    }
    let digest = digest(file).during(|| format!("cannot read `{}`", path.display()))?;
    Ok(if digest == weight.sha256 { FileState::Whole } else { FileState::Damaged })
}

/// Hex SHA-256 of what `reader` yields.
pub(crate) fn digest(mut reader: impl io::Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = reader.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Copies `reader` into the model's folder as `weight`, if and only if its digest is right.
pub(crate) fn install(reader: impl io::Read, weight: &Weight, folder: &Path) -> Result<(), Failure> {
    let target = folder.join(weight.name);
    let doing = || format!("cannot write `{}`", target.display());
    let mut part = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).during(doing)?;
    let mut hashing = Hashing { inner: io::Read::take(reader, weight.bytes + 1), hasher: Sha256::new() };
    io::copy(&mut hashing, part.as_file_mut()).during(doing)?;
    let found = hex::encode(hashing.hasher.finalize());
    if found != weight.sha256 {
        return Err(wrong_digest(weight.name, weight.sha256, &found));
    }
    part.as_file().sync_all().during(doing)?;
    part.persist(&target).map_err(|error| error.error).during(doing)?;
    Ok(())
}

/// The failure for bytes that are not what was pinned.
pub(crate) fn wrong_digest(name: &str, expected: &str, found: &str) -> Failure {
    Failure::failed(format!("`{name}` has the wrong SHA-256, so it was deleted"))
        .details([format!("expected {expected}"), format!("found    {found}")])
        .hint("somebody changed or cut it on the way: try again, or take it from another source with `--from DIR`")
}

/// Deletes a file that may not be there.
pub(crate) fn discard(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).during(|| format!("cannot delete `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: io::Read> io::Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: Weight =
        Weight { name: "hello", bytes: 5, sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" };

    #[test]
    fn only_the_pinned_bytes_are_installed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check(dir.path(), &HELLO).unwrap(), FileState::Missing);
        for bad in ["hellO", "hell", "hello!", ""] {
            let failure = install(bad.as_bytes(), &HELLO, dir.path()).unwrap_err();
            assert!(failure.message.contains("wrong SHA-256"), "{bad}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left of what was refused");
        install("hello".as_bytes(), &HELLO, dir.path()).unwrap();
        assert_eq!(check(dir.path(), &HELLO).unwrap(), FileState::Whole);
        fs::write(dir.path().join("hello"), "hallo").unwrap();
        assert_eq!(check(dir.path(), &HELLO).unwrap(), FileState::Damaged);
    }
}

//! An export in a directory: written durably, private to its user, and verified without asking anybody.

use super::{
    chains::{self, Found},
    chunks::{MANIFEST, Manifest, Place, read_manifest},
};
use crate::failure::{During as _, Failure};
use control_plane_api::audit::receipt::{ChainHead, Heads};
use std::{
    fs::{self, DirBuilder, File},
    io::{self, BufRead as _, BufReader},
    os::unix::fs::DirBuilderExt as _,
    path::{Component, Path, PathBuf},
};

/// A directory, made when something is put into it.
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    /// The path of `name` in it; names come from a manifest that anybody may have written.
    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if inside { Ok(self.0.join(name)) } else { Err(Failure::failed(format!("`{name}` is no name in an export"))) }
    }
}

impl Place for Directory {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.path(name)?;
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some).during(|| format!("cannot read `{}`", path.display())),
        }
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let path = self.path(name)?;
        write(&path, &bytes).during(|| format!("cannot write `{}`", path.display()))
    }
}

/// Whole and durable when this returns, and never half there.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Verifies the export in `dir`.
pub(super) fn verify(dir: &Path, key: Option<&str>) -> Result<(Heads, Vec<Found>), Failure> {
    let directory = Directory(dir.to_owned());
    let path = directory.path(MANIFEST)?;
    let bytes = fs::read(&path).during(|| format!("cannot read `{}`", path.display()))?;
    let manifest = read_manifest(&bytes)?;
    let heads = chains::open(&manifest.heads, key)?;
    let found = heads.chains.iter().map(|chain| read(&directory, &manifest, chain)).collect::<Result<_, _>>()?;
    Ok((heads, found))
}

/// Reads one chain, chunk after chunk. Of the manifest only the order of the chunks is believed.
fn read(directory: &Directory, manifest: &Manifest, chain: &ChainHead) -> Result<Found, Failure> {
    let mut verifier = chains::reader(chain);
    for chunk in manifest.chunks.iter().filter(|chunk| chunk.gateway == chain.gateway) {
        let path = directory.path(&chunk.file)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            // What it held is missing then, and the next record says so.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).during(|| format!("cannot read `{}`", path.display())),
        };
        for line in BufReader::new(file).split(b'\n') {
            let line = line.during(|| format!("cannot read `{}`", path.display()))?;
            if let Err(broken) = verifier.take(&String::from_utf8_lossy(&line)) {
                return Ok(Found::of(chain, &verifier, Err(broken)));
            }
        }
    }
    Ok(Found::of(chain, &verifier, Ok(())))
}

//! The home folder and the private files in it. What the files mean is known to those who write them.

use rand::{RngCore as _, rngs::OsRng};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// The home folder or a file in it cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`: {source}")]
pub struct HomeError {
    path: String,
    source: io::Error,
}

impl HomeError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "check who owns the folder, or point MCPCTL_HOME to one that you may write to"
    }
}

/// Makes the folder, readable by its owner only, unless it is there, and tries whether it can be written to.
pub(crate) fn prepare(home: &Path) -> Result<(), HomeError> {
    DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(failed(home))?;
    PrivateFile::write(&home.join(".mcpd-write-check"), "")?.discard();
    Ok(())
}

/// A file that is written in full, but not yet in its place. Dropping it leaves nothing behind.
pub(crate) struct PrivateFile {
    draft: PathBuf,
    place: PathBuf,
}

impl PrivateFile {
    /// Writes `text` beside `place`, readable by the owner only, and makes it durable.
    pub(crate) fn write(place: &Path, text: &str) -> Result<Self, HomeError> {
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:08x}.draft", OsRng.next_u32()));
        let this = Self { draft: place.with_file_name(name), place: place.to_owned() };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&this.draft).map_err(failed(place))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(place))?;
        Ok(this)
    }

    /// Puts the file in its place, over whatever is there.
    pub(crate) fn put(self) -> Result<(), HomeError> {
        fs::rename(&self.draft, &self.place).and_then(|()| sync_folder(&self.place)).map_err(failed(&self.place))
    }

    /// Puts the file in its place unless something is there. Whether it was put.
    pub(crate) fn put_new(self) -> Result<bool, HomeError> {
        match fs::hard_link(&self.draft, &self.place) {
            Ok(()) => sync_folder(&self.place).map(|()| true).map_err(failed(&self.place)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(&self.place)(error)),
        }
    }

    fn discard(self) {}
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // Already gone when it was put in its place; otherwise nothing more can be done about it.
        fs::remove_file(&self.draft).ok();
    }
}

fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn failed(path: &Path) -> impl Fn(io::Error) -> HomeError + use<> {
    let path = path.display().to_string();
    move |source| HomeError { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folder_and_files_are_the_owners_alone() {
        let home = tempfile::tempdir().unwrap().path().join("a/b");
        prepare(&home).unwrap();
        PrivateFile::write(&home.join("x"), "1").unwrap().put().unwrap();
        assert_eq!((mode(&home), mode(&home.join("x"))), (0o700, 0o600));
    }

    #[test]
    fn a_draft_leaves_nothing_behind_and_put_new_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("x");
        drop(PrivateFile::write(&place, "draft").unwrap());
        assert!(PrivateFile::write(&place, "first").unwrap().put_new().unwrap());
        assert!(!PrivateFile::write(&place, "second").unwrap().put_new().unwrap());
        assert_eq!(fs::read_to_string(&place).unwrap(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = prepare(&folder.path().join("file/home")).unwrap_err();
        assert!(error.to_string().contains("file/home"), "{error}");
    }
}

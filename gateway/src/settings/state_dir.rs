//! The directory a gateway keeps its state in: private to its user, used by one process at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// An opened state directory; the lock on it ends with the last clone.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
    _lock: Arc<File>,
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// Another gateway of the same name runs here.
    #[error("`{}` is in use by another gateway: stop that one, or give this one another name with `MCP_GATEWAY_NAME`", .0.display())]
    InUse(PathBuf),
    /// It cannot be made, made private, or locked.
    #[error("`{}` cannot be used as state directory: {}", .0.display(), .1)]
    Unusable(PathBuf, #[source] io::Error),
}

impl StateDir {
    /// Makes `path` (mode 0700) if it is not there, takes it back from other users if they may read it, and locks it.
    ///
    /// # Errors
    /// [`StateDirError`].
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let unusable = |error| StateDirError::Unusable(path.to_owned(), error);
        make_private(path).map_err(unusable)?;
        let lock = private_file(&path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(StateDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// The path of `file` in it.
    #[must_use]
    pub fn join(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }
}

/// Makes the directory `path`, mode 0700, or takes it back from other users.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if path.metadata()?.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Replaces the file at `path` by one with `contents`, mode 0600: whole and durable when this returns, and the old
/// one whole at every moment before.
pub(crate) fn replace_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = private_file(&fresh)?;
    file.set_len(0)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    sync_parent(path)
}

/// Makes creations, renames and removals beside `path` durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_directory_is_private_even_if_it_was_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("gateway/local");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let _dir = StateDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn only_one_gateway_uses_it_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let dir = StateDir::open(home.path()).unwrap();
        assert!(matches!(StateDir::open(home.path()), Err(StateDirError::InUse(_))));
        drop(dir);
        assert!(StateDir::open(home.path()).is_ok());
    }

    #[test]
    fn a_replaced_file_is_whole_and_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.json");
        for contents in ["longer than the next", "short"] {
            replace_file(&path, contents.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), contents);
        }
        assert_eq!(mode(&path), 0o600);
    }
}

//! `$MCPCTL_HOME`: where things are, who may read them, and writing them so that no half-written file is ever seen.
//!
//! It knows paths and permissions, not what the files mean beyond the token and the record of the daemon.

pub(crate) mod record;
mod tokens;

pub(crate) use tokens::{TOKEN_FILE, Token};

use crate::failure::{During as _, Failure};
use record::{DaemonRecord, LaptopRecord};
use serde::de::DeserializeOwned;
use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use url::Url;

/// Mode of a file that others must not read.
const PRIVATE_FILE: u32 = 0o600;
/// Mode of a folder that others must not enter.
const PRIVATE_DIR: u32 = 0o700;
/// Where the token for the gateway on this machine is kept.
pub(crate) const LAPTOP_DIR: &str = "laptop";
/// Where the gateway listens unless told otherwise.
pub(crate) const GATEWAY_PORT: u16 = 9229;
/// Where the control plane listens unless told otherwise.
pub(crate) const API_PORT: u16 = 3000;

/// The directory with mcpctl's own files.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
    is_default: bool,
}

impl Home {
    /// The directory given, else `~/.mcpctl`.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self, Failure> {
        let default = env::var_os("HOME").filter(|home| !home.is_empty()).map(|home| Path::new(&home).join(".mcpctl"));
        let root = match (given, &default) {
            (Some(given), _) => std::path::absolute(given).during(|| format!("cannot find `{}`", given.display()))?,
            (None, Some(default)) => default.clone(),
            (None, None) => {
                return Err(Failure::usage("neither MCPCTL_HOME nor HOME is set")
                    .hint("say where mcpctl keeps its files with `--home DIR`"));
            }
        };
        let is_default = default.is_some_and(|default| default == root);
        Ok(Self { root, is_default })
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is where everybody looks when not told otherwise.
    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }

    /// A path inside.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Creates the directory and `relative` inside it, for this user alone, and tightens a directory that is too open.
    pub(crate) fn ensure(&self, relative: &str) -> Result<PathBuf, Failure> {
        let path = if relative.is_empty() { self.root.clone() } else { self.root.join(relative) };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(PRIVATE_DIR)
            .create(&path)
            .during(|| format!("cannot create `{}`", path.display()))?;
        if mode_of(&self.root).is_some_and(|mode| mode & 0o077 != 0) {
            fs::set_permissions(&self.root, fs::Permissions::from_mode(PRIVATE_DIR))
                .during(|| format!("cannot make `{}` private", self.root.display()))?;
        }
        Ok(path)
    }

    /// What `daemon start` recorded; none when nothing was started.
    pub(crate) fn daemon(&self) -> Result<Option<DaemonRecord>, Failure> {
        self.record("daemon.json", "delete it, end the processes by hand, and run `mcpctl daemon start`")
    }

    /// The local gateway that `mcpctl login` enrolled; none where nobody did.
    pub(crate) fn laptop(&self) -> Result<Option<LaptopRecord>, Failure> {
        self.record("laptop.json", "delete it, and run `mcpctl login` again")
    }

    fn record<T: DeserializeOwned>(&self, file: &str, hint: &str) -> Result<Option<T>, Failure> {
        let path = self.path(file);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).during(|| format!("cannot read `{}`", path.display())),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| Failure::failed(format!("`{}` is damaged: {error}", path.display())).hint(hint))
    }

    /// Base URL of the gateway's data path.
    pub(crate) fn gateway_url(&self) -> Result<Url, Failure> {
        match (self.laptop()?, self.daemon()?) {
            (Some(record), _) => Ok(record.gateway_url),
            (None, Some(record)) => Ok(record.gateway_url),
            (None, None) => loopback(GATEWAY_PORT),
        }
    }

    /// The control plane that `daemon start` or `login` recorded.
    fn recorded(&self) -> Result<Option<Url>, Failure> {
        Ok(match (self.laptop()?, self.daemon()?) {
            (Some(record), _) => Some(record.server),
            (None, Some(record)) => Some(record.api_url),
            (None, None) => None,
        })
    }

    /// Base URL of the control plane.
    pub(crate) fn api_url(&self) -> Result<Url, Failure> {
        self.recorded()?.map_or_else(|| loopback(API_PORT), Ok)
    }

    /// Writes `text` to `relative`, for this user alone, all or nothing.
    pub(crate) fn write_private(&self, relative: &str, text: &[u8]) -> Result<(), Failure> {
        let path = self.path(relative);
        let dir = path.parent().unwrap_or(&self.root);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(PRIVATE_DIR)
            .create(dir)
            .and_then(|()| replace(&path, text, PRIVATE_FILE))
            .during(|| format!("cannot write `{}`", path.display()))
    }

    /// Opens a log for appending, for this user alone.
    pub(crate) fn open_log(&self, relative: &str) -> Result<fs::File, Failure> {
        self.ensure("logs")?;
        let path = self.path(relative);
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(PRIVATE_FILE)
            .open(&path)
            .during(|| format!("cannot write `{}`", path.display()))
    }
}

/// `http://127.0.0.1:port`.
pub(crate) fn loopback(port: u16) -> Result<Url, Failure> {
    Url::parse(&format!("http://127.0.0.1:{port}")).map_err(|error| Failure::failed(error.to_string()))
}

/// Whether both are the same server: scheme, host and port.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Permission bits of `path`; none when it is not there.
pub(crate) fn mode_of(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|meta| meta.permissions().mode() & 0o7777)
}

/// Replaces `path` by a file holding `text`: readers see the old one or the new one, never something in between.
pub(crate) fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let _held = crate::interrupt::hold();
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file =
        tempfile::Builder::new().prefix(".mcpctl-").permissions(fs::Permissions::from_mode(mode)).tempfile_in(dir)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(Some(dir.path())).unwrap();
        (dir, home)
    }

    #[test]
    fn a_directory_that_is_too_open_is_tightened() {
        let (_dir, home) = home();
        fs::set_permissions(home.root(), fs::Permissions::from_mode(0o755)).unwrap();
        home.ensure("logs").unwrap();
        assert_eq!(mode_of(home.root()), Some(0o700));
        assert_eq!(mode_of(&home.path("logs")), Some(0o700));
    }

    #[test]
    fn a_private_file_is_private_and_whole() {
        let (_dir, home) = home();
        home.write_private("a/b", b"1").unwrap();
        home.write_private("a/b", b"2").unwrap();
        assert_eq!(fs::read(home.path("a/b")).unwrap(), b"2");
        assert_eq!(mode_of(&home.path("a/b")), Some(0o600));
        assert_eq!(fs::read_dir(home.path("a")).unwrap().count(), 1);
    }
}

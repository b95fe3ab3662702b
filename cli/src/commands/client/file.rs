//! One file of a client on disk: found, read, replaced as a whole with its permissions, or deleted.

use crate::{
    clients::table::{self, Scope},
    failure::{During as _, Failure},
    home::{self, mode_of},
};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// Mode of a new file that belongs to a project: it holds no secret.
const PROJECT_FILE: u32 = 0o644;
/// Mode of a new file of this user's.
const USER_FILE: u32 = 0o600;

/// One file.
#[derive(Debug)]
pub(in crate::commands) struct ClientFile {
    /// Where it is: where a link leads, not the link.
    pub path: PathBuf,
    /// How people know it: as the client's documentation writes it.
    pub label: String,
    /// The folder it counts for.
    pub dir: PathBuf,
    /// What is in it; none: it is not there.
    pub text: Option<String>,
    /// For whom it counts.
    pub scope: Scope,
    is_link: bool,
}

impl ClientFile {
    /// The file at `place`, seen from `dir`, for an entry called `name`.
    pub(in crate::commands) fn open(place: &table::Place, dir: &Path, name: &str) -> Result<Self, Failure> {
        let dir = fs::canonicalize(dir).during(|| format!("cannot find folder `{}`", dir.display()))?;
        let path = place.files.file(&dir, name).ok_or_else(|| {
            Failure::usage("where this client keeps its configuration depends on HOME, which is not set")
        })?;
        let label = label(&path, &dir, place.scope);
        let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
        let path = if is_link { target(&path)? } else { path };
        let text = read(&path)?;
        Ok(Self { path, label, dir, text, scope: place.scope, is_link })
    }

    /// Puts `text` in its place, or in a new file.
    pub(in crate::commands) fn write(&self, text: &str) -> Result<(), Failure> {
        let written = || format!("cannot write `{}`", self.path.display());
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir).during(written)?;
        }
        let new = if self.scope == Scope::Project { PROJECT_FILE } else { USER_FILE };
        home::replace(&self.path, text.as_bytes(), mode_of(&self.path).unwrap_or(new)).during(written)
    }

    /// Deletes it. A file that a link leads to stays, with `left` in it.
    pub(in crate::commands) fn delete(&self, left: &str) -> Result<(), Failure> {
        match self.is_link {
            true => self.write(left),
            false => fs::remove_file(&self.path).during(|| format!("cannot delete `{}`", self.path.display())),
        }
    }
}

/// Where a link leads, whether that is there or not.
fn target(link: &Path) -> Result<PathBuf, Failure> {
    if let Ok(path) = fs::canonicalize(link) {
        return Ok(path);
    }
    let target = fs::read_link(link).during(|| format!("cannot follow `{}`", link.display()))?;
    Ok(link.parent().unwrap_or(Path::new(".")).join(target))
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).during(|| format!("cannot read `{}`", path.display())),
    }
}

fn label(path: &Path, dir: &Path, scope: Scope) -> String {
    let below_home = || {
        let home = env::var_os("HOME").map(PathBuf::from)?;
        path.strip_prefix(home).ok().map(|rest| format!("~/{}", rest.display()))
    };
    let below = match scope {
        Scope::Project => path.strip_prefix(dir).ok().map(|rest| rest.display().to_string()),
        Scope::User => below_home(),
    };
    below.unwrap_or_else(|| path.display().to_string())
}

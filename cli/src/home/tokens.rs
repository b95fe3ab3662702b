//! Which token is presented to which server. A token is kept for one server, by scheme, host and port, and sent to no other.
//!
//! What is in `$MCPCTL_HOME` itself is for the control plane that this directory is about; what is for another server lies in
//! `servers/`.

use super::{Home, LAPTOP_DIR, PRIVATE_DIR, mode_of, same_origin};
use crate::{
    client::http::is_loopback,
    credentials::{Choice, Credentials, Place},
    failure::{During as _, Failure, Status},
    output::Output,
};
use control_plane_api::secret::Secret;
use sha2::{Digest as _, Sha256};
use std::{
    env, fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};
use url::Url;
use zeroize::Zeroizing;

/// A token that somebody put into the directory by hand.
pub(crate) const TOKEN_FILE: &str = "token";
/// The one mcpd wrote for the first admin.
const ADMIN_FILE: &str = "admin-token";

/// A bearer token and where it came from. No Debug: it must not reach a log.
pub(crate) struct Token {
    /// The token.
    pub text: Secret,
    /// Where it came from, for people.
    pub origin: String,
}

impl Home {
    /// The token to present to `server`: `MCPCTL_TOKEN`, else what is kept for that server; for the control plane of this home
    /// also the file `token`, else the one mcpd wrote for the first admin. One server's token is never another's.
    pub(crate) fn token(&self, server: &Url) -> Result<Token, Failure> {
        if let Some(text) = env::var("MCPCTL_TOKEN").ok().filter(|text| !text.trim().is_empty()) {
            return Ok(Token { text: Secret::new(text.trim().to_owned()), origin: "MCPCTL_TOKEN".to_owned() });
        }
        for folder in self.kept_in(server)? {
            if let Some((text, place)) = Credentials::of(folder).get()? {
                return Ok(Token { text, origin: place.to_string() });
            }
        }
        let mut files = vec![self.folder_of(server).join(TOKEN_FILE)];
        if self.trusts_files_with(server)? {
            files.extend([self.path(TOKEN_FILE), self.path(ADMIN_FILE)]);
        }
        for path in files {
            if let Some(text) = read_private(&path)? {
                return Ok(Token { text, origin: format!("`{}`", path.display()) });
            }
        }
        Err(self.no_token(server))
    }

    /// The token to present to `server` where nobody may be asked for anything.
    pub(crate) fn silent_token(&self, server: &Url) -> Option<Secret> {
        if let Some(text) = env::var("MCPCTL_TOKEN").ok().filter(|text| !text.trim().is_empty()) {
            return Some(Secret::new(text.trim().to_owned()));
        }
        let kept = self.kept_in(server).ok()?.into_iter().find_map(|folder| Credentials::of(folder).get_silently());
        if kept.is_some() || !self.trusts_files_with(server).unwrap_or(false) {
            return kept;
        }
        [TOKEN_FILE, ADMIN_FILE].iter().find_map(|file| read_private(&self.path(file)).ok().flatten())
    }

    fn no_token(&self, server: &Url) -> Failure {
        let root = self.root.display();
        let message = format!("there is no token for `{server}`: MCPCTL_TOKEN is not set and none is kept in `{root}`");
        let failure = Failure::new(Status::Unauthenticated, message);
        if is_loopback(server) {
            let hint =
                "`mcpctl daemon start` makes the first one; `mcpctl login` or `mcpctl credentials set` keeps yours";
            return failure.hint(hint);
        }
        failure.hint(format!("`mcpctl login --server {server}`; a token for another server is not sent there"))
    }

    /// Whether the files that people and mcpd put into this directory are for `server`: it is the recorded control plane, or
    /// nothing is recorded and it is on this very machine.
    fn trusts_files_with(&self, server: &Url) -> Result<bool, Failure> {
        Ok(match self.recorded()? {
            Some(own) => same_origin(&own, server),
            None => is_loopback(server),
        })
    }

    /// Whether `server` is the control plane that everything in this directory is about.
    fn is_own(&self, server: &Url) -> Result<bool, Failure> {
        Ok(same_origin(&self.api_url()?, server))
    }

    /// The folder for what belongs to `server` alone, if it is another than this directory's own.
    fn folder_of(&self, server: &Url) -> PathBuf {
        let origin = server.origin().ascii_serialization();
        let host: String =
            server.host_str().unwrap_or_default().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        let digest = hex::encode(Sha256::digest(origin.as_bytes()));
        self.root.join("servers").join(format!("{host}-{}", digest.get(..16).unwrap_or_default()))
    }

    /// The folders in which a token for `server` may be kept.
    fn kept_in(&self, server: &Url) -> Result<Vec<PathBuf>, Failure> {
        let mut folders = vec![self.folder_of(server)];
        if self.is_own(server)? {
            folders.push(self.root.clone());
        }
        Ok(folders)
    }

    /// The token to present to the gateway on this machine: what it was enrolled with where a user enrolled it, else
    /// [`Self::token`].
    pub(crate) fn gateway_token(&self) -> Result<Token, Failure> {
        if self.laptop()?.is_none() {
            return self.token(&self.api_url()?);
        }
        let folder = self.path(LAPTOP_DIR);
        let kept = Credentials::of(&folder).get()?;
        let origin = |(text, place)| Token { text, origin: format!("the login of this machine, in {place}") };
        kept.map(origin).ok_or_else(|| {
            Failure::new(Status::Unauthenticated, "there is no token for the gateway of this machine")
                .hint("log in again: `mcpctl login`")
        })
    }

    /// What `mcpctl login` and `mcpctl credentials set` keep for `server`.
    pub(crate) fn credentials(&self, server: &Url) -> Result<Credentials, Failure> {
        let folders = self.kept_in(server)?;
        // The last one is this directory itself, where it is about `server`.
        Ok(Credentials::of(folders.last().unwrap_or(&self.root)))
    }

    /// Keeps `token` for `server`, in place of the one there is.
    pub(crate) fn keep_token(
        &self,
        server: &Url,
        token: &Secret,
        choice: Option<Choice>,
        output: Output,
    ) -> Result<Place, Failure> {
        self.ensure("")?;
        let own = self.is_own(server)?;
        if !own {
            let folder = self.folder_of(server);
            fs::DirBuilder::new()
                .recursive(true)
                .mode(PRIVATE_DIR)
                .create(&folder)
                .during(|| format!("cannot create `{}`", folder.display()))?;
        }
        let place = self.credentials(server)?.set(token, choice, output)?;
        if own {
            // From before this directory was about that server.
            Credentials::of(self.folder_of(server)).delete()?;
        }
        Ok(place)
    }

    /// Forgets what is kept for `server`. Whether there was something.
    pub(crate) fn forget_token(&self, server: &Url) -> Result<bool, Failure> {
        let mut found = false;
        for folder in self.kept_in(server)? {
            found |= Credentials::of(folder).delete()?;
        }
        Ok(found)
    }

    /// The token that is kept for `server`.
    pub(crate) fn kept_token(&self, server: &Url) -> Result<Option<Secret>, Failure> {
        for folder in self.kept_in(server)? {
            if let Some((token, _)) = Credentials::of(folder).get()? {
                return Ok(Some(token));
            }
        }
        Ok(None)
    }
}

/// A one-line secret from a file that others cannot read; none when the file is not there.
fn read_private(path: &Path) -> Result<Option<Secret>, Failure> {
    let text = match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).during(|| format!("cannot read `{}`", path.display())),
    };
    if mode_of(path).is_some_and(|mode| mode & 0o077 != 0) {
        let message = format!("`{}` can be read by other users, so its token is not used", path.display());
        return Err(Failure::new(Status::Unauthenticated, message).hint(format!("chmod 600 {}", path.display())));
    }
    let text = text.trim();
    if text.is_empty() {
        let message = format!("`{}` is empty", path.display());
        return Err(Failure::new(Status::Unauthenticated, message).hint("put a token into it, or delete it"));
    }
    Ok(Some(Secret::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Color, Format};
    use static_assertions::assert_not_impl_any;
    use std::{fmt, os::unix::fs::PermissionsExt as _};

    assert_not_impl_any!(Token: fmt::Debug, fmt::Display, serde::Serialize);

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(Some(dir.path())).unwrap();
        (dir, home)
    }

    #[test]
    fn a_token_others_can_read_is_refused() {
        let (_dir, home) = home();
        home.write_private("token", b"secret\n").unwrap();
        assert_eq!(
            read_private(&home.path("token")).unwrap().map(|token| token.expose().to_owned()).as_deref(),
            Some("secret")
        );
        fs::set_permissions(home.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
        let failure = read_private(&home.path("token")).err().unwrap();
        assert_eq!(failure.status, Status::Unauthenticated);
        assert!(failure.hint.unwrap().starts_with("chmod 600"));
    }

    #[test]
    fn a_token_is_for_one_server() {
        let (_dir, home) = home();
        let url = |text: &str| Url::parse(text).unwrap();
        let (own, other) = (url("http://127.0.0.1:3000"), url("https://mcpd.example"));
        let quiet = Output::new(Format::Table, true, Color::Never);
        let keep = |server: &Url, token: &str| {
            home.keep_token(server, &Secret::new(token.to_owned()), Some(Choice::File), quiet).unwrap();
        };
        let kept = |server: &Url| home.kept_token(server).unwrap().map(|token| token.expose().to_owned());
        home.write_private("admin-token", b"admin").unwrap();
        assert!(home.token(&other).is_err(), "a file without a server's name is for this machine");
        keep(&own, "mine");
        keep(&other, "theirs");
        assert_eq!(kept(&own).as_deref(), Some("mine"));
        assert_eq!(kept(&url("https://mcpd.example/prefix")).as_deref(), Some("theirs"));
        for stranger in [
            "http://mcpd.example",
            "https://mcpd.example:8443",
            "https://mcpd.example.evil.example",
            "http://127.0.0.1:3001",
        ] {
            assert_eq!(kept(&url(stranger)), None, "{stranger}");
        }
        assert!(home.forget_token(&other).unwrap());
        assert_eq!((kept(&other), kept(&own).as_deref()), (None, Some("mine")));
    }
}

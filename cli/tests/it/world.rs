//! A home folder of its own and the binary run in it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A token in the right form, good for nothing.
pub(crate) const TOKEN: &str = "mcpctl_pat_test";

/// One user's machine.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// Nothing but an empty folder.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("repo")).unwrap();
        Self { dir }
    }

    /// With a token, and a record that names `url` as control plane and gateway.
    pub(crate) fn connected(url: &str) -> Self {
        let world = Self::new();
        world.connect(url);
        world
    }

    /// Names `url` as control plane and gateway from now on.
    pub(crate) fn connect(&self, url: &str) {
        let nobody = r#"{"pid": 1, "started": "never"}"#;
        let record =
            format!(r#"{{"api_url": "{url}", "gateway_url": "{url}", "mcpd": {nobody}, "gateway": {nobody}}}"#);
        self.private("token", TOKEN);
        // Replaced as a whole: a bridge may be reading it.
        self.private("daemon.json.new", &record);
        fs::rename(self.home().join("daemon.json.new"), self.home().join("daemon.json")).unwrap();
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home/.mcpctl")
    }

    /// The folder commands run in.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// A file in the home folder that only its owner reads.
    pub(crate) fn private(&self, name: &str, text: &str) {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The binary with `args`, nothing else from this test's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcpctl"));
        command
            .args(args)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path().join("home"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args))
    }

    /// An executable script.
    pub(crate) fn script(&self, path: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts the exit code and what stderr must say.
    pub(crate) fn fails(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for text in says {
            assert!(self.err.contains(text), "`{text}` is not in {self:?}");
        }
    }

    /// Asserts success and gives stdout.
    pub(crate) fn succeeds(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.out
    }
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

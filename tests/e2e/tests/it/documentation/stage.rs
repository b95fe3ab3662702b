//! What a page finds when it begins: a home folder, programs, and the world that it names.

use crate::{
    programs::{program, repository, tool},
    world::PATH,
};
use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

/// Names that mean this machine within a page.
const HOSTS: &str = "127.0.0.1 localhost mcp.example mcpd.example\n::1 localhost\n";
const MODEL: &str = "all-MiniLM-L6-v2";

/// The folder of a page, removed with this value.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    /// First in the page's search path: stand-ins for what would be downloaded.
    pub(crate) environment: Vec<(String, String)>,
    /// What is run before the page's first block.
    pub(crate) opening: String,
}

/// What keeps a page from being run on this machine.
pub(crate) struct Missing(pub(crate) String);

impl Stage {
    /// Sets the scene for pages of these worlds.
    pub(crate) fn set(worlds: &[String]) -> Result<Self, Missing> {
        let folder = tempfile::Builder::new().prefix("mcpctl-docs-").tempdir().unwrap();
        for name in ["bin", "home", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("hosts"), HOSTS).unwrap();
        let mut stage = Self { folder, environment: Vec::new(), opening: String::new() };
        stage.environment();
        for world in worlds {
            stage.add(world)?;
        }
        Ok(stage)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path as a page writes it.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        match written.strip_prefix("~/") {
            Some(rest) => self.folder().join("home").join(rest),
            None => self.folder().join("work").join(written),
        }
    }

    fn environment(&mut self) {
        let home = self.folder().join("home");
        let programs = program("mcpctl").parent().expect("a program lies in a folder").to_owned();
        let tools = repository().join("target/tools");
        let own = [self.folder().join("bin"), programs, tools.join("bin"), tools.join("node/bin")];
        let path = env::join_paths(own.into_iter().chain(env::split_paths(PATH))).unwrap();
        let pairs = [
            ("PATH", path.to_str().unwrap()),
            ("HOME", home.to_str().unwrap()),
            ("MCPCTL_HOME", home.join(".mcpctl").to_str().unwrap()),
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
            ("TERM", "dumb"),
            ("DOCS_REPOSITORY", repository().to_str().unwrap()),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.environment.extend(pairs);
    }

    fn add(&mut self, world: &str) -> Result<(), Missing> {
        match world {
            "home" => {}
            "slack" => self.launcher("npx", &["slack-mcp-server", "@modelcontextprotocol/server-slack"], "mock-slack"),
            "jira" => self.launcher("uvx", &["mcp-atlassian"], "mock-jira"),
            "model" => self.model()?,
            "daemon" => self.opening.push_str("mcpctl daemon start --wait 60\n"),
            "claude" | "codex" | "gemini" | "node" | "uv" => needed(world)?,
            _ => panic!("there is no world `{world}`"),
        }
        Ok(())
    }

    /// A launcher of packages that has these here; anything else goes to the real one.
    fn launcher(&self, launcher: &str, packages: &[&str], stand_in: &str) {
        let patterns: Vec<String> =
            packages.iter().flat_map(|name| [(*name).to_owned(), format!("{name}@*"), format!("{name}==*")]).collect();
        let (patterns, program) = (patterns.join(" | "), program(stand_in));
        let script = format!(
            "#!/bin/sh\nfor word; do\n    case $word in\n    {patterns}) exec '{}' ;;\n    esac\ndone\n\
             PATH=${{PATH#*:}} exec {launcher} \"$@\"\n",
            program.display()
        );
        let file = self.folder().join("bin").join(launcher);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The weights, where `mcpctl model pull` puts them.
    fn model(&self) -> Result<(), Missing> {
        let found = tool("MCPCTL_MODEL_DIR", &format!("models/{MODEL}"));
        let weights = found.ok_or_else(|| Missing("the weights of the model are not here".to_owned()))?;
        let models = self.folder().join("home/.mcpctl/models");
        fs::create_dir_all(&models).unwrap();
        for folder in [self.folder().join("home/.mcpctl"), models.clone()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        symlink(weights, models.join(MODEL)).unwrap();
        Ok(())
    }
}

/// A program that `scripts/setup test` installs where it can be had.
fn needed(world: &str) -> Result<(), Missing> {
    let found = match world {
        "node" => tool("E2E_NODE", "node/bin/node"),
        "uv" => env::split_paths(PATH).map(|folder| folder.join("uvx")).find(|path| path.exists()),
        client => tool(&format!("E2E_{}", client.to_uppercase()), &format!("bin/{client}")),
    };
    found.map(drop).ok_or_else(|| Missing(format!("`{world}` is not installed")))
}

//! What a page finds when it begins: a home folder, programs, and the worlds that it names. A world is a script in
//! `tests/e2e/documentation/worlds`, or something that not every machine has.

use super::shell;
use crate::{
    postgres::Cluster,
    programs::{program, repository, tool},
    world::PATH,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Names that mean this machine within a page; worlds add theirs.
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";
const CLIENTS: [&str; 3] = ["claude", "codex", "gemini"];
const MODEL: &str = "all-MiniLM-L6-v2";

/// What scripts change only where that ends with the page.
const OF_THE_MACHINE: [&str; 4] = ["/etc/", "/usr/", "/srv", "mount "];

/// The folder of a page, removed with this value.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    pub(crate) environment: Vec<(String, String)>,
    /// What is run before the page's first block.
    pub(crate) opening: String,
    cluster: Option<Cluster>,
}

/// Why there is no stage.
pub(crate) enum Unset {
    /// This machine lacks something.
    Missing(String),
    /// Nobody knows that world.
    Unknown(String),
}

impl Stage {
    /// Sets the scene for pages of these worlds.
    pub(crate) fn set(worlds: &[String]) -> Result<Self, Unset> {
        let folder = tempfile::Builder::new().prefix("mcpctl-docs-").tempdir().unwrap();
        for name in ["bin", "home", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("hosts"), HOSTS).unwrap();
        let mut stage = Self { folder, environment: Vec::new(), opening: String::new(), cluster: None };
        stage.environment();
        worlds.iter().try_for_each(|world| stage.add(world))?;
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
        for (key, value) in [
            ("PATH", path.to_str().unwrap()),
            ("HOME", home.to_str().unwrap()),
            ("MCPCTL_HOME", home.join(".mcpctl").to_str().unwrap()),
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
            ("TERM", "dumb"),
            ("DOCS_REPOSITORY", repository().to_str().unwrap()),
            ("DOCS_WORLDS", worlds().to_str().unwrap()),
        ] {
            self.export(key, value);
        }
    }

    fn export(&mut self, key: &str, value: &str) {
        self.environment.push((key.to_owned(), value.to_owned()));
    }

    fn add(&mut self, world: &str) -> Result<(), Unset> {
        match world {
            "home" => return Ok(()),
            "node" => drop(needed(world, tool("E2E_NODE", "node/bin/node"))?),
            client if CLIENTS.contains(&client) => {
                let found = tool(&format!("E2E_{}", client.to_uppercase()), &format!("bin/{client}"));
                drop(needed(client, found)?);
            }
            "company" | "postgres" if !shell::are_alone() => {
                return Err(Unset::Missing(
                    "it needs a network of its own, which this machine does not give".to_owned(),
                ));
            }
            "model" => {
                let weights = needed(world, tool("MCPCTL_MODEL_DIR", &format!("models/{MODEL}")))?;
                self.export("DOCS_MODEL", weights.to_str().unwrap());
            }
            "postgres" => self.postgres(),
            _ => {}
        }
        let script = worlds().join(format!("{world}.sh"));
        if script.is_file() {
            is_bounded(&fs::read_to_string(&script).unwrap())?;
            self.opening.push_str(&format!(". '{}'\n", script.display()));
        } else if world != "node" && !CLIENTS.contains(&world) {
            return Err(Unset::Unknown(world.to_owned()));
        }
        Ok(())
    }

    /// A cluster that pages reach as `db.example`, with an empty database `mcpd` of the user `mcpd`.
    fn postgres(&mut self) {
        let cluster = Cluster::start();
        let url = cluster.create("mcpd");
        let port = url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()).expect("the URL has a port");
        cluster.tell(
            "sql postgres CREATE ROLE mcpd LOGIN CREATEROLE PASSWORD 'password'; ALTER DATABASE mcpd OWNER TO mcpd",
        );
        let folder = cluster.tell("sql postgres SHOW unix_socket_directories");
        self.export("DOCS_POSTGRES", &format!("{folder}/.s.PGSQL.{port}"));
        self.cluster = Some(cluster);
    }
}

/// Where pages are not alone, none may change what is the machine's.
pub(crate) fn is_bounded(script: &str) -> Result<(), Unset> {
    if shell::are_alone() || !OF_THE_MACHINE.iter().any(|place| script.contains(place)) {
        return Ok(());
    }
    Err(Unset::Missing("it needs a network and mounts of its own, which this machine does not give".to_owned()))
}

fn worlds() -> PathBuf {
    repository().join("tests/e2e/documentation/worlds")
}

/// What `scripts/setup test` installs where it can be had.
fn needed(what: &str, found: Option<PathBuf>) -> Result<PathBuf, Unset> {
    found.ok_or_else(|| Unset::Missing(format!("`{what}` is not installed")))
}

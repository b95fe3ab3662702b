//! The mcpd under test and its database: started, killed and started again on the same port.

use super::{Database, Options, admin::client, measure::Usage};
use crate::postgres::Cluster;
use anyhow::{Context as _, Result, bail};
use gateway::control_plane::Backoff;
use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use url::Url;

/// Time for mcpd to say whether it is ready, after which it is asked again.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A running mcpd.
pub(super) struct Mcpd {
    program: PathBuf,
    folder: TempDir,
    database_url: String,
    port: u16,
    child: Child,
    patience: Duration,
    /// Ends with this.
    _cluster: Option<Cluster>,
}

impl Mcpd {
    /// Starts one with a new home folder and a new database.
    pub(super) async fn start(options: &Options) -> Result<Self> {
        let program = fs::canonicalize(&options.mcpd).with_context(|| {
            format!(
                "there is no `{}`: build it with `cargo build --release -p control-plane --bin mcpd`, or name another by --mcpd",
                options.mcpd.display()
            )
        })?;
        let folder = tempfile::tempdir()?;
        let (cluster, database_url) = match options.database {
            Database::Sqlite => (None, format!("sqlite:{}", folder.path().join("mcpd.db").display())),
            Database::Postgres => {
                let cluster = Cluster::start();
                let url = cluster.database();
                durable(&cluster, &url)?;
                (Some(cluster), url)
            }
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let patience = Duration::from_secs(options.patience_s);
        let child = launch(&program, &folder, (&database_url, port))?;
        let mcpd = Self { program, folder, database_url, port, child, patience, _cluster: cluster };
        mcpd.ready().await?;
        Ok(mcpd)
    }

    /// Where it answers.
    pub(super) fn url(&self) -> Result<Url> {
        Ok(format!("http://127.0.0.1:{}", self.port).parse()?)
    }

    /// The first administrator's token.
    pub(super) fn admin_token(&self) -> Result<String> {
        let file = self.folder.path().join("home/admin-token");
        Ok(fs::read_to_string(file).context("mcpd wrote no admin-token")?.trim().to_owned())
    }

    /// Its process.
    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("mcpd is gone")
    }

    /// What its process has used.
    pub(super) fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid()?)
    }

    /// Ends it as a power cut would.
    pub(super) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill mcpd")
    }

    /// Starts it again, on the same port, and waits until it answers.
    pub(super) async fn again(&mut self) -> Result<()> {
        self.child = launch(&self.program, &self.folder, (&self.database_url, self.port))?;
        self.ready().await
    }

    async fn ready(&self) -> Result<()> {
        let client = client(READY_TIMEOUT)?;
        let url = self.url()?.join("readyz")?;
        let answers = async {
            let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100));
            while !client.get(url.clone()).send().await.is_ok_and(|answer| answer.status().is_success()) {
                backoff.wait().await;
            }
        };
        if tokio::time::timeout(self.patience, answers).await.is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            bail!("mcpd does not answer; it said:\n{log}");
        }
        Ok(())
    }
}

/// Tests do without `fsync`; what is measured does not.
fn durable(cluster: &Cluster, url: &str) -> Result<()> {
    let port = Url::parse(url)?.port().context("a cluster without a port")?;
    cluster.tell("stop fast");
    let answer = cluster.tell(&format!("start {port} -c fsync=on"));
    if answer == "started" { Ok(()) } else { bail!("PostgreSQL does not start again with fsync") }
}

fn launch(program: &PathBuf, folder: &TempDir, (database_url, port): (&str, u16)) -> Result<Child> {
    let path = |name: &str| folder.path().join(name);
    let log = File::options().create(true).append(true).open(path("log"))?;
    Command::new(program)
        .args(["--listen", &format!("127.0.0.1:{port}"), "--database-url", database_url])
        .arg("--home")
        .arg(path("home"))
        // Engines of this simulation only, which are not there: whatever runs on this machine is left alone.
        .arg("--docker-host")
        .arg(format!("unix://{}", path("docker.sock").display()))
        .arg("--kubeconfig")
        .arg(path("kubeconfig"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `{}`", program.display()))
}

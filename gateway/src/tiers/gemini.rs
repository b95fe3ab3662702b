//! The Gemini CLI as a judge: one process per result, the question on its stdin, JSON from its stdout.
//!
//! It is an agent with tools, and records are other people's texts. So it gets another system prompt, a policy that denies
//! every tool, no extensions, no MCP servers, an empty directory and a short environment; of what it says only pairs
//! of number and digit are read. Dropping the process kills its whole group, so that nothing outlives the deadline.

use super::{TierUnusable, size};
use crate::{
    keys::Secret,
    settings::{TierSettings, make_private, replace_file},
    upstream::stdio::{Child, Pipes, passed_on, resolve},
};
use filters_relevance::tiers::{
    Reranker, Scale, TierError,
    prompt::{self, INSTRUCTIONS},
};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    runtime::Handle,
    sync::Semaphore,
};

/// Bytes read of what it prints; statistics come with every answer.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// What it exits with when nobody has logged in to it.
const NOT_LOGGED_IN: i32 = 41;
/// Its own variables, of the gateway's, that it gets: how to log in, and where.
const OWN_VARIABLES: [&str; 8] = [
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_GCA",
    "GOOGLE_GENAI_USE_VERTEXAI",
];
/// No tool is allowed, whatever a record asks for.
const POLICY: &str = "[[rule]]\ntoolName = \"*\"\ndecision = \"deny\"\npriority = 999\n";

/// The tier.
pub(super) struct Gemini {
    program: PathBuf,
    model: Option<String>,
    key: Option<Secret>,
    folder: Folder,
    permits: Semaphore,
    runtime: Handle,
}

/// What the program is given to read.
struct Folder {
    system: PathBuf,
    policy: PathBuf,
    /// Where it runs: empty.
    work: PathBuf,
}

impl Gemini {
    /// The program of `settings`, with its files in `folder`.
    pub(super) fn new(
        settings: &TierSettings,
        key: Option<Secret>,
        folder: &Path,
        runtime: Handle,
    ) -> Result<Self, TierUnusable> {
        let program = resolve(&settings.program, std::env::var_os("PATH").as_deref()).map_err(|_| {
            TierUnusable(format!(
                "`{}` is not an executable program: install it with `npm install -g @google/gemini-cli`, or set \
                 `MCP_GATEWAY_RELEVANCE_TIER_PROGRAM`",
                settings.program
            ))
        })?;
        let program = std::path::absolute(&program).unwrap_or(program);
        let folder = Folder::make(folder)
            .map_err(|error| TierUnusable(format!("`{}` cannot be written: {error}", folder.display())))?;
        let model = settings.model.clone().filter(|model| !model.is_empty());
        Ok(Self { program, model, key, folder, permits: Semaphore::new(size(settings.requests_max)), runtime })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--output-format", "json", "--approval-mode", "default", "--extensions", "none"])
            .args(["--allowed-mcp-server-names", "none", "--skip-trust", "--policy"])
            .arg(&self.folder.policy);
        if let Some(model) = &self.model {
            command.args(["--model", model]);
        }
        let own = OWN_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(passed_on()).envs(own).env("GEMINI_SYSTEM_MD", &self.folder.system);
        if let Some(key) = &self.key {
            command.env("GEMINI_API_KEY", key.expose());
        }
        command.current_dir(&self.folder.work).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn ask(&self, intent: &str, texts: &[&str]) -> Result<Vec<Option<f64>>, TierError> {
        let failed = |what: &str| TierError::Failed(format!("its program {what}"));
        let _permit = self.permits.acquire().await.map_err(|_| TierError::Late)?;
        let (mut child, Pipes { mut stdin, stdout, stderr }) =
            Child::spawn(self.command()).map_err(|error| failed(&format!("cannot be started: {error}")))?;
        let question = prompt::question(intent, texts);
        let write = async move {
            // A program that does not read is known by its end.
            let _ = stdin.write_all(question.as_bytes()).await;
        };
        // What it says on stderr may repeat anything, so nobody hears it.
        let ((), output, _) = tokio::join!(write, read(stdout), read(stderr));
        let status = child.wait().await.map_err(|error| failed(&format!("is lost: {error}")))?;
        match status.code() {
            Some(0) => probabilities(&output, texts.len()),
            Some(NOT_LOGGED_IN) => Err(failed("is not logged in")),
            Some(code) => Err(failed(&format!("exited with status {code}"))),
            None => Err(failed("was killed")),
        }
    }
}

impl Reranker for Gemini {
    fn name(&self) -> &'static str {
        "gemini-cli"
    }

    fn scale(&self) -> Scale {
        Scale::Absolute
    }

    fn judge(&self, intent: &str, texts: &[&str], deadline: Instant) -> Result<Vec<Option<f64>>, TierError> {
        self.runtime.block_on(async {
            let answer = tokio::time::timeout_at(deadline.into(), self.ask(intent, texts)).await;
            answer.unwrap_or(Err(TierError::Late))
        })
    }
}

impl Folder {
    fn make(path: &Path) -> std::io::Result<Self> {
        let folder = Self { system: path.join("system.md"), policy: path.join("policy.toml"), work: path.join("work") };
        make_private(path)?;
        make_private(&folder.work)?;
        replace_file(&folder.system, INSTRUCTIONS.as_bytes())?;
        replace_file(&folder.policy, POLICY.as_bytes())?;
        Ok(folder)
    }
}

async fn read(pipe: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut output = Vec::new();
    let mut pipe = pipe.take(ANSWER_BYTES_MAX);
    // What was read before it broke off is judged as it is.
    let _ = pipe.read_to_end(&mut output).await;
    output
}

/// As much of its answer as is read.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    response: Option<String>,
}

fn probabilities(output: &[u8], count: usize) -> Result<Vec<Option<f64>>, TierError> {
    let unreadable = || TierError::Failed("its program's answer cannot be read".to_owned());
    let answer: Answer = serde_json::from_slice(output).map_err(|_| unreadable())?;
    let verdicts = prompt::verdicts(&answer.response.ok_or_else(unreadable)?, count);
    if verdicts.is_empty() {
        return Err(TierError::Failed("its model answered without judging a record".to_owned()));
    }
    let mut probabilities = vec![None; count];
    for verdict in verdicts {
        if let Some(slot) = probabilities.get_mut(verdict.index) {
            *slot = Some(if verdict.is_relevant { 1.0 } else { 0.0 });
        }
    }
    Ok(probabilities)
}

#[cfg(test)]
mod tests;

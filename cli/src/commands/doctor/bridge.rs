//! The bridge: really started, as a client would start it, and asked to open.

use super::{
    check::{Check, Name},
    client_file::{self, ClientFile},
    known::Known,
};
use control_plane_api::name::Name as ObjectName;
use protocol::{Message, Revision};
use serde_json::json;
use std::{env, ffi::OsString, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Time for the bridge to answer; longer than it gives an unreachable gateway.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of what it writes to stderr is looked at, in bytes.
const STDERR_BYTES_MAX: u64 = 4 << 10;

pub(super) async fn check(files: &[ClientFile], project: Option<&ObjectName>, known: &Known<'_>) -> Check {
    let entry = files.iter().find_map(|file| file.entry()?.command.as_ref());
    let Some(project) = project else {
        return Check::skipped(Name::Bridge, "there is no project yet that it could connect to");
    };
    if let Some((program, _)) = entry.filter(|(program, _)| !client_file::starts(program)) {
        return Check::skipped(Name::Bridge, format!("`{program}`, which the client's file starts, is not there"));
    }
    let (program, args): (OsString, Vec<OsString>) = match entry {
        Some((program, args)) => (program.into(), args.iter().map(OsString::from).collect()),
        None => {
            let Ok(program) = env::current_exe() else {
                return Check::skipped(Name::Bridge, "this program does not know where it is");
            };
            let args = ["mcp-stdio", "--project", project.as_str()].map(OsString::from);
            (program.into(), args.into())
        }
    };
    let mut command = Command::new(&program);
    // Whether the gateway runs is what is looked at, so the bridge does not start it.
    command.args(args).arg("--no-start").env("MCPCTL_HOME", known.invocation.home.root()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = program.to_string_lossy();
    let again = || format!("mcpctl claude add-mcp-project {project}");
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Check::fail(Name::Bridge, format!("`{shown}` does not start: {error}")).fix(again()),
    };
    match timeout(ANSWER_TIMEOUT, open(&mut child)).await {
        Ok(Some(line)) => answered(&line, &shown),
        Ok(None) => {
            let said = last_words(&mut child).await;
            Check::fail(Name::Bridge, format!("`{shown}` ended without an answer: {said}")).fix(again())
        }
        Err(_) => {
            let seconds = ANSWER_TIMEOUT.as_secs();
            Check::fail(Name::Bridge, format!("`{shown}` did not answer within {seconds} s")).fix(again())
        }
    }
}

/// The line that answers the opening; none when the process ends before. Its stdin stays open until then.
async fn open(child: &mut Child) -> Option<String> {
    let params = json!({
        "protocolVersion": Revision::LEGACY.as_str(), "capabilities": {},
        "clientInfo": {"name": "mcpctl-doctor", "version": env!("CARGO_PKG_VERSION")},
    });
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    let mut stdin = child.stdin.take()?;
    stdin.write_all(format!("{request}\n").as_bytes()).await.ok()?;
    stdin.flush().await.ok()?;
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take()?).read_line(&mut line).await.ok()?;
    (read > 0).then_some(line)
}

/// What the bridge says itself is well; what it says of the gateway is the gateway's check to find.
fn answered(line: &str, program: &str) -> Check {
    match Message::parse(line.trim().as_bytes()) {
        Ok(Message::Response(answer)) => match &answer.payload {
            Ok(_) => {
                let result = answer.result().unwrap_or_default();
                let revision: Option<String> = result.read("protocolVersion");
                let revision = revision.map(|revision| format!(" with {revision}")).unwrap_or_default();
                Check::ok(Name::Bridge, format!("`{program}` starts, and `initialize` is answered{revision}"))
            }
            Err(error) => Check::ok(Name::Bridge, format!("`{program}` starts and answers: {}", error.message)),
        },
        _ => Check::fail(Name::Bridge, format!("`{program}` writes something else than MCP: {}", line.trim())).advice(
            "the client's file has to start `mcpctl mcp-stdio` itself, without a program that writes to stdout",
        ),
    }
}

async fn last_words(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(stderr) = child.stderr.take() {
        // What cannot be read is not there to be shown.
        let _ = stderr.take(STDERR_BYTES_MAX).read_to_string(&mut text).await;
    }
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}

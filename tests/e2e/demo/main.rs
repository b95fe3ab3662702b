//! `demo-client`: what an assistant sees through the gateway. Starts what `.mcp.json` names, reads the same messages,
//! all of them and those that matter, and tries to write. Prints for people; with colours only on a terminal.

mod page;
mod paint;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use e2e::{
    client::{Answer, Client, Entry, Era},
    labels::Labels,
    mock,
};
use page::{Page, Read};
use paint::Paint;
use rmcp::model::JsonObject;
use serde_json::json;

const READ: &str = "slack_get_messages";
const WRITE: &str = "slack_post_message";

/// Shows what a client sees through the gateway: all messages, those that matter, and a refused write.
#[derive(Parser)]
#[command(name = "demo-client", version)]
struct Arguments {
    /// The file that says how to reach the gateway
    #[arg(long, value_name = "FILE", default_value = ".mcp.json")]
    config: PathBuf,
    /// Labels of the demo Slack (`mock-slack --print-labels`), to show how many of the right messages were kept
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// What to look for
    #[arg(long, value_name = "TEXT", default_value = "Find security-related messages")]
    context: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => mock::explain("demo-client", &error),
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let labels = arguments.labels.as_deref().map(read_labels).transpose()?;
    let entry = Entry::read(&arguments.config)?;
    let client = Client::start(entry.command(), Era::Modern, "demo-client")
        .await
        .context("the bridge that .mcp.json names does not answer; `mcpctl doctor` says why")?;
    let everything = read(&client, object(&json!({"_context": "all"}))).await?;
    let relevant = read(&client, object(&json!({"_context": arguments.context}))).await?;
    let page = Page { everything, relevant, context: &arguments.context, labels: labels.as_ref() };
    let mut out = std::io::stdout();
    let paint = Paint::for_stdout();
    page.print(&mut out, paint)?;
    let posted = client.call(WRITE, object(&json!({"channel": "general", "text": "Hello from an assistant"}))).await;
    page::print_write(&mut out, paint, WRITE, posted)?;
    client.close().await;
    Ok(())
}

async fn read(client: &Client, arguments: JsonObject) -> anyhow::Result<Read> {
    let answer: Answer = client.call(READ, arguments).await.with_context(|| format!("{READ} was not answered"))?;
    if answer.is_error() {
        anyhow::bail!("{READ} failed: {}", answer.texts().collect::<Vec<_>>().join(" "));
    }
    Ok(Read::new(answer))
}

fn read_labels(path: &std::path::Path) -> anyhow::Result<Labels> {
    let text = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("`{}` holds no labels", path.display()))
}

fn object(value: &serde_json::Value) -> JsonObject {
    value.as_object().cloned().unwrap_or_default()
}

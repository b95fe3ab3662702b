//! `mcp-server-git` with a real repository: commits as blocks of text.

use super::{
    fakes::texts,
    installed::Installed,
    records::of_blocks,
    rig::{Driven, Setup, first, folder},
};
use serde_json::json;
use std::{fmt::Write as _, fs, path::Path, process::Stdio};
use tokio::{io::AsyncWriteExt as _, process::Command};

const READS: [&str; 4] = ["git_log", "git_status", "git_show", "git_diff"];

/// A repository with a commit for each of `texts`.
async fn repository(folder: &Path, texts: &[String]) {
    let mut commits = String::new();
    for (index, text) in texts.iter().enumerate() {
        let (time, message) = (1_790_000_000 + index, text.replace('\n', " "));
        let file = format!("{index}\n");
        write!(commits, "commit refs/heads/main\ncommitter Ada <ada@acme.test> {time} +0000\n").unwrap();
        write!(commits, "data {}\n{message}\nM 100644 inline shop.txt\ndata {}\n{file}\n", message.len(), file.len())
            .unwrap();
    }
    git(folder, &["init", "--quiet", "--initial-branch", "main"], "").await;
    git(folder, &["fast-import", "--quiet"], &commits).await;
    git(folder, &["checkout", "--quiet", "--force", "main"], "").await;
}

/// What git says.
async fn git(folder: &Path, words: &[&str], input: &str) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(words).env("HOME", folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "git {words:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_server_git() {
    let Some(installed) = Installed::pypi("mcp-server-git", "python") else { return };
    let folder = folder("repository").await;
    repository(&folder, &texts(400, 250)).await;
    let setup =
        Setup::of("git", &installed, &["--repository", folder.to_str().unwrap()]).words(&["--read-tool"]).words(&READS);
    let driven = Driven::start("git", installed, setup).await;

    let place = json!({"repo_path": folder});
    driven.read("git_status", place.clone(), "On branch main").await;
    fs::write(folder.join("new.txt"), "hello\n").unwrap();
    let add = json!({"repo_path": folder, "files": ["new.txt"]});
    driven.refused("git_add", add.clone()).await;
    driven.refused("git_commit", json!({"repo_path": folder, "message": "hello"})).await;
    assert_eq!(git(&folder, &["status", "--short"], "").await, "?? new.txt\n");

    let log = json!({"repo_path": folder, "max_count": 300});
    let commits = |text: &str| of_blocks(text, "Commit:");
    let found = driven.filtered("git_log", log, "blocks", commits).await;
    assert_eq!(found.text().lines().next(), first(&found.all).lines().next(), "what comes first stays");
    driven.allowed("git_add", add).await;
    assert_eq!(git(&folder, &["status", "--short"], "").await, "A  new.txt\n");
    driven.finish(&[]).await;
}

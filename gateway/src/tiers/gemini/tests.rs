//! Tests against a program that behaves as the Gemini CLI does: the question on stdin, one JSON object on stdout.

use super::*;
use crate::settings::Settings;
use clap::Parser as _;
use std::{collections::HashMap, ffi::OsString, os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration};
use tempfile::TempDir;

const TEXTS: [&str; 3] = ["the firewall is down", "lunch", "firewall rule 7"];
const LONG: Duration = Duration::from_secs(60);

/// Reads records as the model would, and notes how it was started.
const JUDGE: &str = r#"
import json, os, sys
question = sys.stdin.read()
with open(os.path.join(os.path.dirname(__file__), "seen.json"), "w") as seen:
    json.dump({"args": sys.argv[1:], "cwd": os.getcwd(), "question": question}, seen)
records = [line.split(": ", 1) for line in question.split("\n")[3:] if line[:1].isdigit()]
verdicts = {number: int("firewall" in text) for number, text in records}
print("Warning: 256-color support not detected.", file=sys.stderr)
print(json.dumps({"session_id": "x", "response": "```json\n%s\n```" % json.dumps(verdicts), "stats": {"tools": {"totalCalls": 0}}}, indent=2))
"#;

struct World {
    home: TempDir,
    tier: Arc<Gemini>,
}

impl World {
    /// A tier whose program is this Python script.
    fn new(script: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("gemini");
        std::fs::write(home.path().join("script.py"), script).unwrap();
        // Notes its environment before anything adds to it.
        let shell = "#!/bin/sh\nhome=${0%/*}\nenv >\"$home/env\"\nexec python3 \"$home/script.py\" \"$@\"\n";
        std::fs::write(&program, shell).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let args = ["mcp-gateway", "--relevance-tier=gemini-cli", "--relevance-tier-model=gemini-2.5-flash"];
        let program = format!("--relevance-tier-program={}", program.display());
        let settings = Settings::try_parse_from(args.iter().copied().chain([program.as_str()])).unwrap().tier;
        let key = Some(Secret::new("key-1".to_owned()));
        let tier = Gemini::new(&settings, key, &home.path().join("tier"), Handle::current()).unwrap();
        Self { home, tier: Arc::new(tier) }
    }

    async fn ask(&self, wait: Duration) -> Result<Vec<Option<f64>>, TierError> {
        let tier = Arc::clone(&self.tier);
        tokio::task::spawn_blocking(move || tier.judge("firewalls", &TEXTS, Instant::now() + wait)).await.unwrap()
    }
}

async fn check_failure(script: &str, expected: &str) {
    assert_eq!(World::new(script).ask(LONG).await, Err(TierError::Failed(expected.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_is_asked_without_tools_and_with_little_around_it() {
    let world = World::new(JUDGE);
    assert_eq!(world.ask(LONG).await.unwrap(), [1.0, 0.0, 1.0].map(Some));
    let seen = std::fs::read(world.home.path().join("seen.json")).unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&seen).unwrap();
    let policy = world.home.path().join("tier/policy.toml");
    let args = ["--output-format", "json", "--approval-mode", "default", "--extensions", "none"];
    let more = ["--allowed-mcp-server-names", "none", "--skip-trust", "--policy", policy.to_str().unwrap()];
    let model = ["--model", "gemini-2.5-flash"];
    let expected: Vec<&str> = args.into_iter().chain(more).chain(model).collect();
    assert_eq!(seen["args"], serde_json::json!(expected));
    assert!(std::fs::read_to_string(policy).unwrap().contains("decision = \"deny\""));
    let env = std::fs::read_to_string(world.home.path().join("env")).unwrap();
    let env: HashMap<&str, &str> = env.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(env["GEMINI_API_KEY"], "key-1");
    assert_eq!(std::fs::read_to_string(env["GEMINI_SYSTEM_MD"]).unwrap(), INSTRUCTIONS);
    // What a shell sets by itself.
    let given = ["GEMINI_SYSTEM_MD", "PWD", "OLDPWD", "SHLVL", "_"].into_iter().chain(OWN_VARIABLES);
    let allowed: Vec<OsString> = passed_on().map(|(name, _)| name).chain(given.map(OsString::from)).collect();
    let others: Vec<_> = env.keys().filter(|name| !allowed.contains(&OsString::from(name))).collect();
    assert!(others.is_empty(), "{others:?}");
    let work = std::fs::canonicalize(world.home.path().join("tier/work")).unwrap();
    assert_eq!(seen["cwd"], work.to_str().unwrap());
    assert_eq!(std::fs::read_dir(work).unwrap().count(), 0);
    assert!(seen["question"].as_str().unwrap().contains("Looking for: \"firewalls\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told() {
    check_failure("import sys; sys.exit(41)", "its program is not logged in").await;
    check_failure("import sys; sys.stdin.read(); sys.exit(1)", "its program exited with status 1").await;
    check_failure("import os; os.kill(os.getpid(), 9)", "its program was killed").await;
    check_failure("print('hello')", "its program's answer cannot be read").await;
    check_failure("print('{\"error\": {\"message\": \"quota\"}}')", "its program's answer cannot be read").await;
    let refusal = "print('{\"response\": \"I would rather not.\"}')";
    check_failure(refusal, "its model answered without judging a record").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_hangs_is_killed_with_what_it_started() {
    // Its child holds the lock as long as it lives.
    let world = World::new(
        r#"
import os, subprocess, sys
folder = os.path.dirname(__file__)
child = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); open(sys.argv[2], 'w'); time.sleep(600)"
subprocess.run([sys.executable, "-c", child, os.path.join(folder, "lock"), os.path.join(folder, "locked")])
"#,
    );
    let asking = world.ask(Duration::from_secs(5));
    assert_eq!(asking.await, Err(TierError::Late));
    assert!(world.home.path().join("locked").exists(), "the child of the program ran");
    let lock = std::fs::File::open(world.home.path().join("lock")).unwrap();
    tokio::task::spawn_blocking(move || lock.lock().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let settings = ["mcp-gateway", "--relevance-tier=gemini-cli", "--relevance-tier-program=no-such-gemini"];
    let settings = Settings::try_parse_from(settings).unwrap().tier;
    let home = tempfile::tempdir().unwrap();
    let error = Gemini::new(&settings, None, home.path(), Handle::current()).err().unwrap().to_string();
    assert!(error.contains("`no-such-gemini`") && error.contains("npm install -g @google/gemini-cli"), "{error}");
}

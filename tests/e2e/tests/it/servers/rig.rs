//! What every test of a server does: one command sets it up, a project grants its read-only profile, and the official
//! client goes through the gateway. It knows no server.

use super::{
    fakes::{CONTEXT, NEEDLE},
    installed::Installed,
    site::Site,
};
use crate::{programs::repository, world::World};
use e2e::{
    canary::{Canary, Scanner},
    client::{Answer, Client, Era},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// Estimated tokens that a result may have in the projects here.
const BUDGET_TOKENS: usize = 1_500;
/// Seconds that a server may take to start: a big one in Python, beside others.
const START_SECONDS: &str = "110";
/// Servers that are driven at once: two processors are for everything.
static TURNS: Semaphore = Semaphore::const_new(2);

/// The installation that all of the servers are set up in.
pub(crate) async fn world() -> &'static World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    let start = async || {
        let world = World::new(None);
        world.start().await;
        world
    };
    WORLD.get_or_init(start).await
}

/// An own folder for the test of `name`.
pub(crate) async fn folder(name: &str) -> PathBuf {
    let folder = world().await.path(name);
    fs::create_dir(&folder).unwrap();
    folder
}

/// The words of one `mcpctl setup`.
pub(crate) struct Setup {
    words: Vec<String>,
    secret: String,
}

impl Setup {
    /// `mcpctl setup SERVER`, with the program that is installed instead of one that is downloaded when it starts.
    pub(crate) fn of(server: &str, installed: &Installed, arguments: &[&str]) -> Self {
        // The full project writes, to show that the fake would have seen it.
        let access = ["--access", "read-write"];
        let words = ["setup", server, "--non-interactive", "--wait", START_SECONDS, "--command", &installed.line[0]];
        let words: Vec<&str> = words.into_iter().chain(access).collect();
        let setup = Self { words: words.into_iter().map(str::to_owned).collect(), secret: String::new() };
        let arguments = installed.line[1..].iter().map(String::as_str).chain(arguments.iter().copied());
        arguments.fold(setup, |setup, argument| setup.word(format!("--arg={argument}")))
    }

    fn word(mut self, word: String) -> Self {
        self.words.push(word);
        self
    }

    /// More words.
    pub(crate) fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// A variable of the program's environment.
    pub(crate) fn env(self, key: &str, value: &str) -> Self {
        self.words(&["--env", &format!("{key}={value}")])
    }

    /// The program reaches hosts through `site`, and trusts what it shows: Node, Python and Go each in their own way.
    pub(crate) fn through(self, site: &Site) -> Self {
        let authority = site.authority();
        let setup = self.env("HTTPS_PROXY", &site.url()).env("NODE_USE_ENV_PROXY", "1");
        setup.env("NODE_EXTRA_CA_CERTS", authority).env("REQUESTS_CA_BUNDLE", authority).env("SSL_CERT_FILE", authority)
    }

    /// What is given on standard input; `how` says as what.
    pub(crate) fn secret(mut self, how: &[&str], value: &str) -> Self {
        value.clone_into(&mut self.secret);
        self.words(how)
    }
}

/// What was done with a server, for the table.
#[derive(Default)]
struct Done {
    read: Vec<String>,
    refused: Vec<String>,
    filtered: Vec<String>,
    pages: Vec<String>,
}

/// A server that was set up, behind a project that may only read.
pub(crate) struct Driven {
    world: &'static World,
    name: String,
    installed: Installed,
    secret: String,
    client: Client,
    tools: Vec<String>,
    seen: Mutex<Vec<(String, String)>>,
    done: Mutex<Done>,
    _turn: SemaphorePermit<'static>,
}

/// A result as it is, and the same filtered.
pub(crate) struct Filtered {
    pub(crate) all: Answer,
    pub(crate) kept: Answer,
}

impl Filtered {
    /// The filtered text.
    pub(crate) fn text(&self) -> &str {
        first(&self.kept)
    }
}

/// The first text of an answer.
pub(crate) fn first(answer: &Answer) -> &str {
    answer.texts().next().unwrap_or_default()
}

impl Driven {
    /// Sets the server up as `name`, and makes two projects: `name` reads, `name-full` may everything.
    pub(crate) async fn start(name: &str, installed: Installed, setup: Setup) -> Self {
        let turn = TURNS.acquire().await.unwrap();
        let world = world().await;
        let words: Vec<&str> = setup.words.iter().map(String::as_str).chain(["--name", name]).collect();
        let said = world.mcpctl_with(&words, &setup.secret).await.done();
        let seen = Mutex::new(vec![("setup".to_owned(), format!("{}{}", said.stdout, said.stderr))]);
        let full = format!("{name}-full");
        world.mcpctl(&["project", "create", &full, "--profiles", &full]).await.done();
        let reading = format!("{name}-read-only");
        world.mcpctl(&["project", "create", name, "--profiles", &reading, "--wait"]).await.done();
        let file = world.path(&format!("{name}.yaml"));
        let spec = format!("{{profiles: [{reading}], relevance: {{budget_tokens: {BUDGET_TOKENS}}}}}");
        fs::write(&file, format!("kind: project\nname: {name}\nspec: {spec}\n")).unwrap();
        world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();

        let config = world.connect(name).await;
        let client = world.client(&config, Era::Modern).await;
        let tools = client.tools().await.unwrap().into_iter().map(|tool| tool.name.into_owned()).collect();
        let (secret, name) = (setup.secret, name.to_owned());
        Self { world, name, installed, secret, client, tools, seen, done: Mutex::default(), _turn: turn }
    }

    /// The secret that was not given at setup, but in a file.
    pub(crate) fn with_secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// The name of `tool` for clients.
    fn exposed(&self, tool: &str) -> String {
        let already = tool.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('_'));
        if already { tool.to_owned() } else { format!("{}_{tool}", self.name) }
    }

    async fn call(&self, tool: &str, arguments: &Value) -> Answer {
        let exposed = self.exposed(tool);
        assert!(self.tools.contains(&exposed), "`{exposed}` is not among {:?}", self.tools);
        let answer = self.client.call(&exposed, arguments.as_object().unwrap().clone()).await.unwrap();
        assert!(!answer.is_error(), "{tool}: {:?}", answer.result);
        self.seen.lock().unwrap().push((exposed, answer.result.to_string()));
        answer
    }

    /// Reads something; the answer says `part`.
    pub(crate) async fn read(&self, tool: &str, arguments: Value, part: &str) -> Answer {
        let answer = self.call(tool, &arguments).await;
        assert!(answer.texts().any(|text| text.contains(part)), "`{part}` is not in {}", answer.result);
        self.done.lock().unwrap().read.push(tool.to_owned());
        answer
    }

    /// `tool` is not offered, and refused when it is called nevertheless.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value) {
        let exposed = self.exposed(tool);
        assert!(!self.tools.contains(&exposed), "`{exposed}` is offered");
        let error = self.client.call(&exposed, arguments.as_object().unwrap().clone()).await.unwrap_err();
        let told = error.refusal().unwrap_or_else(|| panic!("{error}"));
        assert!(told.contains("permission denied") && told.contains("read-only"), "{told}");
        self.done.lock().unwrap().refused.push(tool.to_owned());
    }

    /// The same call through the project that may everything, in the words of the revision before; what was answered.
    pub(crate) async fn allowed(&self, tool: &str, arguments: Value) -> String {
        let config = self.world.connect(&format!("{}-full", self.name)).await;
        let client = self.world.client(&config, Era::Legacy).await;
        let answer = client.call(&self.exposed(tool), arguments.as_object().unwrap().clone()).await.unwrap();
        client.close().await;
        assert!(!answer.is_error(), "{tool}: {:?}", answer.result);
        let text = answer.result.to_string();
        self.seen.lock().unwrap().push((tool.to_owned(), text.clone()));
        text
    }

    /// Calls a tool that answers with a great many records of the kind `shape`: as it is, and filtered. What is left is
    /// few records, each byte for byte one of them and in their order, the needle among them.
    pub(crate) async fn filtered(
        &self,
        tool: &str,
        arguments: Value,
        shape: &str,
        records: impl Fn(&str) -> Vec<String>,
    ) -> Filtered {
        self.filtered_for(tool, arguments, (shape, NEEDLE), records).await
    }

    /// The same where the one that is looked for says `needle`.
    pub(crate) async fn filtered_for(
        &self,
        tool: &str,
        arguments: Value,
        (shape, needle): (&str, &str),
        records: impl Fn(&str) -> Vec<String>,
    ) -> Filtered {
        let with = |context: &str| {
            let mut arguments = arguments.clone();
            arguments["_context"] = json!(context);
            arguments
        };
        let all = self.call(tool, &with("all")).await;
        let kept = self.call(tool, &with(CONTEXT)).await;
        assert!(all.note().is_none(), "{:?}", all.note());
        let (of_all, of_kept) = (records(first(&all)), records(first(&kept)));
        let report = &kept.result["_meta"]["mcpctl/relevance"];
        let counted = (report["kept"].as_u64(), report["total"].as_u64());
        let counts = (u64::try_from(of_kept.len()).ok(), u64::try_from(of_all.len()).ok());
        assert_eq!(counted, counts, "{tool}: {report} {:?}\n{}", kept.note(), first(&kept));
        assert!(!of_kept.is_empty() && of_kept.len() * 2 < of_all.len(), "{} of {}", of_kept.len(), of_all.len());
        let mut rest = of_all.iter();
        for record in &of_kept {
            assert!(rest.any(|one| one == record), "{tool}: this is none of them, or not in its place: {record}");
        }
        // YAML breaks long lines.
        let words = |record: &String| record.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(of_kept.iter().any(|record| words(record).contains(needle)), "{tool}: {:?} {of_kept:?}", kept.note());
        assert!(kept.tokens_estimate() <= BUDGET_TOKENS, "{tool}: {}", kept.tokens_estimate());
        assert!(kept.note().is_some_and(|note| note.contains(CONTEXT)), "{:?}", kept.note());
        self.done.lock().unwrap().filtered.push(format!("`{tool}`: {shape}, {} records", of_all.len()));
        Filtered { all, kept }
    }

    /// Calls `tool` once more for what comes after a filtered result.
    pub(crate) async fn next_page(&self, tool: &str, arguments: Value, how: &str) -> String {
        let mut arguments = arguments;
        arguments["_context"] = json!("all");
        let answer = self.call(tool, &arguments).await;
        self.done.lock().unwrap().pages.push(format!("`{tool}`: {how}"));
        first(&answer).to_owned()
    }

    /// What was done stands in the table, and the secret that was given at setup is nowhere but in the files at `put`.
    pub(crate) async fn finish(self, put: &[&Path]) {
        self.check_canary(put).await;
        let done = self.done.into_inner().unwrap();
        let code = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
        let cells = [
            format!("`{}` {}", self.installed.package, self.installed.version),
            self.name.clone(),
            or_dash(code(&done.read)),
            or_dash(code(&done.refused)),
            or_dash(done.filtered.join("; ")),
            or_dash(done.pages.join("; ")),
        ];
        let row = format!("| {} |", cells.join(" | "));
        let page = fs::read_to_string(repository().join("docs/servers-tested.md")).unwrap();
        assert!(page.lines().any(|line| line == row), "docs/servers-tested.md has no line\n{row}");
        self.client.close().await;
    }

    /// Looks for the secret in everything that was said, in every file and in the daemon's processes.
    async fn check_canary(&self, put: &[&Path]) {
        if self.secret.is_empty() {
            return;
        }
        let export = format!("audit-{}", self.name);
        for line in [
            &["audit", "--all", "--limit", "200", "--format", "json"][..],
            &["audit", "export", &export],
            &["instance", "logs", &self.name],
            &["instance", "status", &self.name, "--verbose"],
            &["server", "describe", &self.name, "--format", "yaml"],
        ] {
            let said = self.world.mcpctl(line).await.done();
            self.seen.lock().unwrap().push((line.join(" "), format!("{}{}", said.stdout, said.stderr)));
        }
        let canary = Canary { name: self.name.clone(), value: self.secret.clone() };
        let mut scanner = Scanner::new(&[canary]).unwrap();
        let mut hits = scanner.path(&self.world.path(""), &|path| put.contains(&path)).unwrap();
        for (place, text) in self.seen.lock().unwrap().iter() {
            hits.extend(scanner.bytes(text.as_bytes(), place));
        }
        for name in ["mcpd", "gateway"] {
            hits.extend(scanner.process(self.world.process(name).await.pid.unwrap()));
        }
        assert!(scanner.scanned_bytes > 100_000, "it was looked at: {}", scanner.scanned_bytes);
        assert!(hits.is_empty(), "{hits:#?}");
    }
}

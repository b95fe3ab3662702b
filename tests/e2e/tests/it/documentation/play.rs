//! Runs a page: block after block in one shell, each compared with what the page says of it.

use super::{
    checks,
    console::{self, Command},
    page::{Block, Page},
    shell::{Ended, Shell},
    stage::{Stage, Unset, is_bounded},
    tag::Usage,
};
use std::{
    fs,
    time::{Duration, Instant},
};

/// How long a command marked `eventually` is repeated.
const PATIENCE: Duration = Duration::from_secs(40);
/// Lines of an output that a report shows.
const SHOWN_MAX: usize = 60;

/// What came of a page.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) failures: Vec<String>,
    /// Why it was not played.
    pub(crate) skipped: Option<String>,
}

/// Plays a page to its end, or to the first command that leaves nothing to go on with.
pub(crate) fn play(page: &Page) -> Played {
    let mut played = Played::default();
    let of_page = |wrong: &super::page::Wrong| format!("{}:{}: {}", page.path, wrong.line, wrong.message);
    played.failures.extend(page.wrong.iter().map(of_page));
    let bounded = page.blocks.iter().filter(|block| is_live(block)).try_for_each(|block| is_bounded(&block.text));
    let stage = match bounded.and_then(|()| Stage::set(&page.worlds)) {
        Ok(stage) => stage,
        Err(Unset::Missing(why)) => return Played { skipped: Some(why), ..played },
        Err(Unset::Unknown(world)) => {
            played.failures.push(format!("{}:1: there is no world `{world}`", page.path));
            return played;
        }
    };
    if page.blocks.iter().any(is_live) {
        Player { page, stage: &stage, shell: Shell::start(stage.folder(), &stage.environment), failures: Vec::new() }
            .blocks(&mut played.failures);
    }
    played
}

fn is_live(block: &Block) -> bool {
    !matches!(block.tag.usage, Usage::Shown(_) | Usage::Picture)
}

/// That the rest of the page has nothing to stand on.
struct Over;

struct Player<'a> {
    page: &'a Page,
    stage: &'a Stage,
    shell: Shell,
    failures: Vec<String>,
}

impl Player<'_> {
    fn blocks(mut self, failures: &mut Vec<String>) {
        let opened = self.script(1, &self.stage.opening.clone(), 0);
        if opened.is_ok() {
            let _over = self.page.blocks.iter().try_for_each(|block| self.block(block));
        }
        failures.append(&mut self.failures);
    }

    fn block(&mut self, block: &Block) -> Result<(), Over> {
        match &block.tag.usage {
            Usage::Commands { exit, eventually } => return self.commands(block, *exit, *eventually),
            Usage::Script { exit } => return self.script(block.line, &block.text, *exit),
            Usage::File(path) => {
                let path = self.stage.path(path);
                fs::create_dir_all(path.parent().expect("a file lies in a folder")).unwrap();
                fs::write(path, &block.text).unwrap();
            }
            Usage::Of(path) => match fs::read_to_string(self.stage.path(path)) {
                Ok(text) if console::is_found(&block.text, &text) => {}
                Ok(text) => self.fails(block.line, &format!("this is not in `{path}`, which holds\n{}", shown(&text))),
                Err(error) => self.fails(block.line, &format!("`{path}` cannot be read: {error}")),
            },
            Usage::Checked(check) => {
                if let Err(told) = checks::check(check, &block.text, &mut self.shell) {
                    self.fails(block.line, &format!("not valid as `{check}`: {told}"));
                }
            }
            Usage::Shown(_) | Usage::Picture => {}
        }
        Ok(())
    }

    fn script(&mut self, line: usize, script: &str, exit: i32) -> Result<(), Over> {
        let ended = self.run(line, script)?;
        self.judge(line, script, &ended, exit)
    }

    fn commands(&mut self, block: &Block, exit: i32, eventually: bool) -> Result<(), Over> {
        let commands = match console::commands(&block.text) {
            Ok(commands) => commands,
            Err(message) => {
                self.fails(block.line, &message);
                return Ok(());
            }
        };
        let count = commands.len();
        for (at, command) in commands.iter().enumerate() {
            let exit = if at + 1 == count { exit } else { 0 };
            self.command(block.line + 1 + command.offset, command, exit, eventually)?;
        }
        Ok(())
    }

    fn command(&mut self, line: usize, command: &Command, exit: i32, eventually: bool) -> Result<(), Over> {
        let begin = Instant::now();
        let ended = loop {
            let ended = self.run(line, &command.text)?;
            let fits = ended.status == exit && console::fits(&command.expected, &ended.said);
            if fits || !eventually || begin.elapsed() > PATIENCE {
                break ended;
            }
        };
        self.judge(line, &command.text, &ended, exit)?;
        if !console::fits(&command.expected, &ended.said) {
            let expected = command.expected.join("\n");
            let told = format!("`{}` says something else\n--- expected\n{expected}\n--- said", command.text);
            self.fails(line, &format!("{told}\n{}", shown(&ended.said)));
        }
        Ok(())
    }

    fn run(&mut self, line: usize, script: &str) -> Result<Ended, Over> {
        self.shell
            .run(script)
            .map_err(|told| self.fails(line, &format!("`{}` {told}", script.trim())))
            .map_err(|()| Over)
    }

    /// Whether it ended as the page says; after a failure where none is expected nothing of the page makes sense.
    fn judge(&mut self, line: usize, script: &str, ended: &Ended, exit: i32) -> Result<(), Over> {
        if ended.status == exit {
            return Ok(());
        }
        let place = ended.failed.map(|line| format!(" (line {line})")).unwrap_or_default();
        let told = format!("`{}` ended with {}, not with {exit}{place}", script.trim(), ended.status);
        self.fails(line, &format!("{told}\n{}", shown(&ended.said)));
        Err(Over)
    }

    fn fails(&mut self, line: usize, told: &str) {
        self.failures.push(format!("{}:{line}: {told}", self.page.path));
    }
}

/// The beginning of a long text.
fn shown(text: &str) -> String {
    text.lines().take(SHOWN_MAX).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::play;
    use crate::documentation::page::Page;

    fn failures(text: &str) -> Vec<String> {
        play(&Page::read("page.md", text)).failures
    }

    #[track_caller]
    fn fails(text: &str, says: &str) {
        let told = failures(text);
        assert!(told.len() == 1 && told[0].contains(says), "{says}: {told:#?}");
    }

    #[test]
    fn what_does_not_hold_fails_the_page() {
        fails("```\ntrue\n```\n", "page.md:1: a block needs a language");
        fails("```console,run\n$ true\n$ echo a  b\na c\n```\n", "page.md:3: `echo a  b` says something else");
        fails("```console,run\n$ false\n$ echo\n```\n", "page.md:2: `false` ended with 1, not with 0");
        fails("```bash,run,exit=3\n(exit 4)\n```\n", "ended with 4, not with 3");
        fails("\n```bash,run\ntrue\nfalse\ntrue\n```\n", "ended with 1, not with 0 (line 2)");
        fails("```bash,run\nexit 0\n```\n", "ended the page's shell");
        fails("```yaml,checked=yaml\na: [\n```\n", "not valid as `yaml`");
        fails("<!-- world: nowhere -->\n\n```bash,run\ntrue\n```\n", "page.md:1: there is no world `nowhere`");
        fails("```text,of=missing\na\n```\n", "cannot be read");
        fails("```text,file=a\na\n```\n\n```text,of=a\nb\n```\n", "page.md:5: this is not in `a`");
    }

    #[test]
    fn one_shell_plays_the_whole_page() {
        let page = "\
```bash,run
cd \"$HOME\"; name=world
greet() { printf 'hello %s\\n' \"$1\"; }
```

```console,run,exit=7
$ greet \"$name\"; pwd
hello world
…/home
$ (exit 7)
```

```json,file=~/deep/a.json
{\"a\": 1}
```

```json,of=~/deep/a.json
{\"a\": …}
```
";
        assert_eq!(failures(page), Vec::<String>::new());
    }

    #[test]
    fn a_command_that_takes_its_time_is_repeated() {
        let page = "```console,run,eventually\n$ echo x >>file; wc -l <file\n3\n```\n";
        assert_eq!(failures(page), Vec::<String>::new());
    }
}

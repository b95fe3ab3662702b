//! What stands behind the opening fence of a block: its language, and what is done with it.

use std::iter::Peekable;

/// A block's language and use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) language: String,
    pub(crate) usage: Usage,
}

/// What is done with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Usage {
    /// `console`: commands and their output. `eventually`: a command is repeated until its output fits.
    Commands { exit: i32, eventually: bool },
    /// Any other language that is run: a script.
    Script { exit: i32 },
    /// Written to a file.
    File(String),
    /// Is found in a file.
    Of(String),
    /// Validated by the check of that name.
    Checked(String),
    /// Neither run nor checked, for a reason.
    Shown(String),
    /// A drawing in characters.
    Picture,
}

impl Tag {
    /// Reads an info string; what is wrong with it otherwise.
    pub(crate) fn read(info: &str) -> Result<Self, String> {
        let mut words = words(info)?.into_iter();
        let language = words.next().unwrap_or_default();
        if language.is_empty() {
            return Err("a block needs a language and a tag, for example `console,run`".to_owned());
        }
        let mut words = words.peekable();
        let word = words.next().ok_or_else(|| format!("`{language}` has no tag: say what is done with the block"))?;
        let usage = match word.split_once('=') {
            None if word == "run" => run(&language, &mut words)?,
            None if word == "picture" && language == "text" => Usage::Picture,
            Some(("file", path)) => Usage::File(path.to_owned()),
            Some(("of", path)) => Usage::Of(path.to_owned()),
            Some(("checked", check)) => Usage::Checked(check.to_owned()),
            Some(("shown", reason)) => Usage::Shown(reason.to_owned()),
            _ => return Err(format!("`{word}` is not known as a tag")),
        };
        if let Some(word) = words.next() {
            return Err(format!("`{word}` does not go with the rest of the tag"));
        }
        match &usage {
            Usage::File(text) | Usage::Of(text) | Usage::Checked(text) | Usage::Shown(text) if text.is_empty() => {
                Err(format!("`{word}` has no value"))
            }
            _ => Ok(Self { language, usage }),
        }
    }
}

fn run(language: &str, words: &mut Peekable<impl Iterator<Item = String>>) -> Result<Usage, String> {
    let (mut exit, mut eventually) = (0, false);
    for word in words {
        match word.split_once('=') {
            Some(("exit", code)) => exit = code.parse().map_err(|_| format!("`{code}` is not an exit status"))?,
            None if word == "eventually" && language == "console" => eventually = true,
            _ => return Err(format!("`{word}` does not go with `run`")),
        }
    }
    match language {
        "console" => Ok(Usage::Commands { exit, eventually }),
        "bash" => Ok(Usage::Script { exit }),
        _ => Err(format!("`{language}` is not run: only `console` and `bash` are")),
    }
}

/// The words between commas; one in quotes may hold commas.
fn words(info: &str) -> Result<Vec<String>, String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in info.trim().chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("there is one from the start").push(letter),
        }
    }
    if quoted { Err("a quote is not closed".to_owned()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::{Tag, Usage};

    fn read(info: &str) -> Usage {
        Tag::read(info).unwrap().usage
    }

    #[test]
    fn a_tag_says_what_is_done_with_a_block() {
        assert_eq!(read("console,run"), Usage::Commands { exit: 0, eventually: false });
        assert_eq!(read("console,run,exit=4,eventually"), Usage::Commands { exit: 4, eventually: true });
        assert_eq!(read("bash,run,exit=1"), Usage::Script { exit: 1 });
        assert_eq!(read("yaml,file=a.yaml"), Usage::File("a.yaml".to_owned()));
        assert_eq!(read("json,of=~/.mcp.json"), Usage::Of("~/.mcp.json".to_owned()));
        assert_eq!(read("yaml,checked=objects"), Usage::Checked("objects".to_owned()));
        assert_eq!(read(r#"bash,shown="needs Docker, and root""#), Usage::Shown("needs Docker, and root".to_owned()));
        assert_eq!(read("text,picture"), Usage::Picture);
        assert_eq!(Tag::read("yaml,file=a").unwrap().language, "yaml");
    }

    #[test]
    fn a_block_without_a_tag_or_with_a_wrong_one_is_refused() {
        let refused = |info: &str, says: &str| {
            let told = Tag::read(info).unwrap_err();
            assert!(told.contains(says), "{info}: {told}");
        };
        refused("", "language");
        refused("bash", "no tag");
        refused("yaml,run", "not run");
        refused("bash,runs", "`runs`");
        refused("bash,run,eventually", "`eventually`");
        refused("console,run,exit=x", "`x`");
        refused("bash,shown=", "no value");
        refused(r#"bash,shown="needs"#, "quote");
        refused("yaml,file=a,exit=1", "`exit=1`");
        refused("yaml,picture", "`picture`");
    }
}

//! A page of the documentation, read for what the runner does with it: its worlds, its blocks, its links and headings.

use super::tag::{Tag, Usage};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag as Element, TagEnd};
use std::ops::Range;

/// What begins the comment that names the worlds.
const WORLD: &str = "<!-- world:";
/// What begins a comment that is run like a script.
const HIDDEN: &str = "<!-- run";
const COMMENT_END: &str = "-->";

/// A page, and everything that is wrong with how it is written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Relative to the root of the repository.
    pub(crate) path: String,
    pub(crate) worlds: Vec<String>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) links: Vec<Link>,
    /// The headings, as they are read.
    pub(crate) headings: Vec<String>,
    pub(crate) wrong: Vec<Wrong>,
}

/// A block and where it begins.
#[derive(Debug)]
pub(crate) struct Block {
    /// The line of the fence, from 1.
    pub(crate) line: usize,
    pub(crate) tag: Tag,
    pub(crate) text: String,
    /// Whether readers do not see it.
    pub(crate) hidden: bool,
}

/// A link and where it stands.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) to: String,
}

/// Something that is wrong at a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Page {
    /// Reads the page at `path` from its text.
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let mut page = Self { path: path.to_owned(), ..Self::default() };
        let mut reader = Reader { text, page: &mut page, code: None, heading: None, html: None };
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            reader.take(event, range);
        }
        page
    }
}

/// Puts together what the parser says piece by piece.
struct Reader<'a> {
    text: &'a str,
    page: &'a mut Page,
    code: Option<(usize, String, String)>,
    heading: Option<String>,
    html: Option<(usize, String)>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Element::CodeBlock(kind)) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((self.line(range.start), info, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => self.block(),
            Event::Start(Element::HtmlBlock) => self.html = Some((self.line(range.start), String::new())),
            Event::End(TagEnd::HtmlBlock) => self.comment(),
            Event::Html(html) => self.html.iter_mut().for_each(|(_, text)| text.push_str(&html)),
            Event::Start(Element::Heading { level, .. }) if level <= HeadingLevel::H6 => {
                self.heading = Some(String::new());
            }
            Event::End(TagEnd::Heading(_)) => self.page.headings.extend(self.heading.take()),
            Event::Start(Element::Link { dest_url, .. } | Element::Image { dest_url, .. }) => {
                let line = self.line(range.start);
                self.page.links.push(Link { line, to: dest_url.into_string() });
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((.., code)) = &mut self.code {
                    code.push_str(&text);
                } else if let Some(heading) = &mut self.heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }

    fn block(&mut self) {
        let Some((line, info, text)) = self.code.take() else { return };
        match Tag::read(&info) {
            Ok(tag) => self.page.blocks.push(Block { line, tag, text, hidden: false }),
            Err(message) => self.page.wrong.push(Wrong { line, message }),
        }
    }

    fn comment(&mut self) {
        let Some((line, html)) = self.html.take() else { return };
        let inner = |begin: &str| html.trim().strip_prefix(begin)?.strip_suffix(COMMENT_END);
        if let Some(worlds) = inner(WORLD) {
            self.page.worlds.extend(worlds.split_whitespace().map(str::to_owned));
        } else if let Some(text) = inner(HIDDEN) {
            let tag = Tag { language: "bash".to_owned(), usage: Usage::Script { exit: 0 } };
            self.page.blocks.push(Block { line, tag, text: text.to_owned(), hidden: true });
        }
    }

    fn line(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::Page;
    use crate::documentation::tag::Usage;

    const TEXT: &str = "\
# A page
<!-- world: daemon slack -->

See [there](other.md#part).

```console,run
$ true
```

<!-- run
export A=1

export B=2
-->

- in a list

  ```yaml,file=a.yaml
  a: 1
  ```

## `code` and more
";

    #[test]
    fn worlds_blocks_links_and_headings_are_found() {
        let page = Page::read("docs/page.md", TEXT);
        assert_eq!(page.wrong, []);
        assert_eq!(page.worlds, ["daemon", "slack"]);
        assert_eq!(page.headings, ["A page", "code and more"]);
        assert_eq!((page.links[0].line, page.links[0].to.as_str()), (4, "other.md#part"));
        let seen: Vec<_> = page.blocks.iter().map(|block| (block.line, block.hidden, block.text.as_str())).collect();
        let hidden = "\nexport A=1\n\nexport B=2\n";
        assert_eq!(seen, [(6, false, "$ true\n"), (10, true, hidden), (18, false, "a: 1\n")]);
        assert_eq!(page.blocks[2].tag.usage, Usage::File("a.yaml".to_owned()));
    }

    #[test]
    fn a_block_without_a_tag_is_wrong_indented_or_not() {
        let page = Page::read("docs/page.md", "text\n\n```bash\ntrue\n```\n\n    indented\n");
        let lines: Vec<usize> = page.wrong.iter().map(|wrong| wrong.line).collect();
        assert_eq!(lines, [3, 7], "{:?}", page.wrong);
    }
}

//! What is done with the blocks of every page, and the reasons why some are only shown.

use super::{page::Page, tag::Usage};
use std::{collections::BTreeMap, fmt::Write as _};

/// The reasons for showing what is neither run nor checked. Another one needs a line here, and a reviewer.
pub(crate) const REASONS: [&str; 10] = [
    "needs Docker",
    "needs a cluster",
    "needs root and systemd",
    "needs the network",
    "needs a browser",
    "needs a model server",
    "needs other weights",
    "builds everything",
    "takes minutes",
    "measured once",
];

/// How many blocks of a page are run, checked, and shown for which reasons; hidden ones do not count.
#[derive(Default)]
pub(crate) struct Counts<'a> {
    run: usize,
    checked: usize,
    pictures: usize,
    shown: BTreeMap<&'a str, usize>,
}

impl<'a> Counts<'a> {
    pub(crate) fn of(page: &'a Page) -> Self {
        let mut counts = Self::default();
        for block in page.blocks.iter().filter(|block| !block.hidden) {
            match &block.tag.usage {
                Usage::Commands { .. } | Usage::Script { .. } | Usage::File(_) => counts.run += 1,
                Usage::Of(_) | Usage::Checked(_) => counts.checked += 1,
                Usage::Picture => counts.pictures += 1,
                Usage::Shown(reason) => *counts.shown.entry(reason).or_default() += 1,
            }
        }
        counts
    }

    /// The reasons given that are not among [`REASONS`].
    pub(crate) fn unknown_reasons(&self) -> Vec<&'a str> {
        self.shown.keys().copied().filter(|reason| !REASONS.contains(reason)).collect()
    }

    fn is_empty(&self) -> bool {
        self.run + self.checked + self.pictures == 0 && self.shown.is_empty()
    }

    fn add(&mut self, other: &Self) {
        self.run += other.run;
        self.checked += other.checked;
        self.pictures += other.pictures;
        for (reason, count) in &other.shown {
            *self.shown.entry(reason).or_default() += count;
        }
    }

    fn row(&self, name: &str, more: &str) -> String {
        let shown: usize = self.shown.values().sum();
        let reasons: Vec<String> = self.shown.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
        let [run, checked, pictures] = [self.run, self.checked, self.pictures];
        format!("| {name} | {run} | {checked} | {pictures} | {shown} | {} |{more}\n", reasons.join(", "))
    }
}

/// The table of all pages that have blocks, with what `more` says of each.
pub(crate) fn table(pages: &[Page], more: impl Fn(&Page) -> String) -> String {
    let mut table = "| page | run | checked | pictures | shown | why shown |\n|---|---|---|---|---|---|\n".to_owned();
    let mut all = Counts::default();
    for page in pages {
        let counts = Counts::of(page);
        if !counts.is_empty() {
            table.push_str(&counts.row(&page.path, &more(page)));
            all.add(&counts);
        }
    }
    write!(table, "{}", all.row("**all**", "")).ok();
    table
}

#[cfg(test)]
mod tests {
    use super::{Counts, table};
    use crate::documentation::page::Page;

    #[test]
    fn blocks_are_counted_by_what_is_done_with_them() {
        let text = "```console,run\n$ true\n```\n\n```yaml,checked=yaml\na: 1\n```\n\n```bash,shown=\"needs Docker\"\nx\n```\n\
                    \n```bash,shown=\"no time\"\nx\n```\n\n<!-- run\ntrue\n-->\n";
        let page = Page::read("a.md", text);
        assert_eq!(Counts::of(&page).unknown_reasons(), ["no time"]);
        let row = "| a.md | 1 | 1 | 0 | 2 | needs Docker (1), no time (1) | 0.1 s\n";
        let table = table(&[page], |_| " 0.1 s".to_owned());
        assert!(table.contains(row), "{table}");
    }
}

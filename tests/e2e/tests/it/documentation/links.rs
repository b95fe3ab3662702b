//! Links: every relative one names a file of the repository and, after `#`, one of its headings.

use super::page::{Link, Page};
use crate::programs::repository;
use std::{
    collections::HashMap,
    fs,
    path::{Component, Path, PathBuf},
};

/// Where a link within the repository leads: a path from its root, and a heading.
struct Target {
    path: String,
    heading: Option<String>,
}

/// What is wrong with the links of a page.
pub(crate) fn wrong(page: &Page) -> Vec<String> {
    let judge =
        |link: &Link| broken(page, &link.to).map(|why| format!("{}:{}: `{}` {why}", page.path, link.line, link.to));
    page.links.iter().filter_map(judge).collect()
}

fn broken(page: &Page, to: &str) -> Option<String> {
    if to.contains("://") || to.starts_with("mailto:") {
        return url::Url::parse(to).err().map(|error| format!("is not a URL: {error}"));
    }
    let missing = |headings: &[String], heading: &String| !slugs(headings).contains(heading);
    let target = target(&page.path, to)?;
    if target.path == page.path {
        return target
            .heading
            .filter(|heading| missing(&page.headings, heading))
            .map(|_| "leads to no heading".to_owned());
    }
    let file = repository().join(&target.path);
    if !file.is_file() {
        return Some("leads to no file".to_owned());
    }
    let heading = target.heading?;
    if file.extension().is_none_or(|extension| extension != "md") {
        return Some("names a heading of what has none".to_owned());
    }
    let other = Page::read(&target.path, &fs::read_to_string(file).unwrap());
    missing(&other.headings, &heading).then(|| "leads to no heading".to_owned())
}

fn target(from: &str, to: &str) -> Option<Target> {
    let (path, heading) = to.split_once('#').map_or((to, None), |(path, heading)| (path, Some(heading.to_owned())));
    let path = if path.is_empty() { from.to_owned() } else { joined(from, path)? };
    Some(Target { path, heading })
}

/// `to` as seen from the folder of `from`; none where it leaves the repository, which no file is found for.
fn joined(from: &str, to: &str) -> Option<String> {
    let mut joined = PathBuf::new();
    for part in Path::new(from).parent()?.join(to).components() {
        match part {
            Component::ParentDir => drop(joined.pop()),
            Component::Normal(name) => joined.push(name),
            _ => {}
        }
    }
    joined.to_str().map(str::to_owned)
}

/// The names of headings in links, as GitHub and mdBook make them: lower case, without punctuation, with hyphens for
/// spaces, and a number where there was the same before.
pub(crate) fn slugs(headings: &[String]) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let slug = |heading: &String| {
        let kept = |letter: char| match letter {
            ' ' => Some('-'),
            letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter),
            _ => None,
        };
        let slug: String = heading.trim().to_lowercase().chars().filter_map(kept).collect();
        let count = seen.entry(slug.clone()).or_default();
        let unique = if *count == 0 { slug } else { format!("{slug}-{count}") };
        *count += 1;
        unique
    };
    headings.iter().map(slug).collect()
}

#[cfg(test)]
mod tests {
    use super::{joined, slugs, wrong};
    use crate::documentation::page::Page;

    #[test]
    fn headings_have_the_names_that_readers_of_markdown_give_them() {
        let headings = ["What the demo shows", "`mcpctl` & co., 2", "Limits", "Limits"].map(str::to_owned);
        assert_eq!(slugs(&headings), ["what-the-demo-shows", "mcpctl--co-2", "limits", "limits-1"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert_eq!(joined("docs/a/b.md", "../c.md").unwrap(), "docs/c.md");
        let text = "[a](installation.md) [b](missing.md) [c](../README.md#two-commands) [d](../README.md#three) [e](#here)\n\
                    [f](https://example.com) [g](https://) [h](../Makefile#x)\n\n# Here\n";
        let wrong = wrong(&Page::read("docs/a.md", text));
        let of: Vec<&str> = wrong.iter().filter_map(|line| line.split('`').nth(1)).collect();
        assert_eq!(of, ["missing.md", "../README.md#three", "https://", "../Makefile#x"], "{wrong:#?}");
    }
}

//! The documentation, executed: every block of every page is run, checked or says why not (CONTRIBUTING.md, "Pages").
//!
//! `DOCS_PAGE=docs/x.md` plays that page alone; `DOCS_TABLE=1` prints what is done with the blocks of each page.

mod checks;
mod console;
mod page;
mod play;
mod shell;
mod stage;
mod tag;

use crate::programs::repository;
use page::Page;
use std::{fs, path::Path};

/// Pages outside `docs`.
const MORE: [&str; 5] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md", "bench/README.md"];

/// The paths of all pages.
fn pages() -> Vec<String> {
    let mut paths: Vec<String> = MORE.iter().map(|path| (*path).to_owned()).collect();
    collect(&repository().join("docs"), "docs", &mut paths);
    paths.sort();
    paths
}

fn collect(folder: &Path, name: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (file, path) = (entry.file_name().into_string().unwrap(), entry.path());
        let name = format!("{name}/{file}");
        if path.is_dir() {
            collect(&path, &name, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(name);
        }
    }
}

fn read(path: &str) -> Page {
    Page::read(path, &fs::read_to_string(repository().join(path)).unwrap())
}

#[test]
fn every_page_holds() {
    let only = std::env::var("DOCS_PAGE").ok();
    let paths: Vec<String> = only.map_or_else(pages, |page| vec![page]);
    let mut failures = Vec::new();
    for path in paths {
        let begin = std::time::Instant::now();
        let played = play::play(&read(&path));
        crate::said::aloud(&format!("{path}: {} failures, {:?} {:?}", played.failures.len(), begin.elapsed(), played.skipped));
        failures.extend(played.failures);
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

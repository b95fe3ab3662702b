//! The documentation, executed: every block of every page is run, checked or says why not (CONTRIBUTING.md, "Pages").
//!
//! `DOCS_PAGE=docs/x.md` plays that page alone; `DOCS_TABLE=1` prints what is done with the blocks of each page.

mod checks;
mod console;
mod generated;
mod links;
mod page;
mod play;
mod shell;
mod stage;
mod table;
mod tag;

use crate::{programs::repository, said::aloud};
use page::Page;
use play::Played;
use std::{
    cmp::Reverse,
    env, fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// Pages that are played at once.
const AT_ONCE: usize = 2;
const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages outside `docs`.
const MORE: [&str; 7] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy/README.md",
    "bench/README.md",
    "tests/conformance/README.md",
    "tests/torture/README.md",
];

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
    Page::read(path, &read_text(path))
}

fn read_text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages that are asked for, or all.
fn asked() -> Vec<Page> {
    let paths = env::var("DOCS_PAGE").map_or_else(|_| pages(), |page| vec![page]);
    paths.iter().map(|path| read(path)).collect()
}

/// Plays all of them, several at a time where they do not see each other; what came of each, and the seconds it took.
fn play_all(pages: &[Page]) -> Vec<(Played, f32)> {
    let at_once = if shell::are_alone() { AT_ONCE } else { 1 };
    let next = AtomicUsize::new(0);
    // Long ones first, so that none of them is left to the end alone.
    let mut order: Vec<usize> = (0..pages.len()).collect();
    order.sort_by_key(|at| Reverse(pages[*at].blocks.len()));
    let results: Mutex<Vec<Option<(Played, f32)>>> = Mutex::new(pages.iter().map(|_| None).collect());
    let work = || {
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begin = Instant::now();
            let played = play::play(&pages[*at]);
            results.lock().unwrap()[*at] = Some((played, begin.elapsed().as_secs_f32()));
        }
    };
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(work);
        }
    });
    results.into_inner().unwrap().into_iter().map(|result| result.expect("each page was played")).collect()
}

#[test]
fn every_page_does_what_it_says() {
    let pages = asked();
    let results = play_all(&pages);
    let mut failures = Vec::new();
    for (page, (played, _)) in pages.iter().zip(&results) {
        failures.extend_from_slice(&played.failures);
        if let Some(why) = &played.skipped {
            aloud(&format!("{} was not played: {why}", page.path));
        }
    }
    if env::var_os("DOCS_TABLE").is_some() {
        let seconds = |page: &Page| {
            let at = pages.iter().position(|one| one.path == page.path);
            at.map(|at| format!(" {:.1} s", results[at].1)).unwrap_or_default()
        };
        aloud(&table::table(&pages, seconds));
    }
    assert!(failures.is_empty(), "{} failures\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn every_block_that_is_only_shown_says_why() {
    for page in asked() {
        let unknown = table::Counts::of(&page).unknown_reasons();
        assert!(unknown.is_empty(), "{}: {unknown:?} is none of {:?}", page.path, table::REASONS);
    }
}

#[test]
fn every_link_leads_somewhere() {
    let wrong: Vec<String> = asked().iter().flat_map(links::wrong).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The book has every page of `docs`, once.
#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = read(SUMMARY);
    let mut named: Vec<String> =
        summary.links.iter().filter(|link| !link.to.is_empty()).map(|link| format!("docs/{}", link.to)).collect();
    named.sort();
    let pages: Vec<String> = pages().into_iter().filter(|path| path.starts_with("docs/") && path != SUMMARY).collect();
    assert_eq!(named, pages);
}

//! Runbooks: every link leads somewhere, and every command that they tell to type is one.

use crate::{
    programs::{program, repository},
    world::{World, run},
};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// The runbooks, and the page that leads to them.
fn pages() -> Vec<PathBuf> {
    let folder = repository().join("docs/operations");
    let runbooks = fs::read_dir(folder.join("runbooks")).unwrap().map(|entry| entry.unwrap().path());
    runbooks.chain([folder.join("monitoring.md")]).collect()
}

/// How a heading is linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Whether `link`, a path from the root and an anchor, leads to a heading.
pub(crate) fn exists(link: &str) -> Result<(), String> {
    let (path, wanted) = link.split_once('#').unwrap_or((link, ""));
    let text = fs::read_to_string(repository().join(path)).map_err(|error| format!("{path}: {error}"))?;
    let mut headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#')));
    if wanted.is_empty() || headings.any(|found| found == wanted) {
        Ok(())
    } else {
        Err(format!("{path} has no heading for #{wanted}"))
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let own = page.strip_prefix(repository()).unwrap().to_owned();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.contains("://") {
                continue;
            }
            links += 1;
            let (path, wanted) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { own.clone() } else { own.parent().unwrap().join(path) };
            exists(&format!("{}#{wanted}", path.display()))
                .unwrap_or_else(|problem| panic!("{}: {problem}", own.display()));
        }
    }
    assert!(links > 30, "only {links} links");
}

/// The command lines of `mcpctl`, in blocks and in sentences, without what the shell does with their results.
fn commands(text: &str) -> BTreeSet<Vec<String>> {
    let blocks = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    let sentences = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let lines = blocks.chain(sentences);
    lines.filter_map(|line| words(line.split(" #").next()?)).collect()
}

/// The words after `mcpctl`, quoted ones as one.
fn words(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let line = if line.starts_with("DATABASE_URL=") { line.split_once(' ')?.1 } else { line };
    let rest = line.strip_prefix("mcpctl ")?;
    let mut found = Vec::new();
    for (index, piece) in rest.split('"').enumerate() {
        if index % 2 == 1 {
            found.push(piece.to_owned());
        } else {
            found.extend(piece.split_whitespace().filter(|word| *word != "…").map(str::to_owned));
        }
    }
    Some(found)
}

#[tokio::test]
async fn every_command_is_one() {
    let world = World::new(None);
    let lines: BTreeSet<Vec<String>> =
        pages().iter().flat_map(|page| commands(&fs::read_to_string(page).unwrap())).collect();
    assert!(lines.len() > 60, "only {} commands", lines.len());
    for mut line in lines {
        line.push("--help".to_owned());
        let mut command = world.command(&program("mcpctl"));
        command.args(&line).env("MCPCTL_HOME", world.path("home"));
        let said = run(command, "").await.done();
        assert!(said.stdout.contains("Usage: mcpctl"), "{line:?}");
    }
}

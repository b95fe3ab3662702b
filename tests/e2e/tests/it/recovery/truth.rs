//! What was in force when, and whether every decision in the audit log is the one that the revision it names calls for.

use super::callers::{Callers, READ, STEADY, SWING, WRITE};
use serde_json::Value;
use std::{fs, path::Path, sync::atomic::Ordering};

/// Since which revision the swinging project is open, or shut.
#[derive(Default)]
pub(crate) struct Truth(Vec<(u64, bool)>);

impl Truth {
    pub(crate) fn note(&mut self, revision: u64, open: bool) {
        assert!(self.0.last().is_none_or(|(last, _)| *last < revision), "revisions grow");
        self.0.push((revision, open));
    }

    /// Whether it was open at `revision`; none before it was made.
    fn open_at(&self, revision: u64) -> Option<bool> {
        self.0.iter().rev().find(|(since, _)| *since <= revision).map(|(_, open)| *open)
    }

    /// Compares every call in the export in `folder`. How many there were.
    pub(crate) fn compare(&self, folder: &Path) -> usize {
        let calls = calls(folder);
        let wrong: Vec<&Value> = calls.iter().filter(|call| !self.agrees(call)).collect();
        let first = wrong.first().map(ToString::to_string).unwrap_or_default();
        assert!(wrong.is_empty(), "{} decisions differ from their revision, the first: {first}", wrong.len());
        calls.len()
    }

    fn agrees(&self, call: &Value) -> bool {
        let revision = call["revision"].as_u64().unwrap();
        let decision = match (call["project"].as_str(), call["target"].as_str()) {
            (Some(STEADY), Some(READ)) => Some(true),
            (Some(STEADY), Some(WRITE)) => Some(false),
            (Some(SWING), Some(READ)) => self.open_at(revision),
            _ => return true,
        };
        decision.is_some_and(|allowed| call["decision"] == if allowed { "allow" } else { "deny" })
    }
}

/// Whether the export in `folder` has as many calls of each gateway as its clients were answered, no less and no more.
pub(crate) fn are_all_there(folder: &Path, gateways: &[String], callers: &Callers) -> bool {
    let calls = calls(folder);
    gateways.iter().zip(&callers.tallies).all(|(gateway, tally)| {
        let of = |project: &str, tool: &str| {
            let is = |call: &&Value| {
                call["gateway"] == gateway.as_str() && call["project"] == project && call["target"] == tool
            };
            calls.iter().filter(is).count()
        };
        of(STEADY, READ) == tally.allowed.load(Ordering::Relaxed)
            && of(STEADY, WRITE) == tally.refused.load(Ordering::Relaxed)
            && of(SWING, READ) == tally.swung.load(Ordering::Relaxed)
    })
}

/// The outcomes of all calls in an export.
fn calls(folder: &Path) -> Vec<Value> {
    let mut calls = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            calls.extend(self::calls(&entry.path()));
        } else if entry.path().file_name().is_some_and(|name| name != "manifest.json") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["body"]["event"].take());
            calls.extend(events.filter(|event| event["phase"] == "outcome" && event["action"] == "mcp_call"));
        }
    }
    calls
}

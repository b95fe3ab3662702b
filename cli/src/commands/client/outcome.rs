//! What became of a client's file, or would: said, shown, and done.

use super::file::ClientFile;
use crate::{
    Invocation,
    clients::{Edit, Target},
    failure::Failure,
    output::{Change, Output, Report, Table},
};
use serde::Serialize;
use similar::TextDiff;

/// One change to one file.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    object: String,
    change: &'static str,
    client: String,
    scope: &'static str,
    file: String,
    /// What the entry stands under.
    key: String,
    /// What changes in the file.
    diff: Option<String>,
    /// What the user does next.
    next: Option<String>,
    /// The new text; none: nothing changes.
    #[serde(skip)]
    text: Option<String>,
    /// Whether nothing else was in the file.
    #[serde(skip)]
    emptied: bool,
}

impl Outcome {
    pub(super) fn of(file: &ClientFile, target: Target<'_>, edit: Edit) -> Self {
        let emptied = matches!(edit, Edit::Emptied(_));
        let (change, text) = match edit {
            Edit::Unchanged => ("unchanged", None),
            Edit::Created(text) => ("created", Some(text)),
            Edit::Configured(text) => ("configured", Some(text)),
            Edit::Removed(text) | Edit::Emptied(text) => ("removed", Some(text)),
        };
        let before = file.text.as_deref().unwrap_or_default();
        let after = text.as_deref().map(|text| if emptied { "" } else { text });
        let path = file.path.display().to_string();
        Self {
            object: format!("{}/{}", file.label, target.name),
            change,
            client: target.client.name.clone(),
            scope: file.scope.word(),
            key: format!("{}.{}", target.client.servers, target.name),
            diff: after.map(|after| difference(before, after, &path)),
            next: None,
            file: path,
            text,
            emptied,
        }
    }

    /// With what the user does next.
    pub(super) fn next(mut self, next: String) -> Self {
        self.next = Some(next);
        self
    }

    /// Whether the file is not as it should be.
    pub(super) fn changes(&self) -> bool {
        self.text.is_some()
    }

    /// Writes the file.
    fn apply(&self, file: &ClientFile) -> Result<(), Failure> {
        match &self.text {
            None => Ok(()),
            Some(text) if self.emptied => file.delete(text),
            Some(text) => file.write(text),
        }
    }

    fn tell(&self, dry_run: bool, output: Output) -> Result<(), Failure> {
        if dry_run && self.changes() {
            output.note(format!("{} would change:", self.file));
            return output.raw(self.diff.as_deref().unwrap_or_default());
        }
        output.changes(&[Change::new(&self.object, self.change)])?;
        if self.changes() {
            output.note(self.told());
        }
        if let Some(next) = &self.next {
            output.note(format!("next: {next}"));
        }
        Ok(())
    }

    fn told(&self) -> String {
        let (file, key) = (&self.file, &self.key);
        match self.change {
            "removed" if self.emptied => format!("deleted {file}: nothing else was in it"),
            "removed" => format!("changed {file}: took out {key}, and nothing else"),
            "configured" => format!("changed {file}: renewed {key}, and nothing else"),
            _ => format!("changed {file}: added {key}, and nothing else"),
        }
    }
}

/// Writes the files unless this is a dry run, and says what was done.
pub(super) fn finish(
    outcomes: Vec<(Outcome, ClientFile)>,
    dry_run: bool,
    invocation: &Invocation,
) -> Result<(), Failure> {
    if !dry_run {
        outcomes.iter().try_for_each(|(outcome, file)| outcome.apply(file))?;
    }
    let output = invocation.output;
    if output.is_structured() {
        return output.report(&Outcomes(outcomes.into_iter().map(|(outcome, _)| Shown { outcome, dry_run }).collect()));
    }
    outcomes.iter().try_for_each(|(outcome, _)| outcome.tell(dry_run, output))
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    outcome: Outcome,
    dry_run: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Outcomes(Vec<Shown>);

impl Report for Outcomes {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["OBJECT", "CHANGE", "FILE", "KEY"]);
        for Shown { outcome, .. } in &self.0 {
            table.row([outcome.object.clone(), outcome.change.to_owned(), outcome.file.clone(), outcome.key.clone()]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|shown| shown.outcome.object.clone()).collect()
    }
}

/// What changes, as `diff -u` says it.
fn difference(before: &str, after: &str, path: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().context_radius(3).header(path, path).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_can_be_applied() {
        let expected = "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n";
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n", "f"), expected);
        assert_eq!(difference("same\n", "same\n", "f"), "");
        assert!(difference("a", "a\n", "f").contains("No newline at end of file"));
    }
}

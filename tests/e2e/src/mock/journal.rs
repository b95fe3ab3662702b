//! The journal of writes: one line of JSON for each, so that a test can prove what was, or was not, written upstream.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

/// Where writes are recorded; without a file they live only in the server's memory.
#[derive(Debug, Default)]
pub struct Journal {
    file: Option<Mutex<File>>,
}

impl Journal {
    /// Opens the journal, keeping what is in it. The file exists afterwards, even when nothing is ever written.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = match path {
            None => None,
            Some(path) => {
                let opened = OpenOptions::new().create(true).append(true).open(path);
                Some(Mutex::new(opened.map_err(|error| {
                    let message = format!("cannot open the state file `{}`: {error}", path.display());
                    io::Error::new(error.kind(), message)
                })?))
            }
        };
        Ok(Self { file })
    }

    /// Appends `{"tool", "arguments", "result"}`.
    pub fn record(&self, tool: &str, arguments: &Value, result: &Value) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let line = format!("{}\n", json!({"tool": tool, "arguments": arguments, "result": result}));
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Journal;

    #[test]
    fn every_write_is_one_line_and_survives_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("writes.jsonl");
        for text in ["one", "two"] {
            let journal = Journal::open(Some(&path)).unwrap();
            journal.record("post", &json!({"text": text}), &json!("ok")).unwrap();
        }
        let lines = std::fs::read_to_string(&path).unwrap();
        let texts: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["arguments"]["text"].clone())
            .collect();
        assert_eq!(texts, ["one", "two"]);
    }

    #[test]
    fn without_writes_the_file_is_there_and_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("writes.jsonl");
        Journal::open(Some(&path)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn a_bad_path_is_named() {
        let error = Journal::open(Some("/nowhere/at/all".as_ref())).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}

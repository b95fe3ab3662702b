//! What a command said when it ended.

use serde_json::Value;
use std::{
    io::{self, Write as _},
    process::Output,
};

/// Says `line` although the test passes. Not through `eprintln!`, which tests keep to themselves unless they fail.
pub(crate) fn aloud(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

/// The command line, the exit status, and both outputs.
pub(crate) struct Said {
    line: String,
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn new(line: String, output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("programs speak UTF-8");
        Self { line, code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn show(&self) -> String {
        format!("`{}` ended with {:?}\n{}{}", self.line, self.code, self.stdout, self.stderr)
    }

    /// It worked.
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.show());
        self
    }

    /// It failed with that exit status, and said all of that on standard error.
    pub(crate) fn failed(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.show());
        for part in says {
            assert!(self.stderr.contains(part), "`{part}` is not in what was said\n{}", self.show());
        }
        self
    }

    /// Whether it worked.
    pub(crate) fn is_done(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.show()))
    }
}

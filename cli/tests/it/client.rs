//! An MCP client as far as the bridge sees one: lines into its stdin, lines out of its stdout.

use crate::{
    stub::{PATIENCE, Stub},
    world::World,
};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

/// A running bridge.
pub(crate) struct Bridge {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Kept as long as the bridge runs in it.
    _world: Option<World>,
}

impl Bridge {
    /// Starts a bridge to `stub` in a home folder of its own.
    pub(crate) fn to(stub: &Stub) -> Self {
        let world = World::connected(&stub.url);
        let mut bridge = Self::start(&world);
        bridge._world = Some(world);
        bridge
    }

    /// Starts `mcpctl mcp-stdio --project weekly_reports`, which is to start nothing itself.
    pub(crate) fn start(world: &World) -> Self {
        let mut command = world.command(&["mcp-stdio", "--project", "weekly_reports", "--no-start"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(64);
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { stdin: child.stdin.take(), child, lines, _world: None }
    }

    /// Sends one line.
    pub(crate) fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// The next line as it is.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the bridge says nothing")
    }

    /// The next message.
    pub(crate) fn next(&self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Sends a request and gives the next message.
    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.send(line);
        self.next()
    }

    /// Closes stdin and waits for the end. What else was said on stdout, and stderr.
    pub(crate) fn close(mut self) -> (Vec<String>, String) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.lines.iter().collect(), err)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // Gone already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

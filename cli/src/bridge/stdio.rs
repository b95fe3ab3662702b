//! The client's side: bounded lines in, whole lines out.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Stdin},
    sync::mpsc,
    task::JoinHandle,
};

/// Longest line from the client, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Lines waiting for the client to read them.
const WAITING_MAX: usize = 64;

/// The lines on stdin.
pub(super) struct Lines {
    stdin: BufReader<Stdin>,
    line: Vec<u8>,
}

impl Lines {
    /// Of this process.
    pub(super) fn stdin() -> Self {
        Self { stdin: BufReader::new(tokio::io::stdin()), line: Vec::new() }
    }

    /// The next line without its end; none when the client closed its end or sends what has no end. May be dropped and
    /// called again: what was read stays.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len() as u64);
        let mut stdin = (&mut self.stdin).take(room);
        if let Err(error) = stdin.read_until(b'\n', &mut self.line).await {
            tracing::error!(%error, "stdin cannot be read");
            return None;
        }
        let whole = self.line.ends_with(b"\n");
        if !whole && self.line.len() as u64 >= LINE_BYTES_MAX {
            tracing::error!(bytes = LINE_BYTES_MAX, "a line on stdin is too long");
            return None;
        }
        if self.line.is_empty() {
            return None;
        }
        let line = std::mem::take(&mut self.line);
        Some(line.trim_ascii_end().to_vec())
    }
}

/// Where messages for the client go; one task writes them, so that lines never mix.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<String>);

/// The end of writing.
pub(super) struct Written(JoinHandle<()>);

impl Writer {
    /// Starts writing to stdout.
    pub(super) fn start() -> (Self, Written) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), Written(tokio::spawn(write(receiver))))
    }

    /// Sends one message. Waits while the client reads nothing.
    pub(super) async fn send(&self, message: String) {
        // Line ends between tokens are white space in JSON, and within texts they cannot be.
        let line = if message.contains(['\n', '\r']) { message.replace(['\n', '\r'], " ") } else { message };
        // The client is gone when nobody takes it; the bridge is about to notice.
        let _ = self.0.send(line).await;
    }

    /// Waits until the client no longer reads.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

impl Written {
    /// Waits until everything sent is written.
    pub(super) async fn finish(self) {
        let _ = self.0.await;
    }
}

async fn write(mut messages: mpsc::Receiver<String>) {
    let mut stdout = tokio::io::stdout();
    while let Some(mut line) = messages.recv().await {
        line.push('\n');
        let written = async {
            stdout.write_all(line.as_bytes()).await?;
            stdout.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "the client no longer reads");
            return;
        }
    }
}

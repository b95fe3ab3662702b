//! A log without credentials: every line passes the scrubber whole, whoever wrote it.

use crate::Scrubber;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Writes lines without credentials to what `out` gives.
pub struct Scrubbed<F> {
    scrubber: Scrubber,
    out: F,
}

/// One line: `tracing_subscriber` writes an event whole.
pub struct Line<W> {
    scrubber: Scrubber,
    out: W,
}

impl<W: Write, F: Fn() -> W> Scrubbed<F> {
    /// Writes what `scrubber` leaves of each line to what `out` gives.
    #[must_use]
    pub fn new(scrubber: Scrubber, out: F) -> Self {
        Self { scrubber, out }
    }
}

impl<'a, W: Write, F: Fn() -> W> MakeWriter<'a> for Scrubbed<F> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Line<W> {
        Line { scrubber: self.scrubber.clone(), out: (self.out)() }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.out.write_all(self.scrubber.text(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credential, Secret};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn s_03_no_line_holds_a_credential_at_any_level() {
        let (sink, scrubber) = (Sink::default(), Scrubber::default());
        let value = Secret::new("xoxb-canary\"1".to_owned());
        scrubber.replace(vec![Credential { name: "slack".into(), value }]).unwrap();
        let out = sink.clone();
        let writer = Scrubbed::new(scrubber, move || out.clone());
        let subscriber =
            tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(writer).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(header = "Bearer xoxb-canary\"1", "sent xoxb-canary\"1");
            tracing::error!("panicked at xoxb-canary\"1");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("canary") && text.matches("[redacted:slack]").count() == 3, "{text}");
    }
}

//! The log of this process: lines on standard error, without the credentials it has.
//!
//! Every line passes the scrubber whole, whoever wrote it, panics included.

use crate::settings::LogFormat;
use filters::redaction::Scrubber;
use std::io::{self, IsTerminal as _, Write};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Begins to log in `format`, and by `MCP_GATEWAY_LOG` or else `default`.
pub fn start(format: LogFormat, default: &str, scrubber: Scrubber) {
    let filter = EnvFilter::try_from_env("MCP_GATEWAY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let writer = Scrubbed { scrubber, out: io::stderr };
    let colours = io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    // A panic may quote what it was about.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

/// Writes lines without credentials to what `out` gives.
struct Scrubbed<F> {
    scrubber: Scrubber,
    out: F,
}

/// One line: `tracing_subscriber` writes an event whole.
struct Line<W> {
    scrubber: Scrubber,
    out: W,
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
    use control_plane_api::secret::Secret;
    use filters::redaction::Credential;
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
        let writer = Scrubbed { scrubber, out: move || out.clone() };
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

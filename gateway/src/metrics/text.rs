//! The two formats a scrape may have: `OpenMetrics` text 1.0, and for who asks for that alone the text format 0.0.4, which
//! knows neither units nor exemplars nor an end.

use http::{HeaderMap, header::ACCEPT};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` text 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Text,
}

impl Format {
    /// What a request with `headers` gets: `OpenMetrics`, unless it names plain text and not `OpenMetrics`.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let accepts = |media: &str| {
            let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
            values.any(|value| value.split(',').any(|one| one.trim_start().starts_with(media)))
        };
        if accepts("text/plain") && !accepts("application/openmetrics-text") { Self::Text } else { Self::OpenMetrics }
    }

    /// The content type.
    #[must_use]
    pub fn media(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// `OpenMetrics` `text` in the older format: there counters are described by the name with `_total`.
pub(super) fn classic(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut classic = String::with_capacity(text.len());
    let mut counter = "";
    for (place, line) in lines.iter().enumerate() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), help) => {
                let kind = lines.get(place + 1).and_then(|next| next.strip_prefix("# TYPE ")?.strip_prefix(name));
                counter = if kind == Some(" counter") { "_total" } else { "" };
                classic.push_str(&format!("# HELP {name}{counter} {}", help.unwrap_or_default()));
            }
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                classic.push_str(&format!("# TYPE {name}{counter} {kind}"));
            }
            (Some("#"), ..) => continue,
            _ => classic.push_str(line.split_once(" # {").map_or(line, |(sample, _)| sample)),
        }
        classic.push('\n');
    }
    classic
}

//! One hop that answered, and how long it took each time.

use control_plane_api::{
    access::Role,
    oauth::OauthMode,
    server::{ServerSpec, Transport},
};
use serde::{Serialize, Serializer};
use std::time::Duration;
use url::Url;

/// How long the answers took.
#[derive(Debug, Clone, Default)]
pub(super) struct Timing(Vec<Duration>);

impl Timing {
    pub(super) fn add(&mut self, took: Duration) {
        self.0.push(took);
        self.0.sort();
    }

    fn min(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    fn max(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }
}

impl Serialize for Timing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let of = serde_json::json!({
            "asked": self.0.len(), "min_ms": ms(self.min()), "median_ms": ms(self.median()), "max_ms": ms(self.max()),
        });
        of.serialize(serializer)
    }
}

/// See the module.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Hop {
    /// Which hop.
    pub(super) name: String,
    pub(super) state: &'static str,
    /// Where it is: a URL, or a program.
    pub(super) reached: String,
    /// Whether the way there is encrypted; absent where nothing leaves the machine by a network at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<bool>,
    pub(super) latency: Timing,
    /// The revision of MCP that both sides speak, or the era of a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protocol: Option<String>,
    /// How many tools it offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<usize>,
    /// Who one is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<String>,
    /// The roles one has there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<Role>,
}

impl Hop {
    pub(super) fn new(name: impl Into<String>, url: &Url, timing: Timing) -> Self {
        Self::at(name, (url.to_string(), Some(url.scheme() == "https")), timing)
    }

    pub(super) fn at(name: impl Into<String>, (reached, tls): (String, Option<bool>), latency: Timing) -> Self {
        Self {
            name: name.into(),
            state: "ok",
            reached,
            tls,
            latency,
            protocol: None,
            tools: None,
            identity: None,
            roles: Vec::new(),
        }
    }

    pub(super) fn cells(&self, wide: bool) -> Vec<String> {
        let tls = match self.tls {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        let usual = [
            self.name.clone(),
            self.state.to_owned(),
            shown(self.latency.min()),
            shown(self.latency.median()),
            self.protocol.clone().unwrap_or_else(|| "-".to_owned()),
            self.tools.map_or_else(|| "-".to_owned(), |tools| tools.to_string()),
            tls.to_owned(),
            self.identity.clone().unwrap_or_default(),
        ];
        let more = || [self.latency.0.len().to_string(), shown(self.latency.max()), self.reached.clone()];
        usual.into_iter().chain(wide.then(more).into_iter().flatten()).collect()
    }
}

fn shown(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.1}ms") } else { format!("{ms:.0}ms") }
}

/// Where a server is, and whether the way there is encrypted; a child process is not reached by a network.
pub(super) fn reached(transport: &Transport) -> (String, Option<bool>) {
    match transport {
        Transport::Stdio { command, .. } => (command.clone(), None),
        Transport::Http { url, .. } => (url.clone(), Some(url.starts_with("https:"))),
    }
}

/// As whom the gateway is known to a server: by which secret, or by whose consent.
pub(super) fn credential(spec: &ServerSpec) -> Option<String> {
    match &spec.oauth {
        Some(oauth) if oauth.mode == OauthMode::PerUser => Some("each-user".to_owned()),
        Some(_) => Some("connection".to_owned()),
        None => spec.secrets().next().map(|secret| format!("secret/{secret}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let mut timing = Timing::default();
        for ms in [30, 1, 2, 500, 3] {
            timing.add(Duration::from_millis(ms));
        }
        let shown = serde_json::to_value(&timing).unwrap();
        assert_eq!(shown, serde_json::json!({"asked": 5, "min_ms": 1.0, "median_ms": 3.0, "max_ms": 500.0}));
        assert_eq!((super::shown(timing.min()), super::shown(timing.max())), ("1.0ms".to_owned(), "500ms".to_owned()));
    }
}

//! The keys of the configuration, in one table: what each takes, where it may come from, what it means.
//!
//! It knows no files and no values.

use crate::{failure::Failure, output::age, suggest};
use control_plane_api::name::Name;
use url::{Host, Url};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `http` or `https` URL.
    Url,
    /// A name, as of a project or a context.
    Name,
    /// A path.
    File,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `30`, `30s`, `5m`.
    Duration,
    /// `true` or `false`.
    Switch,
    /// A small number, at most this.
    Count(u32),
    /// A command line, or `off`.
    Program,
}

/// What the file of a project, which may be a stranger's, is allowed to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InProject {
    /// Nothing: the key decides where a token goes, who is trusted, or what is run.
    Never,
    /// Anything the key takes.
    Anything,
    /// Only this.
    Only(&'static str),
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// As it is written in files.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is where nothing says so.
    pub default: Option<&'static str>,
    /// The variable of the environment.
    pub variable: &'static str,
    /// The option on the command line.
    pub flag: Option<&'static str>,
    /// Whether the file of a project may set it.
    pub in_project: InProject,
    /// One line for people.
    pub help: &'static str,
}

/// Every key, in the order in which they are shown.
pub(crate) static KEYS: [Key; 11] = [
    Key {
        name: "server",
        kind: Kind::Url,
        default: None,
        variable: "MCPCTL_SERVER",
        flag: Some("--server"),
        in_project: InProject::Never,
        help: "URL of the control plane; unset: what `daemon start` or `login` recorded, else http://127.0.0.1:3000",
    },
    Key {
        name: "context",
        kind: Kind::Name,
        default: None,
        variable: "MCPCTL_CONTEXT",
        flag: Some("--context"),
        in_project: InProject::Never,
        help: "the context in use: a server and its CA under one name",
    },
    Key {
        name: "ca",
        kind: Kind::File,
        default: None,
        variable: "MCPCTL_CA",
        flag: None,
        in_project: InProject::Never,
        help: "PEM file of certificates to trust for the control plane, besides the system's",
    },
    Key {
        name: "format",
        kind: Kind::Word(&["table", "wide", "json", "jsonl", "csv", "yaml", "name"]),
        default: Some("table"),
        variable: "MCPCTL_FORMAT",
        flag: Some("--format"),
        in_project: InProject::Anything,
        help: "how results are printed",
    },
    Key {
        name: "color",
        kind: Kind::Word(&["auto", "always", "never"]),
        default: Some("auto"),
        variable: "MCPCTL_COLOR",
        flag: Some("--color"),
        in_project: InProject::Anything,
        help: "when to use colours",
    },
    Key {
        name: "timeout",
        kind: Kind::Duration,
        default: Some("30s"),
        variable: "MCPCTL_TIMEOUT",
        flag: Some("--timeout"),
        in_project: InProject::Never,
        help: "time for all requests of a command; for each one where a command waits or follows",
    },
    Key {
        name: "retries",
        kind: Kind::Count(10),
        default: Some("2"),
        variable: "MCPCTL_RETRIES",
        flag: Some("--retries"),
        in_project: InProject::Never,
        help: "how often a request that may be repeated is, when the connection fails",
    },
    Key {
        name: "project",
        kind: Kind::Name,
        default: None,
        variable: "MCPCTL_PROJECT",
        flag: None,
        in_project: InProject::Anything,
        help: "the project of commands that take one and were given none",
    },
    Key {
        name: "pager",
        kind: Kind::Program,
        default: None,
        variable: "MCPCTL_PAGER",
        flag: Some("--no-pager"),
        in_project: InProject::Only("off"),
        help: "program that shows tables longer than the screen, or `off`; unset: $PAGER, else `less`",
    },
    Key {
        name: "update-check",
        kind: Kind::Switch,
        default: Some("false"),
        variable: "MCPCTL_UPDATE_CHECK",
        flag: None,
        in_project: InProject::Never,
        help: "whether to say once a day that there is a newer version",
    },
    Key {
        name: "update-url",
        kind: Kind::Url,
        default: None,
        variable: "MCPCTL_UPDATE_URL",
        flag: None,
        in_project: InProject::Never,
        help: "where the newest version is published: JSON of npm, of GitHub releases, or {\"version\": …}",
    },
];

/// Words in a name that stand for what never belongs into a file of settings.
const SECRET_WORDS: [&str; 6] = ["token", "password", "passwd", "secret", "credential", "api-key"];

/// The key called `name`.
pub(crate) fn find(name: &str) -> Result<&'static Key, Failure> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Ok(key);
    }
    let lower = name.to_ascii_lowercase().replace('_', "-");
    if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
        return Err(Failure::usage(format!("`{name}` is no setting: secrets are never kept in a configuration file"))
            .hint(
                "keep mcpctl's own token with `mcpctl credentials set`, those of servers with `mcpctl secrets set`",
            ));
    }
    let failure = Failure::usage(format!("there is no setting `{name}`"));
    Err(match suggest::closest(&lower, KEYS.iter().map(|key| key.name)) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None => failure.hint("`mcpctl config view` shows those there are"),
    })
}

impl Key {
    /// `text` as the key takes it, in the form it is kept in.
    pub(crate) fn check(&self, text: &str) -> Result<String, Failure> {
        let text = text.trim();
        match self.kind {
            Kind::Url => server_url(text).map(|url| url.to_string()),
            Kind::Name => {
                text.parse::<Name>().map(|name| name.to_string()).map_err(|error| self.wrong(text, &error.to_string()))
            }
            Kind::File if text.is_empty() => Err(self.wrong(text, "it takes a path")),
            Kind::Program if text.is_empty() => Err(self.wrong(text, "it takes a command line, or `off`")),
            Kind::File | Kind::Program => Ok(text.to_owned()),
            Kind::Word(words) if words.contains(&text) => Ok(text.to_owned()),
            Kind::Word(words) => {
                let failure = self.wrong(text, &format!("it takes {}", words.join(", ")));
                Err(match suggest::closest(text, words.iter().copied()) {
                    Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
                    None => failure,
                })
            }
            Kind::Duration => age::parse_timeout(text).map(|_| text.to_owned()),
            Kind::Switch => match text {
                "true" | "false" => Ok(text.to_owned()),
                _ => Err(self.wrong(text, "it takes true or false")),
            },
            Kind::Count(most) => match text.parse::<u32>() {
                Ok(count) if count <= most => Ok(count.to_string()),
                _ => Err(self.wrong(text, &format!("it takes a number from 0 to {most}"))),
            },
        }
    }

    fn wrong(&self, text: &str, why: &str) -> Failure {
        Failure::usage(format!("`{}` cannot be `{text}`: {why}", self.name))
    }
}

/// A URL of a control plane or of a manifest: `http` or `https`, with a host, and without a user or password in it.
pub(crate) fn server_url(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("`{text}` is no URL of a server: {why}")).hint("write it like https://mcpd.example.com")
    };
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it begins neither with http nor with https"));
    }
    if !matches!(url.host(), Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_))) {
        return Err(wrong("it has no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not repeated: it holds what should be nowhere.
        return Err(Failure::usage("the URL holds a user or a password")
            .hint("leave them out; log in with `mcpctl login`, or keep a token with `mcpctl credentials set`"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> &'static Key {
        find(name).unwrap()
    }

    #[test]
    fn every_default_is_a_value_the_key_takes_and_every_name_is_there_once() {
        for key in &KEYS {
            if let Some(default) = key.default {
                assert_eq!(key.check(default).unwrap(), default, "{}", key.name);
            }
            assert_eq!(KEYS.iter().filter(|other| other.name == key.name || other.variable == key.variable).count(), 1);
            if let InProject::Only(value) = key.in_project {
                key.check(value).unwrap();
            }
        }
    }

    #[test]
    fn what_decides_where_a_token_goes_or_what_runs_is_not_a_projects_to_say() {
        for name in ["server", "context", "ca", "update-url", "update-check"] {
            assert_eq!(key(name).in_project, InProject::Never, "{name}");
        }
        assert_eq!(key("pager").in_project, InProject::Only("off"));
    }

    #[test]
    fn a_secret_is_no_setting_and_a_slip_is_recognised() {
        for name in ["token", "MCPCTL_TOKEN", "slack_token", "password"] {
            assert!(find(name).unwrap_err().hint.unwrap().contains("mcpctl credentials set"), "{name}");
        }
        assert_eq!(find("serer").unwrap_err().hint.as_deref(), Some("did you mean `server`?"));
    }

    #[test]
    fn values_are_checked_before_they_are_kept() {
        assert_eq!(key("server").check("https://mcpd.example").unwrap(), "https://mcpd.example/");
        for bad in ["mcpd.example", "ftp://mcpd.example", "file:///etc/passwd", "https://ann:pw@mcpd.example"] {
            let failure = key("server").check(bad).unwrap_err();
            assert!(!failure.message.contains("pw@"), "{failure}");
        }
        assert_eq!(key("format").check("jsn").unwrap_err().hint.as_deref(), Some("did you mean `json`?"));
        for (name, bad) in
            [("timeout", "soon"), ("timeout", "0s"), ("retries", "99"), ("update-check", "yes"), ("project", "A b")]
        {
            assert!(key(name).check(bad).is_err(), "{name} {bad}");
        }
    }
}

//! The shape of a definition: the `server.json` of the MCP registry (schema 2025-12-11) as far as it is used.
//!
//! What a registry says besides is left alone. It knows neither what our additions mean nor how values are obtained.

use super::extension::Extension;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One server, of the catalogue or of a registry.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Definition {
    /// What registries call it, such as `io.github.github/github-mcp-server`.
    pub name: String,
    /// What it is called in prose.
    #[serde(default)]
    pub title: Option<String>,
    /// One line for people.
    pub description: String,
    /// Its own version.
    #[serde(default)]
    pub version: Option<String>,
    /// Where it is documented.
    #[serde(default)]
    pub website_url: Option<String>,
    /// How it can be run.
    #[serde(default)]
    pub packages: Vec<Package>,
    /// Where it is run by somebody else.
    #[serde(default)]
    pub remotes: Vec<Remote>,
    /// What others add; ours is one of them.
    #[serde(rename = "_meta", default)]
    pub meta: Meta,
}

/// Additions to `server.json`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Meta {
    /// Ours; only the catalogue has them.
    #[serde(rename = "io.mcpctl/catalogue", default)]
    pub catalogue: Option<Extension>,
}

/// A way to run a server.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Package {
    /// Where packages of this kind come from.
    pub registry_type: String,
    /// Another place than the usual one.
    #[serde(default)]
    pub registry_base_url: Option<String>,
    /// What it is called there.
    pub identifier: String,
    /// Which version of it.
    #[serde(default)]
    pub version: Option<String>,
    /// What starts it.
    #[serde(default)]
    pub runtime_hint: Option<String>,
    /// How it is spoken to.
    pub transport: PackageTransport,
    /// Arguments of what starts it.
    #[serde(default)]
    pub runtime_arguments: Vec<Parameter>,
    /// Its own arguments.
    #[serde(default)]
    pub package_arguments: Vec<Parameter>,
    /// Its environment.
    #[serde(default)]
    pub environment_variables: Vec<Parameter>,
}

/// How a package is spoken to.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PackageTransport {
    /// `stdio`, `streamable-http` or `sse`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A place at which a server is run by somebody else.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Remote {
    /// `streamable-http` or `sse`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its URL, in which `{name}` stands for a variable.
    pub url: String,
    /// Headers of every request.
    #[serde(default)]
    pub headers: Vec<Parameter>,
    /// What stands in the URL.
    #[serde(default)]
    pub variables: BTreeMap<String, Parameter>,
}

/// A value that is fixed, or that somebody has to give: an argument, an environment variable, a header, or a piece of one
/// of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Parameter {
    /// Of arguments: `named` or `positional`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The flag, variable or header.
    pub name: Option<String>,
    /// What a positional argument is called in talking about it.
    pub value_hint: Option<String>,
    /// Whether an argument may be given several times.
    pub is_repeated: bool,
    /// What it is, for people.
    pub description: String,
    /// Whether the server is of no use without it.
    pub is_required: bool,
    /// Whether it must not be seen.
    pub is_secret: bool,
    /// What form it has.
    pub format: Format,
    /// Its value when none is given.
    pub default: Option<String>,
    /// What one looks like.
    pub placeholder: Option<String>,
    /// The only values it may have; none: any.
    pub choices: Vec<String>,
    /// Its value, in which `{name}` stands for a variable; nobody is asked for it.
    pub value: Option<String>,
    /// What stands in the value.
    pub variables: BTreeMap<String, Parameter>,
}

/// What form a value has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Any text.
    #[default]
    String,
    /// Digits.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A file or folder of this machine.
    Filepath,
}

impl Format {
    /// What is wrong with `value`, if anything is.
    pub(crate) fn refuses(self, value: &str) -> Option<&'static str> {
        match self {
            Self::Number if value.parse::<f64>().is_err() => Some("is not a number"),
            Self::Boolean if !matches!(value, "true" | "false") => Some("is neither `true` nor `false`"),
            Self::Filepath if !value.starts_with('/') => Some("is not an absolute path"),
            _ => None,
        }
    }
}

impl Definition {
    /// What it is called in prose.
    pub(crate) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// What people type: its id in the catalogue, else what its name ends in.
    pub(crate) fn id(&self) -> &str {
        match &self.meta.catalogue {
            Some(extension) => &extension.id,
            None => self.name.rsplit('/').next().unwrap_or(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_form_it_is_meant_to_have() {
        let check = |format: Format, good: &str, bad: &str| {
            assert_eq!(format.refuses(good), None);
            assert!(format.refuses(bad).is_some(), "{bad}");
        };
        check(Format::Number, "7", "seven");
        check(Format::Boolean, "true", "yes");
        check(Format::Filepath, "/srv", "srv");
        assert_eq!(Format::String.refuses(""), None);
    }

    #[test]
    fn what_a_registry_adds_is_left_alone() {
        let text = r#"{"name": "io.example/wiki", "description": "d", "icons": [], "_meta": {"x": 1},
            "packages": [{"registryType": "npm", "identifier": "w", "transport": {"type": "stdio"}, "new": true}]}"#;
        let read: Definition = serde_json::from_str(text).unwrap();
        assert_eq!((read.id(), read.title(), read.packages.len()), ("wiki", "io.example/wiki", 1));
    }
}

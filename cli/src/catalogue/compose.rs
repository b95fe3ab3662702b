//! Out of answers and templates: environment variables, headers, arguments, a URL.

use super::definition::{Format, Parameter, Remote};
use crate::failure::Failure;
use control_plane_api::secret::Secret;
use std::collections::BTreeMap;

/// What a server is given, by the names of its inputs.
#[derive(Default)]
pub(crate) struct Answers {
    /// The values. Also one that is no secret may be one by mistake.
    pub values: BTreeMap<String, Secret>,
    /// The variables they belong into, where not into those of their own names.
    pub keys: BTreeMap<String, String>,
}

/// One environment variable or header.
#[derive(Clone)]
pub(crate) struct Setting {
    /// The variable or header.
    pub key: String,
    /// Its value.
    pub value: Secret,
    /// Whether it goes into the secret store.
    pub secret: bool,
    /// What stands in front of a secret, such as `Bearer `.
    pub prefix: String,
}

impl Setting {
    /// One in the clear.
    pub(crate) fn plain(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: Secret::new(value.to_owned()), secret: false, prefix: String::new() }
    }
}

/// A template with its variables filled in.
struct Composed {
    value: Secret,
    secret: bool,
    prefix: String,
}

impl Answers {
    /// The settings that `parameters` come to. What was not given and has no value is left out.
    pub(crate) fn settings(&self, parameters: &[Parameter]) -> Result<Vec<Setting>, Failure> {
        let mut settings = Vec::new();
        for parameter in parameters {
            let Some(name) = &parameter.name else { continue };
            if let Some(Composed { value, secret, prefix }) = self.compose(parameter)? {
                let key = self.keys.get(name).filter(|_| parameter.value.is_none()).unwrap_or(name).clone();
                settings.push(Setting { key, value, secret, prefix });
            }
        }
        Ok(settings)
    }

    /// The words of a command line that `parameters` come to.
    pub(crate) fn arguments(&self, parameters: &[Parameter]) -> Result<Vec<String>, Failure> {
        let mut words = Vec::new();
        for parameter in parameters {
            let Some(Composed { value, secret, .. }) = self.compose(parameter)? else { continue };
            let label = parameter.label().unwrap_or_default();
            if secret {
                return Err(Failure::failed(format!("`{label}` is a secret, and arguments are seen by everybody"))
                    .hint("start it by a script that reads the secret from its environment: `--command`"));
            }
            let value = value.expose();
            let flag = parameter.name.iter().filter(|_| parameter.kind.as_deref() != Some("positional"));
            match (parameter.format, value) {
                (Format::Boolean, "false") => {}
                (Format::Boolean, "true") if parameter.name.is_some() => words.extend(flag.cloned()),
                _ if parameter.is_repeated => {
                    let flag: Vec<String> = flag.cloned().collect();
                    words.extend(value.lines().flat_map(|line| flag.iter().cloned().chain([line.to_owned()])));
                }
                _ => words.extend(flag.cloned().chain([value.to_owned()])),
            }
        }
        Ok(words)
    }

    /// The URL of `remote`. A value may not lead to another place of it.
    pub(crate) fn url(&self, remote: &Remote) -> Result<String, Failure> {
        let mut url = remote.url.clone();
        for (name, variable) in &remote.variables {
            let place = format!("{{{name}}}");
            if !url.contains(&place) {
                continue;
            }
            let value = self.values.get(name).map(Secret::expose).or(variable.value.as_deref());
            let value = value.ok_or_else(|| Failure::usage(format!("the URL needs `{name}`")))?;
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if variable.is_secret || value.is_empty() || !value.chars().all(plain) {
                return Err(Failure::usage(format!(
                    "`{name}` stands in the URL: letters, digits, `-`, `_` and `.` only"
                )));
            }
            url = url.replace(&place, value);
        }
        Ok(url)
    }

    fn compose(&self, parameter: &Parameter) -> Result<Option<Composed>, Failure> {
        let Some(template) = &parameter.value else {
            let value = parameter.label().and_then(|label| self.values.get(label));
            let composed =
                |value: &Secret| Composed { value: value.clone(), secret: parameter.is_secret, prefix: String::new() };
            return Ok(value.map(composed));
        };
        let (mut text, mut secret) = (template.clone(), None);
        for (name, variable) in &parameter.variables {
            let place = format!("{{{name}}}");
            if !text.contains(&place) {
                continue;
            }
            let given = self.values.get(name).cloned();
            let value = given.or_else(|| variable.value.clone().map(Secret::new));
            match value {
                None => return Ok(None),
                Some(value) if variable.is_secret => secret = Some((place, value)),
                Some(value) => text = text.replace(&place, value.expose()),
            }
        }
        match secret {
            None => Ok(Some(Composed { value: Secret::new(text), secret: parameter.is_secret, prefix: String::new() })),
            Some((place, value)) => match text.strip_suffix(&place).filter(|prefix| !prefix.contains(&place)) {
                Some(prefix) => Ok(Some(Composed { value, secret: true, prefix: prefix.to_owned() })),
                None => {
                    Err(Failure::failed(format!("`{template}` has something behind its secret: that cannot be stored")))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(values: &[(&str, &str)]) -> Answers {
        let values = values.iter().map(|(k, v)| ((*k).to_owned(), Secret::new((*v).to_owned()))).collect();
        Answers { values, keys: BTreeMap::new() }
    }

    fn words(values: &[(&str, &str)], parameters: &str) -> Vec<String> {
        answers(values).arguments(&serde_json::from_str::<Vec<Parameter>>(parameters).unwrap()).unwrap()
    }

    #[test]
    fn arguments_come_in_the_order_of_the_definition_and_without_a_shell() {
        let parameters = r#"[{"type": "named", "name": "--transport", "value": "stdio"},
            {"type": "named", "name": "--quiet", "format": "boolean"}, {"type": "named", "name": "--level"},
            {"type": "positional", "valueHint": "directory", "isRepeated": true}]"#;
        assert_eq!(words(&[], parameters), ["--transport", "stdio"]);
        let given = [("quiet", "true"), ("directory", "/a b\n/c;d"), ("level", "7")];
        assert_eq!(words(&given, parameters), ["--transport", "stdio", "--quiet", "--level", "7", "/a b", "/c;d"]);
    }

    #[test]
    fn a_secret_is_never_an_argument_and_stands_at_the_end_of_a_header() {
        let secret = r#"[{"type": "named", "name": "--token", "isSecret": true}]"#;
        let refused = answers(&[("token", "t0p")]).arguments(&serde_json::from_str::<Vec<Parameter>>(secret).unwrap());
        assert!(!refused.unwrap_err().message.contains("t0p"));
        let headers =
            r#"[{"name": "Authorization", "value": "Bearer {token}", "variables": {"token": {"isSecret": true}}}]"#;
        let headers: Vec<Parameter> = serde_json::from_str(headers).unwrap();
        let found = answers(&[("token", "t0p")]).settings(&headers).unwrap();
        assert_eq!((found[0].prefix.as_str(), found[0].value.expose(), found[0].secret), ("Bearer ", "t0p", true));
        assert!(answers(&[]).settings(&headers).unwrap().is_empty(), "what was not given is left out");
        let behind = r#"[{"name": "X", "value": "a{t}b", "variables": {"t": {"isSecret": true}}}]"#;
        assert!(answers(&[("t", "x")]).settings(&serde_json::from_str::<Vec<Parameter>>(behind).unwrap()).is_err());
    }

    #[test]
    fn a_value_in_a_url_leads_nowhere_else() {
        let remote = r#"{"type": "sse", "url": "https://{site}.example/mcp", "variables": {"site": {}}}"#;
        let remote: Remote = serde_json::from_str(remote).unwrap();
        assert_eq!(answers(&[("site", "acme")]).url(&remote).unwrap(), "https://acme.example/mcp");
        for bad in ["evil.test/", "a@b", "", "x?y", "a%2fb"] {
            assert!(answers(&[("site", bad)]).url(&remote).is_err(), "{bad}");
        }
    }
}

//! What a server must or may be given, out of every place in which `server.json` asks for something.

use super::{
    definition::{Format, Parameter},
    extension::{InputExtension, Route},
};

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into the environment of the program.
    Environment,
    /// Among its arguments.
    Argument,
    /// Into a header of every request.
    Header,
    /// Into the URL.
    Url,
}

/// Something a server must or may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// What it is called: of an environment variable its name, unless a route says otherwise.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Whether the server is of no use without it.
    pub required: bool,
    /// Whether it must not be seen.
    pub secret: bool,
    /// Whether it may be given several times.
    pub repeated: bool,
    /// What form it has.
    pub format: Format,
    /// The only values it may have; none: any.
    pub choices: Vec<String>,
    /// Its value when none is given.
    pub default: Option<String>,
    /// What one looks like.
    pub placeholder: Option<String>,
    /// Other names under which it may be given.
    pub aliases: Vec<String>,
    /// Where else it may belong.
    pub routes: Vec<Route>,
    /// Where its value goes.
    pub place: Place,
}

impl Input {
    /// A secret named on the command line.
    pub(crate) fn secret(name: &str) -> Self {
        let description = format!("the value of {name}");
        let parameter = Parameter { description, is_required: true, is_secret: true, ..Parameter::default() };
        Self::new(name, &parameter, Place::Environment)
    }

    /// What `parameter` asks for, called `name`.
    fn new(name: &str, parameter: &Parameter, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            description: parameter.description.clone(),
            required: parameter.is_required,
            secret: parameter.is_secret,
            repeated: parameter.is_repeated,
            format: parameter.format,
            choices: parameter.choices.clone(),
            default: parameter.default.clone(),
            placeholder: parameter.placeholder.clone(),
            aliases: Vec::new(),
            routes: Vec::new(),
            place,
        }
    }

    /// Everything `parameter` asks for: itself, or what stands in its value.
    pub(crate) fn all_of(parameter: &Parameter, place: Place) -> Vec<Self> {
        let Some(template) = &parameter.value else {
            return parameter.label().map(|label| Self::new(label, parameter, place)).into_iter().collect();
        };
        let asked = parameter
            .variables
            .iter()
            .filter(|(name, variable)| variable.value.is_none() && template.contains(&format!("{{{name}}}")));
        asked.map(|(name, variable)| Self::new(name, variable, place)).collect()
    }

    /// The same with what we say besides.
    pub(crate) fn with(mut self, extension: Option<&InputExtension>) -> Self {
        if let Some(extension) = extension {
            self.aliases.clone_from(&extension.aliases);
            self.routes.clone_from(&extension.routes);
        }
        self
    }

    /// Every name under which it may be given, its own first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let routes = self.routes.iter().map(|route| route.name.as_str());
        std::iter::once(self.name.as_str()).chain(routes).chain(self.aliases.iter().map(String::as_str))
    }

    /// What is wrong with `value`, if anything is; never the value itself, which may be a secret.
    pub(crate) fn refuses(&self, value: &str) -> Option<String> {
        if !self.choices.is_empty() && !self.choices.iter().any(|choice| choice == value) {
            return Some(format!("is none of {}", self.choices.join(", ")));
        }
        let mut lines = value.lines().filter(|_| self.repeated).chain((!self.repeated).then_some(value));
        lines.find_map(|line| self.format.refuses(line)).map(str::to_owned)
    }
}

impl Parameter {
    /// What it is called in talking about it.
    pub(crate) fn label(&self) -> Option<&str> {
        let named = self.name.as_deref().map(|name| name.trim_start_matches('-'));
        self.value_hint.as_deref().or(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(text: &str) -> Vec<Input> {
        Input::all_of(&serde_json::from_str(text).unwrap(), Place::Argument)
    }

    #[test]
    fn what_has_a_value_is_not_asked_for_but_what_stands_in_it_is() {
        assert_eq!(inputs(r#"{"name": "--folder"}"#)[0].name, "folder");
        assert_eq!(inputs(r#"{"type": "positional", "valueHint": "directory"}"#)[0].name, "directory");
        assert!(inputs(r#"{"name": "--mode", "value": "stdio"}"#).is_empty());
        let text = r#"{"name": "Authorization", "value": "Bearer {token}", "variables": {"token": {"isSecret": true}, "x": {}}}"#;
        let found = inputs(text);
        assert_eq!((found.len(), found[0].name.as_str(), found[0].secret), (1, "token", true));
    }

    #[test]
    fn a_value_is_looked_at_before_it_is_used() {
        let input = |text: &str| inputs(text).remove(0);
        assert!(input(r#"{"name": "m", "choices": ["a", "b"]}"#).refuses("c").unwrap().contains("none of a, b"));
        let folders = input(r#"{"valueHint": "d", "format": "filepath", "isRepeated": true}"#);
        assert_eq!(folders.refuses("/a\n/b"), None);
        assert!(folders.refuses("/a\nb").unwrap().contains("absolute"));
    }
}

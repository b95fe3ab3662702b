//! The shape of a definition: `server.json` as far as it is used, and our additions under `_meta`.

use super::Program;
use control_plane_api::{flow::Flow, pattern::Pattern};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One server of the catalogue.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Definition {
    /// What it is called in prose.
    pub title: String,
    /// One line for people.
    pub description: String,
    /// How it can be run.
    pub packages: Vec<Package>,
    #[serde(rename = "_meta")]
    meta: Meta,
}

#[derive(Debug, Clone, Deserialize)]
struct Meta {
    #[serde(rename = "io.mcpctl/catalogue")]
    catalogue: Extension,
}

/// What `server.json` has no words for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    id: String,
    /// A program of its own, used where it is installed.
    #[serde(default)]
    pub binary: Option<Binary>,
    #[serde(default)]
    inputs: BTreeMap<String, InputExtension>,
    /// What commonly goes wrong.
    pub hint: String,
    /// What its tools do, also those of other variants of the server.
    pub tools: Tools,
    /// What calls can be limited to, by the words people use: a channel, a project.
    #[serde(default)]
    pub subjects: BTreeMap<String, Vec<Subject>>,
}

/// The tools that name a subject, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    /// The argument that names it.
    pub argument: String,
    /// A regular expression for the argument, in which `{}` stands for the subject; absent: the argument is the subject.
    #[serde(default)]
    pub matches: Option<String>,
    /// The tools.
    pub tools: Vec<String>,
}

/// An installed program.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Binary {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
}

/// Tool names by class; `*` stands for any run of characters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tools {
    /// Reads only.
    pub read: Vec<String>,
    /// Changes what can be changed back.
    pub write: Vec<String>,
    /// Deletes, overwrites, or sets off what cannot be called back.
    pub destructive: Vec<String>,
    /// What they mean for the flow of information.
    #[serde(default)]
    pub flow: Flows,
}

/// Tool names, as they stand in the classes, by what calling them means for the flow of information.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Flows {
    untrusted: Vec<String>,
    private: Vec<String>,
    public: Vec<String>,
}

impl Flows {
    /// What calling the tools named `name` means.
    pub(crate) fn of(&self, name: &str) -> Vec<Flow> {
        let marks = [(&self.untrusted, Flow::Untrusted), (&self.private, Flow::Private), (&self.public, Flow::Public)];
        let covers = |pattern: &String| Pattern::from(pattern.as_str()).matches(name);
        marks.into_iter().filter(|(names, _)| names.iter().any(covers)).map(|(_, flow)| flow).collect()
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputExtension {
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    routes: Vec<Route>,
}

/// When a value belongs into another variable than the input's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Route {
    /// If the value begins like this.
    #[serde(default)]
    pub begins_with: Option<String>,
    /// If that other input is not given.
    #[serde(default)]
    pub unless: Option<String>,
    /// The variable it then belongs into.
    pub name: String,
}

/// A way to run a server (`server.json` Package).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Package {
    registry_type: String,
    identifier: String,
    #[serde(default)]
    version: Option<String>,
    runtime_hint: String,
    #[serde(default)]
    package_arguments: Vec<Argument>,
    #[serde(default)]
    environment_variables: Vec<Variable>,
}

#[derive(Debug, Clone, Deserialize)]
struct Argument {
    #[serde(default)]
    name: Option<String>,
    value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    name: String,
    description: String,
    #[serde(default)]
    is_required: bool,
    #[serde(default)]
    is_secret: bool,
    #[serde(default)]
    default: Option<String>,
}

/// Something a server must or may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The environment variable it becomes, unless a route says otherwise.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Whether the server is of no use without it.
    pub required: bool,
    /// Whether it must not be seen.
    pub secret: bool,
    /// Its value when none is given.
    pub default: Option<String>,
    /// Other names under which it may be given.
    pub aliases: Vec<String>,
    /// Where else it may belong.
    pub routes: Vec<Route>,
}

impl Input {
    /// A secret named on the command line.
    pub(crate) fn secret(name: &str) -> Self {
        let description = format!("the value of {name}");
        let name = name.to_owned();
        Self { name, description, required: true, secret: true, default: None, aliases: Vec::new(), routes: Vec::new() }
    }

    /// Every name under which it may be given, its own first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let routes = self.routes.iter().map(|route| route.name.as_str());
        std::iter::once(self.name.as_str()).chain(routes).chain(self.aliases.iter().map(String::as_str))
    }
}

impl Definition {
    /// What people type.
    pub(crate) fn id(&self) -> &str {
        &self.extension().id
    }

    /// Our additions.
    pub(crate) fn extension(&self) -> &Extension {
        &self.meta.catalogue
    }

    /// What the server must or may be given: what any of its packages asks for, once.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let mut inputs: Vec<Input> = Vec::new();
        for variable in self.packages.iter().flat_map(|package| &package.environment_variables) {
            if inputs.iter().any(|input| input.name == variable.name) {
                continue;
            }
            let extension = self.extension().inputs.get(&variable.name).cloned().unwrap_or_default();
            inputs.push(Input {
                name: variable.name.clone(),
                description: variable.description.clone(),
                required: variable.is_required,
                secret: variable.is_secret,
                default: variable.default.clone(),
                aliases: extension.aliases,
                routes: extension.routes,
            });
        }
        inputs
    }
}

impl Package {
    /// The command that runs it; none for a kind of package this program cannot run. A container is passed `variables`.
    pub(crate) fn program(&self, variables: &[String]) -> Option<Program> {
        let versioned = match &self.version {
            Some(version) => format!("{}@{version}", self.identifier),
            None => self.identifier.clone(),
        };
        let mut args = match self.registry_type.as_str() {
            "npm" => vec!["-y".to_owned(), versioned],
            "pypi" => vec![versioned],
            "oci" => {
                let run = ["run", "-i", "--rm"].map(str::to_owned).into_iter();
                let passed = variables.iter().flat_map(|name| ["-e".to_owned(), name.clone()]);
                run.chain(passed).chain([self.identifier.clone()]).collect()
            }
            _ => return None,
        };
        for argument in &self.package_arguments {
            args.extend(argument.name.clone());
            args.push(argument.value.clone());
        }
        Some(Program { command: self.runtime_hint.clone(), args })
    }
}

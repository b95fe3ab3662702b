//! One variant of a definition: what it asks for, what starts it, where it is.

use super::{
    Program,
    compose::{Answers, Setting},
    definition::{Definition, Package, Parameter, Remote},
    extension::{Extension, Multiplexed, Switches, Variant},
    input::{Input, Place},
};
use crate::{failure::Failure, processes::in_path, suggest};

/// A definition and the variant of it that was chosen.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// The definition.
    pub definition: Definition,
    /// The variant.
    pub variant: Variant,
}

impl Definition {
    /// The ways it is offered: as we say, else one for every package that can be run here and one for every remote.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        if let Some(extension) = &self.meta.catalogue {
            return extension.variants.clone();
        }
        let hint = self.website_url.as_ref().map_or_else(
            || "its registry says nothing about where it is documented".to_owned(),
            |url| format!("see {url}"),
        );
        let variant = |id: &str, description: String| Variant {
            id: id.to_owned(),
            description,
            hint: hint.clone(),
            ..Variant::default()
        };
        let runnable = self.packages.iter().enumerate().filter(|(_, package)| package.launcher().is_some());
        let packages = runnable.map(|(at, package)| {
            let kind = package.registry_type.as_str();
            Variant { packages: vec![at], ..variant(kind, format!("{kind} package {}", package.identifier)) }
        });
        let remotes = self.remotes.iter().enumerate().map(|(at, remote)| Variant {
            remote: Some(at),
            ..variant("remote", format!("run by somebody else at {}", remote.url))
        });
        let mut variants: Vec<Variant> = Vec::new();
        for mut variant in packages.chain(remotes) {
            let same = variants.iter().filter(|other| other.id.split('.').next() == Some(&variant.id)).count();
            if same > 0 {
                variant.id = format!("{}.{}", variant.id, same + 1);
            }
            variants.push(variant);
        }
        variants
    }

    /// Our additions; nothing for a definition of a registry.
    pub(crate) fn extension(&self) -> Extension {
        self.meta.catalogue.clone().unwrap_or_default()
    }
}

impl Choice {
    /// The variant of `definition` called `id`, else the first one.
    pub(crate) fn new(definition: Definition, id: Option<&str>) -> Result<Self, Failure> {
        let variants = definition.variants();
        let found = match id {
            Some(id) => variants.iter().find(|variant| variant.id == id),
            None => variants.first(),
        };
        match (found, id) {
            (Some(variant), _) => Ok(Self { variant: variant.clone(), definition }),
            (None, None) => Err(Failure::failed(format!("nothing says how `{}` can be run here", definition.id()))
                .hint("name its program with `--command`, or its endpoint with `--url`")),
            (None, Some(id)) => {
                let ids: Vec<&str> = variants.iter().map(|variant| variant.id.as_str()).collect();
                let failure = Failure::not_found(format!("`{}` has no variant `{id}`", definition.id()));
                Err(failure.hint(match suggest::closest(id, ids.iter().copied()) {
                    Some(closest) => format!("did you mean `{closest}`?"),
                    None => format!("its variants are {}", ids.join(", ")),
                }))
            }
        }
    }

    /// The packages of the variant.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.variant.packages.iter().filter_map(|at| self.definition.packages.get(*at))
    }

    /// Where it is run by somebody else.
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.variant.remote.and_then(|at| self.definition.remotes.get(at))
    }

    /// Everything it must or may be given, each once.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let mut all: Vec<Input> = Vec::new();
        let mut ask = |parameters: &[Parameter], place: Place| {
            all.extend(parameters.iter().flat_map(|parameter| Input::all_of(parameter, place)));
        };
        for package in self.packages() {
            ask(&package.package_arguments, Place::Argument);
            ask(&package.environment_variables, Place::Environment);
        }
        if let Some(remote) = self.remote() {
            ask(&remote.headers, Place::Header);
            let named =
                |(name, variable): (&String, &Parameter)| Parameter { name: Some(name.clone()), ..variable.clone() };
            ask(&remote.variables.iter().map(named).collect::<Vec<_>>(), Place::Url);
        }
        let extensions = self.definition.extension().inputs;
        let mut inputs: Vec<Input> = Vec::new();
        for input in all {
            if inputs.iter().all(|known| known.name != input.name) {
                let extension = extensions.get(&input.name);
                inputs.push(input.with(extension));
            }
        }
        inputs
    }

    /// The environment that the variant's packages are given.
    pub(crate) fn environment(&self, answers: &Answers) -> Result<Vec<Setting>, Failure> {
        let mut settings: Vec<Setting> = Vec::new();
        for package in self.packages() {
            for setting in answers.settings(&package.environment_variables)? {
                if settings.iter().all(|known| known.key != setting.key) {
                    settings.push(setting);
                }
            }
        }
        Ok(settings)
    }

    /// The program that starts it here: its own binary where that is installed, else the first package whose launcher is,
    /// else the first package. `variables` are the names a container must be passed.
    pub(crate) fn program(
        &self,
        answers: &Answers,
        variables: &[String],
        switches: &Switches,
    ) -> Result<Program, Failure> {
        if let Some(binary) = self.variant.binary.as_ref().filter(|binary| in_path(&binary.command).is_some()) {
            let mut args = binary.args.clone();
            args.extend(switches.arguments.iter().cloned());
            return Ok(Program { command: binary.command.clone(), args });
        }
        let installed = |package: &&Package| package.launcher().is_some_and(|program| in_path(program).is_some());
        let package = self
            .packages()
            .find(installed)
            .or_else(|| self.packages().next())
            .ok_or_else(|| Failure::failed(format!("nothing says how to start `{}`", self.definition.id())))?;
        let mut program = package.program(answers, variables)?;
        program.args.extend(switches.arguments.iter().cloned());
        Ok(program)
    }

    /// How tools are narrowed by their arguments.
    pub(crate) fn multiplexed(&self) -> Vec<Multiplexed> {
        self.definition.extension().multiplexed
    }
}

impl Package {
    /// The program that runs packages of its kind; none for a kind that cannot be run here.
    pub(crate) fn launcher(&self) -> Option<&str> {
        if self.transport.kind != "stdio" {
            return None;
        }
        match (self.registry_type.as_str(), self.runtime_hint.as_deref()) {
            ("npm", None | Some("npx")) => Some("npx"),
            ("pypi", None | Some("uvx")) => Some("uvx"),
            ("oci", None | Some("docker")) => Some("docker"),
            _ => None,
        }
    }

    /// The command that runs it. A container is passed `variables`.
    fn program(&self, answers: &Answers, variables: &[String]) -> Result<Program, Failure> {
        let launcher = self
            .launcher()
            .ok_or_else(|| Failure::failed(format!("packages of kind `{}` cannot be run here", self.registry_type)))?;
        let versioned = |between: &str| match &self.version {
            Some(version) => format!("{}{between}{version}", self.identifier),
            None => self.identifier.clone(),
        };
        let mut args = match launcher {
            "npx" => vec!["-y".to_owned(), versioned("@")],
            "uvx" => vec![versioned("@")],
            _ => {
                let run = ["run", "-i", "--rm"].map(str::to_owned).into_iter();
                let passed = variables.iter().flat_map(|name| ["-e".to_owned(), name.clone()]);
                let tagged = self.identifier.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
                let image = if tagged { self.identifier.clone() } else { versioned(":") };
                run.chain(passed).chain([image]).collect()
            }
        };
        args.extend(answers.arguments(&self.package_arguments)?);
        Ok(Program { command: launcher.to_owned(), args })
    }
}

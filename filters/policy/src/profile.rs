//! One profile, compiled.

use crate::{
    Age, Deed, Denial,
    arguments::Rules,
    names::{Classes, Names},
    stale::Staleness,
};
use control_plane_api::{
    limits::Limits,
    name::Name,
    profile::{AccessLevel, ProfileSpec},
    server::ToolClass,
};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: Name,
    pub(crate) server: Name,
    access: AccessLevel,
    classes: Arc<Classes>,
    allow: Names,
    deny: Names,
    prompts: Names,
    resources: Names,
    arguments: Rules,
    stale: Staleness,
}

impl Profile {
    pub(crate) fn compile((name, spec): (&Name, &ProfileSpec), classes: Arc<Classes>, limits: &Limits) -> Self {
        Self {
            name: name.clone(),
            server: spec.server.clone(),
            access: spec.access,
            classes,
            allow: Names::compile(&spec.allow),
            deny: Names::compile(&spec.deny),
            prompts: Names::compile(&spec.prompts),
            resources: Names::compile(&spec.resources),
            arguments: Rules::compile(&spec.arguments),
            stale: Staleness::compile(spec.stale, limits),
        }
    }

    /// Whether the profile denies it, for every profile of the project.
    pub(crate) fn denies(&self, deed: Deed<'_>) -> Option<Denial> {
        let tool = deed.tool().filter(|tool| self.deny.contains(tool))?;
        Some(Denial::Denied { profile: self.name.clone(), tool: tool.to_owned() })
    }

    /// Whether the profile grants it with a configuration of this age, if nobody denies it.
    pub(crate) fn judge(&self, deed: Deed<'_>, age_ms: u64) -> Result<(), Denial> {
        self.fresh(deed)?;
        let class = deed.tool().map(|tool| self.classes.of(tool));
        match self.stale.refuses(deed, class, age_ms) {
            None => Ok(()),
            Some((refused, after_ms)) => {
                Err(Denial::Stale { profile: self.name.clone(), refused, age: Age(age_ms), after: Age(after_ms) })
            }
        }
    }

    /// The same while the configuration is confirmed.
    fn fresh(&self, deed: Deed<'_>) -> Result<(), Denial> {
        match deed {
            // Whoever may use anything of a server may connect it, and hear of what a permitted call began.
            Deed::Connect | Deed::Task => Ok(()),
            Deed::Prompt(name) => self.granted(self.prompts.contains(name), name),
            Deed::Resource(uri) => self.granted(self.resources.contains(uri), uri),
            Deed::Method(name) => self.granted(self.access == AccessLevel::Full, name),
            Deed::See(tool) => self.tool(tool),
            Deed::Call(call) => {
                self.tool(call.tool)?;
                self.arguments.judge(&call).map_err(|fault| Denial::Arguments {
                    profile: self.name.clone(),
                    tool: call.tool.to_owned(),
                    fault,
                })
            }
        }
    }

    fn tool(&self, tool: &str) -> Result<(), Denial> {
        let class = self.classes.of(tool);
        if let Some(access) = too_low(self.access, class) {
            return Err(Denial::Ceiling { profile: self.name.clone(), access, tool: tool.to_owned(), class });
        }
        self.granted(self.allow.contains(tool), tool)
    }

    fn granted(&self, is: bool, name: &str) -> Result<(), Denial> {
        if is { Ok(()) } else { Err(Denial::NotGranted { profile: self.name.clone(), name: name.to_owned() }) }
    }
}

/// The ceiling in words, when `class` lies above it.
fn too_low(access: AccessLevel, class: ToolClass) -> Option<&'static str> {
    match (access, class) {
        (AccessLevel::Full, _)
        | (AccessLevel::ReadWrite, ToolClass::Read | ToolClass::Write)
        | (AccessLevel::ReadOnly, ToolClass::Read) => None,
        (AccessLevel::ReadWrite, _) => Some("read-write"),
        (AccessLevel::ReadOnly, _) => Some("read-only"),
    }
}

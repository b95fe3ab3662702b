//! Where a server is described: in the catalogue, in a registry, or nowhere but on the command line.

use crate::{
    args::setup::Setup,
    catalogue::{self, Choice},
    failure::Failure,
    output::Output,
    registry,
};
use control_plane_api::name::Name;

/// A description, if there is one.
pub(super) enum Source {
    /// Somebody curated it.
    Catalogue(Choice),
    /// A stranger wrote it.
    Registry(Choice, url::Url),
    /// Everything is on the command line.
    Own,
}

/// The description that `args` name.
pub(super) async fn find(args: &Setup) -> Result<Source, Failure> {
    if let Some(name) = &args.registry.from_registry {
        let definition = registry::find(&args.registry.registry, name).await?;
        let choice = Choice::new(definition, args.variant.as_deref())?;
        return Ok(Source::Registry(choice, args.registry.registry.clone()));
    }
    match catalogue::find(args.server())? {
        Some(definition) => Choice::new(definition, args.variant.as_deref()).map(Source::Catalogue),
        None if args.launch.command.is_none() && args.launch.url.is_none() => Err(catalogue::unknown(args.server())),
        None => Ok(Source::Own),
    }
}

impl Source {
    /// The description.
    pub(super) fn choice(&self) -> Option<&Choice> {
        match self {
            Self::Catalogue(choice) | Self::Registry(choice, _) => Some(choice),
            Self::Own => None,
        }
    }

    /// Whether a stranger says what runs.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Registry(..))
    }

    /// What the server is called unless that was said.
    pub(super) fn name(&self, args: &Setup) -> Result<Name, Failure> {
        let text = match self {
            Self::Registry(choice, _) if args.server.is_none() => registry::name_of(&choice.definition),
            _ => args.server().to_owned(),
        };
        text.parse().map_err(|error| Failure::usage(format!("{error}")).hint("say what to call it with `--name`"))
    }

    /// Says whose description it is, where that is a stranger's.
    pub(super) fn show(&self, output: Output) {
        let Self::Registry(Choice { definition, variant }, registry) = self else { return };
        let version = definition.version.as_deref().unwrap_or("of no version");
        output.note(format!("{registry} describes {} {version} as: {}", definition.name, definition.description));
        let others: Vec<String> = definition.variants().into_iter().map(|variant| variant.id).collect();
        if others.len() > 1 {
            output.note(format!("of its variants {} this is `{}`", others.join(", "), variant.id));
        }
        output.warn("anybody can publish there: look at what will run, and at who publishes it");
        output.note("nobody has classed its tools: a read-only profile grants none of them before `--read-tool` does");
    }
}

//! `mcpctl project`.

mod status;

use super::apply;
use crate::{
    Invocation,
    args::project::{Command, Create},
    client::{self, Client, word},
    failure::Failure,
    output::{Report, Table},
};
use control_plane_api::{
    name::Name,
    object::{Kind, Named, Object},
    profile::ProfileSpec,
    project::ProjectSpec,
};
use serde::Serialize;

/// Runs one of the project commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let client = invocation.client()?;
    match command {
        Command::Create(args) => create(args, &client, invocation).await,
        Command::List => invocation.output.report(&Projects(client.objects().await?)),
        Command::Describe { name } => {
            let name = invocation.settings.project(name)?;
            invocation.output.report(&Project::new(client.existing(&name).await?))
        }
        Command::Status { name } => {
            let name = invocation.settings.project(name)?;
            status::run(&name, &client, invocation.output).await
        }
        Command::Delete { name, sure, wait } => {
            apply::delete::<ProjectSpec>(&name, (sure, &wait), &client, invocation.output).await
        }
    }
}

async fn create(args: Create, client: &Client, invocation: &Invocation) -> Result<(), Failure> {
    let known = client.names::<ProfileSpec>().await?;
    if let Some(missing) = args.profiles.iter().find(|profile| !known.contains(profile)) {
        return Err(client::unknown(Kind::Profile, missing, &known));
    }
    let spec = ProjectSpec {
        description: args.description,
        profiles: args.profiles,
        members: args.members,
        flow: args.flow.into(),
        ..ProjectSpec::default()
    };
    let object = Object::Project(Named { name: args.name.clone(), revision: 0, spec });
    apply::create(object, (args.replace, args.dry_run, &args.wait), client, invocation.output).await?;
    if args.dry_run {
        return Ok(());
    }
    invocation.output.note(format!("next: mcpctl claude add-mcp-project {}", args.name));
    Ok(())
}

#[derive(Serialize)]
struct Projects(Vec<Named<ProjectSpec>>);

impl Report for Projects {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "PROFILES", "MEMBERS"].into_iter().chain(wide.then_some("REVISION")));
        for project in &self.0 {
            let row = [project.name.to_string(), joined(&project.spec.profiles), joined(&project.spec.members)];
            table.row(row.into_iter().chain(wide.then(|| project.revision.to_string())));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|project| project.name.to_string()).collect()
    }
}

/// One project, in the form `apply -f` reads.
#[derive(Serialize)]
struct Project {
    kind: Kind,
    #[serde(flatten)]
    object: Named<ProjectSpec>,
}

impl Project {
    fn new(object: Named<ProjectSpec>) -> Self {
        Self { kind: Kind::Project, object }
    }
}

impl Report for Project {
    fn table(&self, _wide: bool) -> Table {
        let spec = &self.object.spec;
        let mut table = Table::pairs();
        table.pair("Name", &self.object.name);
        table.pair("Description", &spec.description);
        table.pair("Profiles", joined(&spec.profiles));
        table.pair("Members", joined(&spec.members));
        table.pair("Flow", word(&spec.flow));
        table.pair("Revision", self.object.revision);
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.object.name.to_string()]
    }
}

/// Names in one cell: no spaces, so that columns can be cut apart.
fn joined(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(",")
}

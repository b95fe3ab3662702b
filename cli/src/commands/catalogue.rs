//! `mcpctl catalogue`: the servers that can be set up by name, and what is known of each.

mod described;

use crate::{
    args::catalogue::Command,
    catalogue::{self, Answers, Choice, Input, Switches},
    failure::Failure,
    output::{Output, Report, Table},
};
use described::Described;
use serde::Serialize;

/// Runs one of the catalogue commands.
pub(crate) fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::List => list(output),
        Command::Describe { name } => {
            let definition = catalogue::find(&name)?.ok_or_else(|| catalogue::unknown(&name))?;
            output.report(&Described::new(&definition)?)
        }
    }
}

/// Lists all servers.
pub(crate) fn list(output: Output) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for definition in catalogue::all()? {
        let choice = Choice::new(definition.clone(), None)?;
        let inputs = choice.inputs();
        rows.push(Row {
            name: definition.id().to_owned(),
            title: definition.title().to_owned(),
            variants: definition.variants().into_iter().map(|variant| variant.id).collect(),
            needs: inputs.iter().filter(|input| input.required).map(|input| input.name.clone()).collect(),
            launch: launch(&choice)?,
        });
    }
    output.report(&Catalogue(rows))
}

/// What starts `choice`, in one line; what has to be given stands in angle brackets.
fn launch(choice: &Choice) -> Result<String, Failure> {
    if let Some(remote) = choice.remote() {
        return Ok(remote.url.clone());
    }
    let mut choice = choice.clone();
    choice.variant.binary = None;
    let mut answers = Answers::default();
    for Input { name, .. } in choice.inputs().into_iter().filter(|input| input.required && !input.secret) {
        answers.values.insert(name.clone(), control_plane_api::secret::Secret::new(format!("<{name}>")));
    }
    let program = choice.program(&answers, &[], &Switches::default())?;
    Ok(std::iter::once(program.command).chain(program.args).collect::<Vec<_>>().join(" "))
}

#[derive(Serialize)]
struct Row {
    name: String,
    title: String,
    variants: Vec<String>,
    needs: Vec<String>,
    launch: String,
}

#[derive(Serialize)]
struct Catalogue(Vec<Row>);

impl Report for Catalogue {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["NAME", "TITLE", "VARIANTS", "NEEDS", "LAUNCH"]);
        for row in &self.0 {
            let (variants, needs) = (row.variants.join(","), row.needs.join(","));
            table.row([row.name.clone(), row.title.clone(), variants, needs, row.launch.clone()]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|row| row.name.clone()).collect()
    }
}

#[cfg(test)]
mod documented;

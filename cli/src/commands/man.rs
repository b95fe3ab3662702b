//! `mcpctl man`: the manual, made from what the command line is made from.

use crate::{
    args::Cli,
    failure::{During as _, Failure},
    output::{Change, Output},
};
use clap::CommandFactory as _;
use std::{fs, path::Path};

/// Prints the page of `mcpctl`, or writes one for every command into `folder`.
pub(crate) fn run(folder: Option<&Path>, output: Output) -> Result<(), Failure> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).during(|| "cannot make the page".to_owned())?;
        return output.raw(&String::from_utf8_lossy(&page));
    };
    let shown = folder.display();
    fs::create_dir_all(folder).during(|| format!("cannot create `{shown}`"))?;
    clap_mangen::generate_to(Cli::command(), folder).during(|| format!("cannot write pages into `{shown}`"))?;
    output.changes(&[Change::new(format!("man/{shown}"), "written")])
}

#[cfg(test)]
mod reference;

//! `mcpctl upgrade --check`: whether there is a newer version, and what to do about it. mcpctl never replaces itself.

use crate::{
    Invocation,
    commands::version::CLIENT,
    failure::Failure,
    output::{Report, Table},
    update::{self, Release},
};
use serde::Serialize;

/// Looks, and says what there is.
pub(crate) async fn run(invocation: &Invocation) -> Result<(), Failure> {
    let Some(url) = invocation.settings.update_url() else {
        return Err(Failure::usage("it is not set where new versions are published").hint(
            "`mcpctl config set update-url URL`: the JSON of a package on an npm registry, of GitHub releases, or {\"version\": …}",
        ));
    };
    let release = update::newest(&url).await?;
    let newer = update::is_newer(&release);
    invocation.output.report(&Check::of(&release, newer))?;
    if newer {
        let page = release.page.as_deref().map(|page| format!("; it is described at {page}")).unwrap_or_default();
        invocation.output.note(format!(
            "mcpctl was not changed: install {} the way this one was installed{page}. Upgrade mcpd and gateways to the same version",
            release.version
        ));
    }
    Ok(())
}

#[derive(Serialize)]
struct Check {
    current: &'static str,
    latest: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

impl Check {
    fn of(release: &Release, newer: bool) -> Self {
        let state = if newer { "outdated" } else { "newest" };
        Self { current: CLIENT, latest: release.version.to_string(), state, page: release.page.clone() }
    }
}

impl Report for Check {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["CURRENT", "LATEST", "STATE"]);
        table.row([self.current.to_owned(), self.latest.clone(), self.state.to_owned()]);
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.latest.clone()]
    }
}

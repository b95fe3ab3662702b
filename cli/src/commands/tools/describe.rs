//! `mcpctl tools describe`: the definition that is trusted of a tool, the one that gateways find, and the difference.

use super::{found, state};
use crate::{
    client::Client,
    failure::Failure,
    output::{Output, Report, Table},
};
use control_plane_api::{
    name::Name,
    pin::{Pin, Quarantine},
    server::ToolClass,
};
use protocol::definition::visible;
use serde::Serialize;

/// Prints the tool called `name`.
pub(crate) async fn run(name: &str, server: Option<&Name>, client: &Client, output: Output) -> Result<(), Failure> {
    let gateways = client.serving_gateways().await?;
    let found = found::one(&gateways, name, server)?;
    let pins = client.pins(found.server).await?;
    let quarantines = found::quarantines(&gateways, found.server, &found.tool.name);
    output.report(&Description {
        state: state(found.tool, &quarantines),
        name: found.tool.exposed.clone(),
        server: found.server.clone(),
        own_name: found.tool.name.clone(),
        class: found.tool.class,
        read_only_hint: found.tool.read_only_hint,
        pin: pins.and_then(|mut pins| pins.spec.tools.remove(&found.tool.name)),
        found: quarantines.into_iter().cloned().collect(),
    })
}

#[derive(Serialize)]
struct Description {
    name: String,
    server: Name,
    own_name: String,
    class: ToolClass,
    state: &'static str,
    /// What the server says of itself; never decisive.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only_hint: Option<bool>,
    /// What is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<Pin>,
    /// What gateways find in its place.
    found: Vec<Quarantine>,
}

impl Report for Description {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::pairs();
        table.pair("name", visible(&self.name));
        table.pair("server", &self.server);
        table.pair("own name", visible(&self.own_name));
        table.pair("class", self.class);
        if let Some(hint) = self.read_only_hint {
            table.pair("hint", format!("readOnlyHint={hint} (the server's own word, which decides nothing)"));
        }
        table.pair("state", self.state);
        match &self.pin {
            Some(pin) => pinned(pin, &mut table),
            None => table.pair("trusted", "nothing yet: the gateway that found it has not reported it"),
        }
        for found in &self.found {
            table.pair("found", format!("sha256 {}", found.digest));
            for difference in &found.differences {
                table.pair("difference", visible(difference));
            }
            table.pair("found definition", definition(found.definition.as_deref()));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}

fn pinned(pin: &Pin, table: &mut Table) {
    let by =
        pin.approved_by.as_ref().map_or_else(|| "the first one seen".to_owned(), |user| format!("approved by {user}"));
    table.pair("trusted", format!("sha256 {}", pin.digest));
    table.pair("since", format!("{} ({by})", pin.pinned_at));
    table.pair("definition", definition(pin.definition.as_deref()));
}

fn definition(text: Option<&str>) -> String {
    text.map_or_else(|| "too long to be kept word for word".to_owned(), visible)
}

//! `mcpctl tools search`: which tool does what somebody has in mind, by what the servers say of their tools.

use super::{Tool, all, found, rank};
use crate::{
    args::{show::Limit, tools::Search},
    client::Client,
    commands::show::limited,
    failure::Failure,
    output::{Output, Report, Table},
};
use control_plane_api::{gateway::GatewaySummary, name::Name, pin::PinSpec, server::ToolClass};
use protocol::definition::visible;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often a name counts: what a tool is called says more of it than what is said about it.
const NAME_WEIGHT: usize = 3;

/// Prints what matches, the best match first.
pub(super) async fn run(args: Search, client: &Client, output: Output) -> Result<(), Failure> {
    let (gateways, mut tools) = all(args.project.as_ref(), client).await?;
    let class = args.class.map(ToolClass::from);
    tools.retain(|tool| class.is_none_or(|class| tool.class == class));
    tools.retain(|tool| args.server.as_ref().is_none_or(|server| tool.server == *server));
    let mut described = Vec::new();
    let mut pins: BTreeMap<Name, PinSpec> = BTreeMap::new();
    for tool in tools {
        if !pins.contains_key(&tool.server) {
            let spec = client.pins(&tool.server).await?.map(|pins| pins.spec).unwrap_or_default();
            pins.insert(tool.server.clone(), spec);
        }
        let definition = definition(&tool, pins.get(&tool.server), &gateways);
        described.push(Found::new(tool, definition));
    }
    let texts: Vec<String> = described.iter().map(Found::text).collect();
    let places = rank::rank(&args.words.join(" "), &texts);
    if places.is_empty() {
        output.note(format!("none of {} tools matches", described.len()));
        return output.report(&Tools(Vec::new()));
    }
    let matches = places.into_iter().filter_map(|place| described.get(place).cloned()).collect();
    output.report(&Tools(limited(matches, Limit { limit: Some(args.limit) }, output)))
}

/// What a tool says of itself: as it is trusted, else as it is found.
fn definition(tool: &Tool, pins: Option<&PinSpec>, gateways: &[GatewaySummary]) -> Definition {
    let trusted = pins.and_then(|pins| pins.tools.get(&tool.own_name)).and_then(|pin| pin.definition.clone());
    let found = || {
        let quarantines = found::quarantines(gateways, &tool.server, &tool.own_name);
        quarantines.first().and_then(|quarantine| quarantine.definition.clone())
    };
    let text = trusted.or_else(found);
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Of a definition what people read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Definition {
    title: Option<String>,
    description: Option<String>,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Annotations {
    title: Option<String>,
}

#[derive(Clone, Serialize)]
struct Found {
    name: String,
    server: Name,
    class: ToolClass,
    own_name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip)]
    says: String,
}

impl Found {
    fn new(tool: Tool, definition: Definition) -> Self {
        let title = definition.title.or(definition.annotations.and_then(|annotations| annotations.title));
        let says = definition.description.unwrap_or_default();
        let first = says.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
        Self {
            name: tool.name,
            server: tool.server,
            class: tool.class,
            own_name: tool.own_name,
            state: tool.state,
            title,
            description: first,
            says,
        }
    }

    /// What is searched.
    fn text(&self) -> String {
        let names = std::iter::repeat_n(self.name.as_str(), NAME_WEIGHT);
        names.chain([self.title.as_deref().unwrap_or_default(), &self.says]).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Tools(Vec<Found>);

impl Report for Tools {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "SERVER", "CLASS", "STATE", "DESCRIPTION"]);
        for tool in &self.0 {
            let says = tool.description.as_ref().or(tool.title.as_ref()).map(|text| visible(text)).unwrap_or_default();
            let (server, class) = (tool.server.to_string(), tool.class.to_string());
            table.row([visible(&tool.name), server, class, tool.state.to_owned(), says]);
        }
        if wide { table } else { table.brief() }
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|tool| tool.name.clone()).collect()
    }
}

//! `mcpctl server`: the servers that were set up. Setting one up is `mcpctl setup`.

use crate::{
    Invocation,
    args::server::Command,
    client::Client,
    failure::Failure,
    grants,
    output::{Change, Output, Report, Table},
    prompt,
};
use control_plane_api::{
    gateway::GatewaySummary,
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    profile::ProfileSpec,
    server::{ServerSpec, Transport},
};
use serde::Serialize;

/// Runs one of the server commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        Command::List => {
            let gateways = client.serving_gateways().await?;
            let servers = client.objects::<ServerSpec>().await?;
            output.report(&Servers(servers.iter().map(|server| Server::new(server, &gateways)).collect()))
        }
        Command::Describe { name } => output.report(&Described(Object::Server(client.existing(&name).await?))),
        Command::Delete { name, with_profiles, sure } => {
            let server = client.existing::<ServerSpec>(&name).await?;
            if sure.dry_run {
                return would_delete(&server, with_profiles, &client, output).await;
            }
            prompt::confirm_destruction(output, sure.yes, &format!("deleting server `{name}`"))?;
            output.changes(&delete(server, with_profiles, &client).await?)
        }
    }
}

async fn profiles_about(server: &Name, client: &Client) -> Result<Vec<ObjectRef>, Failure> {
    let profiles = client.objects::<ProfileSpec>().await?.into_iter();
    let about = profiles.filter(|profile| profile.spec.server == *server);
    Ok(about.map(|profile| ObjectRef { kind: Kind::Profile, name: profile.name }).collect())
}

/// Which profiles could go, and the server after them. The control plane is asked about each as things are: the server itself
/// only where no profile is about it.
async fn would_delete(
    server: &Named<ServerSpec>,
    with_profiles: bool,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let profiles = profiles_about(&server.name, client).await?;
    let own = ObjectRef { kind: Kind::Server, name: server.name.clone() };
    let mut gone = Vec::new();
    if with_profiles {
        for profile in &profiles {
            client.try_delete(profile).await?;
        }
        gone.extend(profiles.clone());
    }
    if !with_profiles || profiles.is_empty() {
        client
            .try_delete(&own)
            .await
            .map_err(|failure| failure.hint("add `--with-profiles` to delete its profiles with it"))?;
    }
    gone.push(own);
    let changes: Vec<Change> = gone.into_iter().map(|object| Change::new(object, "deleted (dry run)")).collect();
    output.changes(&changes)
}

async fn delete(server: Named<ServerSpec>, with_profiles: bool, client: &Client) -> Result<Vec<Change>, Failure> {
    let mut gone = if with_profiles { profiles_about(&server.name, client).await? } else { Vec::new() };
    gone.push(ObjectRef { kind: Kind::Server, name: server.name.clone() });
    for object in &gone {
        client.delete(object).await.map_err(|failure| match with_profiles {
            true => failure,
            false => failure.hint("add `--with-profiles` to delete its profiles with it"),
        })?;
    }
    for name in server.spec.secrets() {
        let secret = ObjectRef { kind: Kind::Secret, name: name.clone() };
        match client.delete(&secret).await {
            Ok(()) => gone.push(secret),
            // Another server uses it, or this user may not delete secrets.
            Err(failure) => tracing::debug!(%secret, %failure, "a secret stays"),
        }
    }
    Ok(gone.into_iter().map(|object| Change::new(object, "deleted")).collect())
}

#[derive(Serialize)]
struct Server {
    name: Name,
    transport: &'static str,
    state: Option<&'static str>,
    tools: usize,
    reached: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Server {
    fn new(server: &Named<ServerSpec>, gateways: &[GatewaySummary]) -> Self {
        let (transport, reached) = match &server.spec.transport {
            Transport::Stdio { command, args, .. } => {
                ("stdio", [std::slice::from_ref(command), args.as_slice()].concat().join(" "))
            }
            Transport::Http { url, .. } => ("http", url.clone()),
        };
        let status = grants::status_of(gateways, &server.name);
        Self {
            name: server.name.clone(),
            transport,
            state: status.map(|status| grants::state(status.state)),
            tools: status.map_or(0, |status| status.tools.len()),
            reached,
            error: status.and_then(|status| status.error.clone()),
        }
    }
}

#[derive(Serialize)]
struct Servers(Vec<Server>);

impl Report for Servers {
    fn table(&self, wide: bool) -> Table {
        let headings = ["NAME", "TRANSPORT", "STATE", "TOOLS"].into_iter();
        let mut table = Table::new(headings.chain(wide.then_some(["REACHED", "ERROR"]).into_iter().flatten()));
        for server in &self.0 {
            let state = server.state.unwrap_or("unreported").to_owned();
            let row = [server.name.to_string(), server.transport.to_owned(), state, server.tools.to_string()];
            // What it is given besides is told by `server describe`.
            let program = server.reached.split(' ').next().unwrap_or_default().to_owned();
            let more = || [program, server.error.clone().unwrap_or_default()];
            table.row(row.into_iter().chain(wide.then(more).into_iter().flatten()));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|server| server.name.to_string()).collect()
    }
}

/// One server, in the form `apply -f` reads.
#[derive(Serialize)]
struct Described(Object);

impl Report for Described {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::pairs();
        if let Object::Server(server) = &self.0 {
            let summary = Server::new(server, &[]);
            table.pair("Name", &server.name);
            table.pair("Description", &server.spec.description);
            table.pair("Transport", summary.transport);
            table.pair("Reached", summary.reached);
            table.pair("Secrets", server.spec.secrets().map(Name::as_str).collect::<Vec<_>>().join(","));
            table.pair("Tool rules", server.spec.tools.len());
            table.pair("Revision", server.revision);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.reference().name.to_string()]
    }
}

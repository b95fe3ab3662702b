//! `mcpctl role`: what roles there are, what each may do, and who has them. There are no groups: an issuer says who somebody is,
//! and what a user may do is said of the user.

use super::apply;
use crate::{
    Invocation,
    args::role::{Change, Command},
    client::Client,
    failure::{Failure, Status},
    output::{Report, Table},
};
use control_plane_api::{
    access::{Role, RoleSummary, UserSpec},
    name::Name,
    object::{Named, Object},
};
use serde::Serialize;

/// Runs one of the role commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        Command::List => output.report(&Roles(described(&client).await?)),
        Command::Describe { role } => {
            let role = Role::from(role);
            let found = described(&client).await?.into_iter().find(|one| one.role.name == role);
            output.report(&found.ok_or_else(|| Failure::not_found(format!("the control plane knows no role {role}")))?)
        }
        Command::Grant(change) => grant(change, true, &client, invocation).await,
        Command::Revoke(change) => grant(change, false, &client, invocation).await,
    }
}

/// Every role, with who has it.
async fn described(client: &Client) -> Result<Vec<Described>, Failure> {
    let roles = client.roles().await?;
    let users = match client.objects::<UserSpec>().await {
        Ok(users) => Some(users),
        // Operators and developers may not see users.
        Err(failure) if failure.status == Status::Denied => None,
        Err(failure) => return Err(failure),
    };
    let of = |role: RoleSummary| {
        let having = |all: &Vec<Named<UserSpec>>| {
            let have = all.iter().filter(|user| user.spec.roles.contains(&role.name));
            have.map(|user| user.name.clone()).collect()
        };
        Described { users: users.as_ref().map(having), role }
    };
    Ok(roles.into_iter().map(of).collect())
}

/// Gives a role to users or takes it from them: to all of them or none.
async fn grant(change: Change, gives: bool, client: &Client, invocation: &Invocation) -> Result<(), Failure> {
    let role = Role::from(change.role);
    let mut objects = Vec::new();
    for name in change.users {
        let mut user = client.existing::<UserSpec>(&name).await?;
        if !gives {
            user.spec.roles.retain(|have| *have != role);
        } else if !user.spec.roles.contains(&role) {
            user.spec.roles.push(role);
        }
        objects.push(Object::User(Named { revision: 0, ..user }));
    }
    let reply = client.apply(objects, change.dry_run).await?;
    invocation.output.changes(&apply::changes(&reply, change.dry_run))
}

#[derive(Serialize)]
struct Described {
    #[serde(flatten)]
    role: RoleSummary,
    /// Who has it; absent: whoever asks may not see users.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<Name>>,
}

impl Described {
    fn users(&self) -> String {
        let joined = |users: &Vec<Name>| users.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
        self.users.as_ref().map_or_else(|| "<hidden>".to_owned(), joined)
    }
}

impl Report for Described {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::pairs();
        table.pair("Name", self.role.name);
        table.pair("Purpose", &self.role.purpose);
        table.pair("Users", self.users());
        for route in &self.role.may {
            table.pair("May", format!("{:<6} {}  {}", route.method, route.path, route.summary));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.role.name.to_string()]
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Roles(Vec<Described>);

impl Report for Roles {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "USERS"].into_iter().chain(wide.then_some("ROUTES")).chain(["PURPOSE"]));
        for one in &self.0 {
            let count = |users: &Vec<Name>| users.len().to_string();
            let users = match wide {
                true => one.users(),
                false => one.users.as_ref().map_or_else(|| "<hidden>".to_owned(), count),
            };
            let row = [one.role.name.to_string(), users].into_iter();
            table.row(row.chain(wide.then(|| one.role.may.len().to_string())).chain([one.role.purpose.clone()]));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| one.role.name.to_string()).collect()
    }
}

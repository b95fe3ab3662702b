//! `mcpctl user`.

use super::apply;
use crate::{
    Invocation,
    args::identity::UserCommand,
    client::{Client, word},
    failure::Failure,
    output::{Change, Report, Table},
    prompt,
};
use control_plane_api::{
    access::{PasswordChange, Role, UserSpec},
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
};
use serde::Serialize;

/// Runs one of the user commands.
pub(crate) async fn run(command: UserCommand, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        UserCommand::List => output.report(&Users(client.objects().await?)),
        UserCommand::Create { name, roles, dry_run } => {
            let spec = UserSpec { roles: roles.into_iter().map(Role::from).collect(), ..UserSpec::default() };
            let user = Object::User(Named { name: name.clone(), revision: 0, spec });
            output.changes(&apply::changes(&client.apply(vec![user], dry_run).await?, dry_run))?;
            if dry_run {
                return Ok(());
            }
            output.note(format!("next: mcpctl token create --user {name}"));
            Ok(())
        }
        UserCommand::Passwd { name, stdin, remove } => passwd(&client, invocation, (name, stdin, remove)).await,
        UserCommand::Disable { name } => shut_out(&client, invocation, (name, true)).await,
        UserCommand::Enable { name } => shut_out(&client, invocation, (name, false)).await,
        UserCommand::Delete { name, sure } => {
            client.existing::<UserSpec>(&name).await?;
            apply::destroy(ObjectRef { kind: Kind::User, name }, sure, &client, output).await
        }
    }
}

/// Sets or removes a password. Whoever changes an own one is asked for the one so far.
async fn passwd(
    client: &Client,
    invocation: &Invocation,
    (name, stdin, remove): (Name, bool, bool),
) -> Result<(), Failure> {
    let output = invocation.output;
    let own = client.whoami().await?.user == name;
    let mut typed = match stdin {
        true => prompt::read_lines()?.into_iter(),
        false if prompt::is_possible() => Vec::new().into_iter(),
        false if remove && !own => Vec::new().into_iter(),
        false => return Err(Failure::usage("there is nobody to ask for a password").hint("pipe it in with `--stdin`")),
    };
    let mut ask = |question: &str| match (typed.next(), stdin) {
        (Some(line), _) => Ok(line),
        (None, true) => Err(Failure::usage(format!("stdin lacks a line: {question}"))),
        (None, false) => prompt::ask_password(output, &format!("{question}: ")),
    };
    // Without a password so far, an empty line.
    let current = match own {
        true => Some(ask(&format!("password of {name} so far (empty if there is none)"))?),
        false => None,
    };
    let password = match remove {
        true => None,
        false => Some(ask(&format!("new password of {name}"))?),
    };
    if !stdin && password.is_some() && ask("the same again").ok() != password {
        return Err(Failure::usage("the two are not the same; nothing was changed"));
    }
    let change = PasswordChange { password, current: current.filter(|current| !current.is_empty()) };
    client.put_password(&name, &change).await?;
    output.changes(&[Change::new(format!("user/{name}"), if remove { "password removed" } else { "password set" })])
}

/// Shuts a user out, or lets the user in again.
async fn shut_out(client: &Client, invocation: &Invocation, (name, disabled): (Name, bool)) -> Result<(), Failure> {
    let user = client.existing::<UserSpec>(&name).await?;
    let spec = UserSpec { disabled, ..user.spec };
    let user = Object::User(Named { name, revision: 0, spec });
    invocation.output.changes(&apply::changes(&client.apply(vec![user], false).await?, false))
}

#[derive(Serialize)]
struct Users(Vec<Named<UserSpec>>);

impl Report for Users {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["NAME", "ROLES", "STATE", "REVISION"]);
        for user in &self.0 {
            let roles: Vec<String> = user.spec.roles.iter().map(word).collect();
            let state = if user.spec.disabled { "disabled" } else { "enabled" };
            table.row([user.name.to_string(), roles.join(","), state.to_owned(), user.revision.to_string()]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|user| user.name.to_string()).collect()
    }
}

//! `mcpctl user`.

use super::apply;
use crate::{
    Invocation,
    args::identity::UserCommand,
    client::word,
    failure::Failure,
    output::{Change, Report, Table},
    prompt,
};
use control_plane_api::{
    access::{Role, UserSpec},
    object::{Kind, Named, Object, ObjectRef},
};
use serde::Serialize;

/// Runs one of the user commands.
pub(crate) async fn run(command: UserCommand, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        UserCommand::List => output.report(&Users(client.objects().await?)),
        UserCommand::Create { name, roles } => {
            let spec = UserSpec { roles: roles.into_iter().map(Role::from).collect(), ..UserSpec::default() };
            let user = Object::User(Named { name: name.clone(), revision: 0, spec });
            output.changes(&apply::changes(&client.apply(vec![user], false).await?, false))?;
            output.note(format!("next: mcpctl token create --user {name}"));
            Ok(())
        }
        UserCommand::Delete { name, yes } => {
            client.existing::<UserSpec>(&name).await?;
            prompt::confirm_destruction(output, yes, &format!("deleting user `{name}`"))?;
            let reference = ObjectRef { kind: Kind::User, name };
            client.delete(&reference).await?;
            output.changes(&[Change::new(reference, "deleted")])
        }
    }
}

#[derive(Serialize)]
struct Users(Vec<Named<UserSpec>>);

impl Report for Users {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["NAME", "ROLES", "REVISION"]);
        for user in &self.0 {
            let roles: Vec<String> = user.spec.roles.iter().map(word).collect();
            table.row([user.name.to_string(), roles.join(","), user.revision.to_string()]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|user| user.name.to_string()).collect()
    }
}

//! `mcpctl get`: objects of any kind in one form, the one that `apply` takes.

use super::{Asked, Word, row};
use crate::{
    Invocation,
    args::{objects::Get, show::Limit},
    client::{self, Client},
    commands::{
        connection, gateway, instance,
        show::{limited, show},
    },
    failure::Failure,
    output::{Output, Report, Table},
};
use control_plane_api::{
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    secret::SecretSpec,
    server::ServerSpec,
};
use serde::{Serialize, Serializer};

/// Shows what is asked for.
pub(crate) async fn run(args: Get, invocation: &Invocation) -> Result<(), Failure> {
    let asked = Asked::parse(&args.kind, &args.names)?;
    let (client, output) = (invocation.client()?, invocation.output);
    match asked {
        Asked::Of(Word::Gateway, names) => {
            let find = async || gateway::listed(&client, &names, |all| limited(all, args.limit, output)).await;
            show(args.watch, output, find).await
        }
        Asked::Of(Word::Instance, names) => {
            let cut = |all| limited(all, args.limit, output);
            show(args.watch, output, async || instance::listed(&client, &names, invocation.verbose, cut).await).await
        }
        Asked::Of(Word::Kind(Kind::Connection), names) => {
            let find = async || connection::listed(&client, &names, |all| limited(all, args.limit, output)).await;
            show(args.watch, output, find).await
        }
        asked => {
            let find = async || Objects::find(&asked, (&client, output), args.limit).await;
            show(args.watch, output, find).await
        }
    }
}

/// Objects, in the form `apply` takes.
struct Objects {
    all: Vec<Object>,
    /// One that was asked for by name is shown alone in formats for programs.
    single: bool,
    /// Of one kind, so that there are columns for what it says.
    kind: Option<Kind>,
}

impl Objects {
    async fn find(asked: &Asked, (client, output): (&Client, Output), limit: Limit) -> Result<Self, Failure> {
        let (all, kind, named) = match asked {
            Asked::Of(Word::Kind(kind), names) => {
                let all = chosen(*kind, of_kind(*kind, client).await?, names)?;
                (all, Some(*kind), names.len())
            }
            Asked::These(references) => {
                let mut all = Vec::new();
                for reference in references {
                    let of_kind = of_kind(reference.kind, client).await?;
                    all.extend(chosen(reference.kind, of_kind, std::slice::from_ref(&reference.name))?);
                }
                (all, None, references.len())
            }
            Asked::Of(_, names) => {
                if let Some(name) = names.first() {
                    return Err(Failure::usage(format!("`{name}` is of which kind?"))
                        .hint(format!("write `KIND/NAME`, for example project/{name}")));
                }
                let (all, hidden) = client.applied_of(&Kind::APPLIED).await?;
                super::say_hidden(&hidden, output);
                (all, None, 0)
            }
        };
        Ok(Self { single: named == 1, all: limited(all, limit, output), kind })
    }
}

/// Every object of `kind`; of secrets their names.
async fn of_kind(kind: Kind, client: &Client) -> Result<Vec<Object>, Failure> {
    match kind {
        Kind::Secret => {
            let secrets = client.secrets().await?.into_iter();
            let named = |name, revision| Named { name, revision, spec: SecretSpec { sealed: String::new() } };
            Ok(secrets.map(|secret| Object::Secret(named(secret.name, secret.revision))).collect())
        }
        Kind::Pin => {
            let mut all = Vec::new();
            for server in client.names::<ServerSpec>().await? {
                all.extend(client.pins(&server).await?.map(Object::Pin));
            }
            Ok(all)
        }
        kind => client.applied(kind).await,
    }
}

/// Those of `all` with these names, in their order; all of them without names.
fn chosen(kind: Kind, all: Vec<Object>, names: &[Name]) -> Result<Vec<Object>, Failure> {
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &Name| {
        let wanted = ObjectRef { kind, name: name.clone() };
        all.iter().find(|object| object.reference() == wanted).cloned().ok_or_else(|| {
            let known: Vec<Name> = all.iter().map(|object| object.reference().name).collect();
            client::unknown(kind, name, &known)
        })
    };
    names.iter().map(find).collect()
}

impl Serialize for Objects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.all.as_slice() {
            [one] if self.single => one.serialize(serializer),
            all => all.serialize(serializer),
        }
    }
}

impl Report for Objects {
    fn table(&self, wide: bool) -> Table {
        let Some(kind) = self.kind else {
            let mut table = Table::new(["NAME", "REVISION", "SAYS"]);
            for object in &self.all {
                table.row([object.reference().to_string(), object.revision().to_string(), row::summary(object)]);
            }
            return if wide { table } else { table.brief() };
        };
        let mut table = Table::new(row::headings(kind, wide));
        self.all.iter().for_each(|object| table.row(row::cells(object, wide)));
        table
    }

    fn names(&self) -> Vec<String> {
        self.all.iter().map(|object| object.reference().to_string()).collect()
    }
}

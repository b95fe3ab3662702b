//! `mcpctl delete`: objects of any kind, by name or by what a file holds, the ones that others refer to after those.
//!
//! The control plane deletes one object at a time, so whether all can go is found out before the first does.

use super::{Asked, Word};
use crate::{
    Invocation,
    args::objects::Delete,
    client::{self, Client},
    commands::rollout,
    failure::Failure,
    manifest,
    output::{Change, Output},
    prompt,
};
use control_plane_api::{
    name::Name,
    object::{Kind, Named, Object, ObjectRef},
    secret::SecretSpec,
    snapshot::Snapshot,
    validate::references_to,
};

/// What refers before what is referred to.
const ORDER: [Kind; 6] = [Kind::Project, Kind::Profile, Kind::Server, Kind::Secret, Kind::Issuer, Kind::User];

/// Deletes what is asked for.
pub(crate) async fn run(args: Delete, invocation: &Invocation) -> Result<(), Failure> {
    let wanted = wanted(&args)?;
    let (client, output, seconds) = (invocation.client()?, invocation.output, args.wait.seconds()?);
    let known = known(&client).await?;
    let (mut gone, absent): (Vec<ObjectRef>, Vec<ObjectRef>) =
        wanted.into_iter().partition(|wanted| known.iter().any(|object| object.reference() == *wanted));
    if let Some(missing) = absent.first().filter(|_| !args.ignore_not_found) {
        return Err(unknown(missing, &known));
    }
    gone.sort_by_key(|object| (ORDER.iter().position(|kind| *kind == object.kind), object.name.clone()));
    check_references(&gone, known)?;
    let suffix = if args.dry_run { " (dry run)" } else { "" };
    let mut changes: Vec<Change> =
        absent.iter().map(|object| Change::new(object, format!("unchanged{suffix}"))).collect();
    let deleted = |object: &ObjectRef| Change::new(object, format!("deleted{suffix}"));
    if args.dry_run {
        changes.extend(gone.iter().map(deleted));
        return output.changes(&changes);
    }
    if !gone.is_empty() {
        prompt::confirm_destruction(output, args.yes, &question(&gone))?;
    }
    for object in &gone {
        match client.delete(object).await {
            Ok(()) => changes.push(deleted(object)),
            Err(failure) => {
                output.changes(&changes)?;
                return Err(failure);
            }
        }
    }
    output.changes(&changes)?;
    finish(&gone, seconds, &client, output).await
}

/// Waits for gateways where that was asked for.
async fn finish(gone: &[ObjectRef], seconds: Option<u64>, client: &Client, output: Output) -> Result<(), Failure> {
    if seconds.is_none() || gone.is_empty() {
        return Ok(());
    }
    // The revision of the last deletion, or a later one.
    rollout::wait(client.status().await?.revision, seconds, client, output).await
}

fn wanted(args: &Delete) -> Result<Vec<ObjectRef>, Failure> {
    let Some(kind) = &args.kind else {
        let declared = manifest::read(&args.file, args.recursive)?.into_iter();
        return declared.map(|declared| deletable(declared.object.reference())).collect();
    };
    let mut all: Vec<ObjectRef> = match Asked::parse(kind, &args.names)? {
        Asked::These(references) => references,
        Asked::Of(Word::Kind(kind), names) if !names.is_empty() => {
            names.into_iter().map(|name| ObjectRef { kind, name }).collect()
        }
        Asked::Of(Word::Kind(kind), _) => {
            return Err(Failure::usage(format!("which {kind}?")).hint(format!("mcpctl delete {kind} NAME…")));
        }
        Asked::Of(Word::Gateway, _) => {
            return Err(
                Failure::usage("a gateway is not deleted, it is turned away").hint("mcpctl gateway remove NAME")
            );
        }
        Asked::Of(Word::Instance, _) => {
            return Err(Failure::usage("an instance is not deleted, it is stopped").hint("mcpctl instance stop NAME"));
        }
        Asked::Of(Word::All, _) => {
            return Err(Failure::usage("everything at once is not deleted").hint("name what is to go: KIND NAME…"));
        }
    };
    all.dedup();
    all.into_iter().map(deletable).collect()
}

/// Connections and pins end in other ways.
fn deletable(object: ObjectRef) -> Result<ObjectRef, Failure> {
    match object.kind {
        Kind::Connection => Err(Failure::usage(format!("{object} is not deleted like this"))
            .hint(format!("mcpctl connection delete {}", object.name))),
        Kind::Pin => Err(Failure::usage(format!("{object} goes with its server"))
            .hint(format!("mcpctl delete server {}", object.name))),
        _ => Ok(object),
    }
}

/// Everything that can be deleted, as far as whoever asks may see it.
async fn known(client: &Client) -> Result<Vec<Object>, Failure> {
    let (mut all, _) = client.applied_of(&Kind::APPLIED).await?;
    let named = |name, revision| Named { name, revision, spec: SecretSpec { sealed: String::new() } };
    let secrets = client.secrets().await?.into_iter();
    all.extend(secrets.map(|secret| Object::Secret(named(secret.name, secret.revision))));
    Ok(all)
}

fn unknown(missing: &ObjectRef, known: &[Object]) -> Failure {
    let references = known.iter().map(Object::reference);
    let names: Vec<Name> = references.filter(|object| object.kind == missing.kind).map(|object| object.name).collect();
    client::unknown(missing.kind, &missing.name, &names)
}

/// Whether all of `gone` can go, in that order.
fn check_references(gone: &[ObjectRef], known: Vec<Object>) -> Result<(), Failure> {
    let mut whole = Snapshot { objects: known, ..Snapshot::empty() };
    let mut stuck = Vec::new();
    for object in gone {
        let by: Vec<String> = references_to(&whole, object).iter().map(ToString::to_string).collect();
        if !by.is_empty() {
            stuck.push(format!("{object} is in use by {}", by.join(", ")));
        }
        whole.objects.retain(|other| other.reference() != *object);
    }
    if stuck.is_empty() {
        return Ok(());
    }
    Err(Failure::failed("what others refer to cannot be deleted; nothing was")
        .details(stuck)
        .hint("delete those too, or change them first"))
}

fn question(gone: &[ObjectRef]) -> String {
    const SHOWN_MAX: usize = 8;
    let shown: Vec<String> = gone.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    let more = gone.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("deleting {}{more}", shown.join(", "))
}

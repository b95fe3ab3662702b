//! `mcpctl apply`, and applying as every other command does it.

use super::rollout;
use crate::{
    Invocation,
    args::{apply::Apply, sure::Sure, wait::Wait},
    client::{Client, Spec},
    failure::Failure,
    manifest::{self, Declared},
    output::{Change, Output},
    prompt,
};
use control_plane_api::{
    apply::{ApplyReply, Effect},
    name::Name,
    object::{Kind, Object, ObjectRef},
};

/// Applies the objects of files.
pub(crate) async fn run(args: &Apply, invocation: &Invocation) -> Result<(), Failure> {
    let declared = manifest::read(&args.files.file, args.files.recursive)?;
    apply_all(declared, args, invocation).await
}

/// Applies the objects of files, all of which must be of `kind`.
pub(crate) async fn run_only(kind: Kind, args: &Apply, invocation: &Invocation) -> Result<(), Failure> {
    let declared = manifest::read(&args.files.file, args.files.recursive)?;
    if let Some(other) = declared.iter().find(|declared| declared.object.reference().kind != kind) {
        let files = args.files.file.join(" -f ");
        return Err(Failure::usage(format!("{}: {} is no {kind}", other.place, other.object.reference()))
            .hint(format!("apply everything in it with `mcpctl apply -f {files}`")));
    }
    apply_all(declared, args, invocation).await
}

async fn apply_all(declared: Vec<Declared>, args: &Apply, invocation: &Invocation) -> Result<(), Failure> {
    let (client, seconds) = (invocation.client()?, args.wait.seconds()?);
    let objects = declared.into_iter().map(|declared| declared.object).collect();
    let reply = client.apply(objects, args.dry_run).await?;
    invocation.output.changes(&changes(&reply, args.dry_run))?;
    rollout::wait(reply.revision, seconds, &client, invocation.output).await
}

/// Deletes the `S` called `name` once that is confirmed, and waits for gateways where that was asked for.
pub(crate) async fn delete<S: Spec>(
    name: &Name,
    (sure, wait): (Sure, &Wait),
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let seconds = wait.seconds()?;
    let name = client.existing::<S>(name).await?.name;
    destroy(ObjectRef { kind: S::KIND, name }, sure, client, output).await?;
    if seconds.is_none() || sure.dry_run {
        return Ok(());
    }
    // The revision of the deletion, or a later one.
    rollout::wait(client.status().await?.revision, seconds, client, output).await
}

/// Deletes `object`, which is there, once that is confirmed; or says whether that could be done.
pub(crate) async fn destroy(object: ObjectRef, sure: Sure, client: &Client, output: Output) -> Result<(), Failure> {
    if sure.dry_run {
        client.try_delete(&object).await?;
        return output.changes(&[Change::new(object, "deleted (dry run)")]);
    }
    prompt::confirm_destruction(output, sure.yes, &format!("deleting {} `{}`", object.kind, object.name))?;
    client.delete(&object).await?;
    output.changes(&[Change::new(object, "deleted")])
}

/// What `reply` says was done.
pub(crate) fn changes(reply: &ApplyReply, dry_run: bool) -> Vec<Change> {
    let suffix = if dry_run { " (dry run)" } else { "" };
    reply
        .objects
        .iter()
        .map(|applied| Change::new(&applied.object, format!("{}{suffix}", word(applied.effect))))
        .collect()
}

/// What commands say that was done to an object.
pub(crate) fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Created => "created",
        Effect::Configured => "changed",
        Effect::Unchanged => "unchanged",
    }
}

/// Creates `object`, and waits for gateways where that was asked for. One of that name that says something else stays as it is
/// unless `replace`.
pub(crate) async fn create(
    object: Object,
    (replace, dry_run, wait): (bool, bool, &Wait),
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let seconds = wait.seconds()?;
    let reference = object.reference();
    if !replace {
        let trial = client.apply(vec![object.clone()], true).await?;
        if trial.objects.iter().any(|applied| applied.effect == Effect::Configured) {
            return Err(Failure::failed(format!(
                "{} `{}` exists and says something else",
                reference.kind, reference.name
            ))
            .hint(format!(
                "look at it with `mcpctl {0} describe {1}`, or add `--replace`",
                reference.kind, reference.name
            )));
        }
    }
    let reply = client.apply(vec![object], dry_run).await?;
    output.changes(&changes(&reply, dry_run))?;
    if dry_run {
        return Ok(());
    }
    rollout::wait(reply.revision, seconds, client, output).await
}

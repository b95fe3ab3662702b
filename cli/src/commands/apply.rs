//! `mcpctl apply`, and applying as every other command does it.

use crate::{Invocation, args::apply::Apply, client::Client, failure::Failure, manifest, output::Change};
use control_plane_api::{
    apply::{ApplyReply, Effect},
    object::{Kind, Object},
};

/// Applies the objects of a file.
pub(crate) async fn run(args: &Apply, invocation: &Invocation) -> Result<(), Failure> {
    let objects = manifest::read(&args.file)?;
    apply_all(objects, args.dry_run, invocation).await
}

/// Applies the objects of a file, all of which must be of `kind`.
pub(crate) async fn run_only(kind: Kind, args: &Apply, invocation: &Invocation) -> Result<(), Failure> {
    let objects = manifest::read(&args.file)?;
    if let Some(other) = objects.iter().map(Object::reference).find(|reference| reference.kind != kind) {
        return Err(Failure::usage(format!("`{}` also holds {other}, which is no {kind}", args.file))
            .hint(format!("apply everything in it with `mcpctl apply -f {}`", args.file)));
    }
    apply_all(objects, args.dry_run, invocation).await
}

async fn apply_all(objects: Vec<Object>, dry_run: bool, invocation: &Invocation) -> Result<(), Failure> {
    let reply = invocation.client()?.apply(objects, dry_run).await?;
    invocation.output.changes(&changes(&reply, dry_run))
}

/// What `reply` says was done.
pub(crate) fn changes(reply: &ApplyReply, dry_run: bool) -> Vec<Change> {
    let suffix = if dry_run { " (dry run)" } else { "" };
    reply.objects.iter().map(|applied| Change::new(&applied.object, format!("{}{suffix}", applied.effect))).collect()
}

/// Creates `object`. One of that name that says something else stays as it is unless `replace`.
pub(crate) async fn create(client: &Client, object: Object, replace: bool) -> Result<Vec<Change>, Failure> {
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
    Ok(changes(&client.apply(vec![object], false).await?, false))
}

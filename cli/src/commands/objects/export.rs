//! `mcpctl export`: what is configured as a manifest that `apply` takes back and finds unchanged. Secrets are not in it, and
//! it always comes in the same order, so that it can be kept under version control.

use super::Word;
use crate::{
    Invocation,
    args::{Format, objects::Export},
    client::Client,
    clients::secret_scan,
    failure::{During as _, Failure},
    home, manifest,
    output::{Change, Output, Report, Table},
};
use control_plane_api::{
    name::Name,
    object::{Kind, Object},
    profile::ProfileSpec,
    project::ProjectSpec,
    server::ServerSpec,
};
use serde::Serialize;
use std::{collections::BTreeSet, fs, path::Path};

/// Mode of an exported file: there is nothing secret in it.
const MODE: u32 = 0o644;

/// Prints or writes the manifest.
pub(crate) async fn run(args: Export, invocation: &Invocation) -> Result<(), Failure> {
    let kinds = kinds(&args.kinds)?;
    let (client, output) = (invocation.client()?, invocation.output);
    let objects = match &args.project {
        Some(project) => of_project(project, &client).await?,
        None => {
            let (objects, hidden) = client.applied_of(&kinds).await?;
            super::say_hidden(&hidden, output);
            objects
        }
    };
    refuse_secrets(&objects)?;
    match (&args.dir, output.format()) {
        (Some(dir), _) => write(&objects, dir, output),
        (None, Format::Table | Format::Wide | Format::Yaml) => output.raw(&document(&objects)?),
        (None, _) => output.report(&Exported(objects.into_iter().map(|object| object.declared(0)).collect())),
    }
}

fn kinds(words: &[String]) -> Result<Vec<Kind>, Failure> {
    if words.is_empty() {
        return Ok(Kind::APPLIED.into());
    }
    let mut asked = Vec::new();
    for word in words {
        match Word::parse(word)? {
            Word::Kind(kind) if Kind::APPLIED.contains(&kind) => asked.push(kind),
            Word::All => asked.extend(Kind::APPLIED),
            _ => {
                let known = Kind::APPLIED.map(Kind::as_str).join(", ");
                return Err(Failure::usage(format!("`{word}` is not exported"))
                    .hint(format!("`apply` takes {known}; the rest has ways of its own")));
            }
        }
    }
    // In the order of applying, each once.
    Ok(Kind::APPLIED.into_iter().filter(|kind| asked.contains(kind)).collect())
}

/// A project, its profiles and their servers. Its members are users of this control plane, and stay there.
async fn of_project(name: &Name, client: &Client) -> Result<Vec<Object>, Failure> {
    let project = client.existing::<ProjectSpec>(name).await?;
    let mut profiles = client.objects::<ProfileSpec>().await?;
    profiles.retain(|profile| project.spec.profiles.contains(&profile.name));
    let mut servers = client.objects::<ServerSpec>().await?;
    servers.retain(|server| profiles.iter().any(|profile| profile.spec.server == server.name));
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    profiles.sort_by(|one, other| one.name.cmp(&other.name));
    let servers = servers.into_iter().map(Object::Server);
    let all = servers.chain(profiles.into_iter().map(Object::Profile)).chain([Object::Project(project)]);
    Ok(all.map(|object| object.declared(0)).collect())
}

/// What is written down in the clear and looks like a credential is not copied into a file that is passed on.
fn refuse_secrets(objects: &[Object]) -> Result<(), Failure> {
    let mut found = Vec::new();
    for object in objects {
        // What users and issuers say of tokens and keys is public.
        let Object::Server(server) = object else { continue };
        let value = serde_json::to_value(&server.spec.transport).map_err(|error| Failure::failed(error.to_string()))?;
        let places = secret_scan::find(&value).into_iter().filter(|place| !place.ends_with(".secret"));
        found.extend(places.map(|place| format!("{} spec.transport.{place}", object.reference())));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Failure::failed("something that looks like a secret is configured in the clear; nothing was exported")
        .details(found)
        .hint("put it away with `mcpctl secrets set NAME`, and write `{secret: NAME}` in its place"))
}

/// The secrets that servers name.
fn needed(objects: &[Object]) -> BTreeSet<&Name> {
    let servers = objects.iter().filter_map(|object| match object {
        Object::Server(server) => Some(&server.spec),
        _ => None,
    });
    servers
        .flat_map(|spec| {
            let client = spec.oauth.as_ref().and_then(|oauth| oauth.client_secret.as_ref());
            spec.secrets().chain(client)
        })
        .collect()
}

/// What has to be there before it can be applied, as a comment.
fn preamble(objects: &[Object]) -> String {
    let needed = needed(objects);
    if needed.is_empty() {
        return String::new();
    }
    let names: String = needed.iter().map(|name| format!("#   {name}\n")).collect();
    format!("# Needs these secrets, which are not in here; set each with `mcpctl secrets set NAME`:\n{names}")
}

fn document(objects: &[Object]) -> Result<String, Failure> {
    let mut text = preamble(objects);
    for object in objects {
        text.push_str("---\n");
        text.push_str(&manifest::text(object)?);
    }
    Ok(text)
}

/// One file for each object, as its kind and name say.
fn write(objects: &[Object], dir: &Path, output: Output) -> Result<(), Failure> {
    fs::create_dir_all(dir).during(|| format!("cannot create `{}`", dir.display()))?;
    let mut changes = Vec::new();
    let mut written = BTreeSet::new();
    for object in objects {
        let reference = object.reference();
        let file = format!("{}-{}.yaml", reference.kind, reference.name);
        let path = dir.join(&file);
        let text = format!("{}{}", preamble(std::slice::from_ref(object)), manifest::text(object)?);
        let change = match fs::read_to_string(&path) {
            Ok(before) if before == text => "unchanged",
            Ok(_) => "changed",
            Err(_) => "created",
        };
        if change != "unchanged" {
            home::replace(&path, text.as_bytes(), MODE).during(|| format!("cannot write `{}`", path.display()))?;
        }
        changes.push(Change::new(path.display(), change));
        written.insert(file);
    }
    warn_of_rest(&written, dir, output);
    output.changes(&changes)
}

/// Files of an earlier export whose objects are gone would bring them back.
fn warn_of_rest(written: &BTreeSet<String>, dir: &Path, output: Output) {
    let kinds: BTreeSet<&str> = written.iter().filter_map(|file| file.split_once('-').map(|(kind, _)| kind)).collect();
    let names =
        fs::read_dir(dir).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let is_ours = |name: &String| {
        name.strip_suffix(".yaml").and_then(|stem| stem.split_once('-')).is_some_and(|(kind, _)| kinds.contains(kind))
    };
    let mut rest: Vec<String> = names.filter(|name| is_ours(name) && !written.contains(name)).collect();
    rest.sort();
    for name in rest {
        output.warn(format!(
            "`{}` was not written now: its object is gone, or was not asked for",
            dir.join(name).display()
        ));
    }
}

#[derive(Serialize)]
struct Exported(Vec<Object>);

impl Report for Exported {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["OBJECT"]);
        self.names().into_iter().for_each(|name| table.row([name]));
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|object| object.reference().to_string()).collect()
    }
}

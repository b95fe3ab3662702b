//! `apply -f`: YAML or JSON text, several documents, into objects; what is wrong is told by file, line and column.

use crate::failure::{During as _, Failure};
use control_plane_api::object::{Kind, Named, Object};
use serde::{Deserialize, de::DeserializeOwned};
use serde_yaml_ng::Deserializer;
use std::{
    fs,
    io::{self, Read as _},
};

/// Largest file, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads `file`, or stdin for `-`.
pub(crate) fn read(file: &str) -> Result<Vec<Object>, Failure> {
    let mut text = String::new();
    let reader: Box<dyn io::Read> = match file {
        "-" => Box::new(io::stdin()),
        _ => Box::new(fs::File::open(file).during(|| format!("cannot read `{file}`")).map_err(as_usage)?),
    };
    reader
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .during(|| format!("cannot read `{file}`"))
        .map_err(as_usage)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("`{file}` is larger than {FILE_BYTES_MAX} bytes")));
    }
    parse(if file == "-" { "<stdin>" } else { file }, &text)
}

fn as_usage(failure: Failure) -> Failure {
    Failure { status: crate::failure::Status::Usage, ..failure }
}

/// Reads the documents in `text`; `file` is what errors call it.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Object>, Failure> {
    // Twice over the text: the kind first, then the spec of exactly that kind. A tagged enum in one go would be
    // buffered, and its errors would lose their place.
    let mut objects = Vec::new();
    for (header, document) in Deserializer::from_str(text).zip(Deserializer::from_str(text)) {
        match Option::<Header>::deserialize(header).map_err(|error| located(file, &error))? {
            Some(header) => objects.push(typed(header.kind, document).map_err(|error| located(file, &error))?),
            None => continue,
        }
    }
    if objects.is_empty() {
        return Err(Failure::usage(format!("`{file}` holds no object"))
            .hint("write `kind`, `name` and `spec`; `mcpctl project describe NAME --format yaml` shows one"));
    }
    Ok(objects)
}

#[derive(Deserialize)]
struct Header {
    kind: Kind,
}

/// [`Named`] with the kind that stands beside it in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<S> {
    #[serde(rename = "kind")]
    _kind: Kind,
    name: control_plane_api::name::Name,
    #[serde(default)]
    revision: u64,
    spec: S,
}

impl<S> From<Document<S>> for Named<S> {
    fn from(document: Document<S>) -> Self {
        Self { name: document.name, revision: document.revision, spec: document.spec }
    }
}

fn typed(kind: Kind, document: Deserializer<'_>) -> Result<Object, serde_yaml_ng::Error> {
    fn one<S: DeserializeOwned>(document: Deserializer<'_>) -> Result<Named<S>, serde_yaml_ng::Error> {
        Document::deserialize(document).map(Named::from)
    }
    Ok(match kind {
        Kind::Server => Object::Server(one(document)?),
        Kind::Pin => Object::Pin(one(document)?),
        Kind::Connection => Object::Connection(one(document)?),
        Kind::Profile => Object::Profile(one(document)?),
        Kind::Project => Object::Project(one(document)?),
        Kind::User => Object::User(one(document)?),
        Kind::Secret => Object::Secret(one(document)?),
        Kind::Issuer => Object::Issuer(one(document)?),
    })
}

fn located(file: &str, error: &serde_yaml_ng::Error) -> Failure {
    let text = error.to_string();
    let message = match error.location() {
        Some(at) => {
            let bare = text.split(" at line ").next().unwrap_or(&text);
            format!("{file}:{}:{}: {bare}", at.line(), at.column())
        }
        None => format!("{file}: {text}"),
    };
    Failure::usage(message).hint("correct that line; nothing was applied")
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::{snapshot::Snapshot, validate::validate};

    const PROFILE: &str = "kind: profile\nname: p\nspec:\n  server: slack\n  access: read-only\n";

    fn check(text: &str, expected: &str) {
        let failure = parse("f.yaml", text).unwrap_err();
        assert!(failure.message.contains(expected), "{}", failure.message);
    }

    #[test]
    fn several_documents_in_yaml_or_json_are_read_in_order() {
        let text = format!(
            "---\n{PROFILE}---\n{{\"kind\": \"project\", \"name\": \"w\", \"spec\": {{\"profiles\": [\"p\"]}}}}\n---\n"
        );
        let names: Vec<String> = parse("f", &text).unwrap().iter().map(|o| o.reference().to_string()).collect();
        assert_eq!(names, ["profile/p", "project/w"]);
    }

    #[test]
    fn what_the_documentation_shows_is_valid() {
        let page = include_str!("../../docs/security/policy.md");
        let text = page.split("```yaml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let mut objects = parse("policy.md", text).unwrap();
        for server in ["slack", "jira", "files"] {
            let server = format!("kind: server\nname: {server}\nspec: {{transport: {{type: stdio, command: x}}}}\n");
            objects.extend(parse("server", &server).unwrap());
        }
        let snapshot = Snapshot { objects, ..Snapshot::empty() };
        assert_eq!(validate(&snapshot), []);
        assert_eq!(snapshot.profiles().map(|(_, spec)| spec.arguments.len()).sum::<usize>(), 5);
    }

    #[test]
    fn what_is_wrong_is_told_by_file_line_and_column() {
        check("kind: profile\nname: p\nspec:\n  server: slack\n  acces: full\n", "f.yaml:5:3: ");
        check("kind: profile\nname: p\nspec:\n  server: slack\n  access: most\n", "f.yaml:5:11: ");
        check("kind: profile\nname: Not Valid\nspec: {server: s}\n", "f.yaml:1:1: `Not Valid` is not a valid name");
        check("kind: profile\nname: [p\n", "f.yaml:");
        check("kind: gadget\nname: p\n", "f.yaml:1:7: ");
        check("name: p\n", "missing field `kind`");
        check(&format!("{PROFILE}---\nkind: project\nname: w\nspec:\n  profile: [p]\n"), "f.yaml:10:3: ");
        check("", "holds no object");
    }
}

//! `mcpctl explain`: what objects for `apply` hold, told from the schema of the types that read them.

mod schema;

use crate::{
    args::{Format, explain::Explain},
    failure::Failure,
    output::{Output, Report, Table},
    suggest,
};
use control_plane_api::{
    access::UserSpec, issuer::IssuerSpec, profile::ProfileSpec, project::ProjectSpec, server::ServerSpec,
};
use schema::{DEPTH_MAX, Schemas, fields, type_of, values};
use serde::Serialize;
use serde_json::Value;

/// What can be written into a file.
struct Described {
    kind: &'static str,
    says: &'static str,
    schema: fn() -> Schemas,
}

static KINDS: [Described; 5] = [
    Described { kind: "server", says: "An MCP server as configured", schema: Schemas::of::<ServerSpec> },
    Described { kind: "profile", says: "What may be done with one server", schema: Schemas::of::<ProfileSpec> },
    Described {
        kind: "project",
        says: "Profiles and members: what a client connects to",
        schema: Schemas::of::<ProjectSpec>,
    },
    Described { kind: "user", says: "A person or machine with roles and tokens", schema: Schemas::of::<UserSpec> },
    Described {
        kind: "issuer",
        says: "An authorization server whose access tokens are accepted",
        schema: Schemas::of::<IssuerSpec>,
    },
];

/// Explains a kind or a field.
pub(crate) fn run(explain: &Explain, output: Output) -> Result<(), Failure> {
    let Some(path) = &explain.path else {
        return output
            .report(&Kinds(KINDS.iter().map(|kind| KindRow { kind: kind.kind, description: kind.says }).collect()));
    };
    let mut words = path.split('.');
    let first = words.next().unwrap_or_default();
    let singular = first.strip_suffix('s').filter(|one| KINDS.iter().any(|kind| kind.kind == *one)).unwrap_or(first);
    let Some(kind) = KINDS.iter().find(|kind| kind.kind == singular) else {
        return Err(suggested(
            format!("there is no kind `{first}`"),
            first,
            KINDS.iter().map(|kind| kind.kind.to_owned()).collect(),
        ));
    };
    let schemas = (kind.schema)();
    let object = serde_json::json!({
        "type": "object", "description": kind.says, "required": ["kind", "name", "spec"],
        "properties": {
            "kind": { "type": "string", "enum": [kind.kind], "description": "What it is" },
            "name": { "type": "string", "description": "Unique among objects of its kind: a-z, 0-9, _ and -" },
            "spec": schemas.spec,
        },
    });
    let mut walked = kind.kind.to_owned();
    let mut at = Step { schema: schemas.resolved(&object), required: true };
    for word in words {
        at = step(&schemas, &at.schema, &walked, word)?;
        walked = format!("{walked}.{word}");
    }
    let depth = if explain.recursive { DEPTH_MAX } else { 1 };
    let explained = Explained::of(&schemas, &at, walked, depth);
    match output.format() {
        Format::Table | Format::Wide => output.raw(&explained.text()),
        _ => output.report(&explained),
    }
}

struct Step {
    schema: Value,
    required: bool,
}

/// The field `word` of what `schema` describes, or of its items.
fn step(schemas: &Schemas, schema: &Value, walked: &str, word: &str) -> Result<Step, Failure> {
    let fields = fields(schemas, schema);
    let known: Vec<String> = fields.iter().map(|(name, ..)| name.clone()).collect();
    match fields.into_iter().find(|(name, ..)| name == word || name == "*") {
        Some((_, schema, required)) => Ok(Step { schema, required }),
        None => Err(suggested(format!("`{walked}` has no field `{word}`"), word, known)),
    }
}

fn suggested(message: String, typed: &str, known: Vec<String>) -> Failure {
    let failure = Failure::not_found(message);
    match suggest::closest(typed, known.iter().map(String::as_str)) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None if known.is_empty() => failure.hint("it has no fields"),
        None => failure.hint(format!("there are: {}", known.join(", "))),
    }
}

#[derive(Serialize)]
struct KindRow {
    kind: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Kinds(Vec<KindRow>);

impl Report for Kinds {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["KIND", "DESCRIPTION"]);
        self.0.iter().for_each(|row| table.row([row.kind.to_owned(), row.description.to_owned()]));
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|row| row.kind.to_owned()).collect()
    }
}

/// A field, and the fields in it.
#[derive(Serialize)]
struct Explained {
    field: String,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Explained>,
}

impl Explained {
    fn of(schemas: &Schemas, at: &Step, field: String, depth: usize) -> Self {
        let children = if depth == 0 { Vec::new() } else { fields(schemas, &at.schema) };
        let own = at.schema.get("description").and_then(Value::as_str).unwrap_or_default();
        Self {
            field,
            kind: type_of(schemas, &at.schema),
            required: at.required,
            default: at.schema.get("default").cloned(),
            values: values(schemas, &at.schema),
            description: own.split_whitespace().collect::<Vec<_>>().join(" "),
            fields: children
                .into_iter()
                .map(|(name, schema, required)| Self::of(schemas, &Step { schema, required }, name, depth - 1))
                .collect(),
        }
    }

    /// As one reads it.
    fn text(&self) -> String {
        let mut text = format!("FIELD:    {} <{}>{}\n", self.field, self.kind, self.marks());
        if !self.values.is_empty() {
            text.push_str(&format!("VALUES:   {}\n", self.values.join(", ")));
        }
        text.push_str(&format!("\n{}", wrapped(&self.description, 2)));
        if !self.fields.is_empty() {
            text.push_str("\nFIELDS:\n");
            self.write_fields(1, &mut text);
        }
        text
    }

    fn write_fields(&self, depth: usize, text: &mut String) {
        for field in &self.fields {
            let indent = depth * 2;
            text.push_str(&format!("{:indent$}{} <{}>{}\n", "", field.field, field.kind, field.marks()));
            text.push_str(&wrapped(&field.description, indent + 4));
            if !field.values.is_empty() {
                text.push_str(&wrapped(&format!("one of: {}", field.values.join(", ")), indent + 4));
            }
            field.write_fields(depth + 1, text);
        }
    }

    fn marks(&self) -> String {
        let required = if self.required { " required" } else { "" };
        let default = self.default.as_ref().map(|default| format!(" default: {default}")).unwrap_or_default();
        format!("{required}{default}")
    }
}

/// `text` in lines that fit a screen, `indent` to the right.
fn wrapped(text: &str, indent: usize) -> String {
    const WIDTH: usize = 100;
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.len() + word.len() >= WIDTH {
            lines.push_str(&format!("{:indent$}{line}\n", ""));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.is_empty() { lines } else { lines + &format!("{:indent$}{line}\n", "") }
}

impl Report for Explained {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["FIELD", "TYPE", "REQUIRED", "DEFAULT", "DESCRIPTION"]);
        for field in std::iter::once(self).chain(&self.fields) {
            let default = field.default.as_ref().map_or("-".to_owned(), ToString::to_string);
            let required = if field.required { "yes" } else { "no" };
            let cells =
                [&field.field, &field.kind, required, &default, &field.description].map(|cell: &str| cell.to_owned());
            table.row(cells);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| format!("{}.{}", self.field, field.field)).collect()
    }
}

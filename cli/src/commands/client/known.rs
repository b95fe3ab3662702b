//! `mcpctl client list` and `show`: which clients there are, whether they are here, and what they are connected to.

use super::file::ClientFile;
use crate::{
    Invocation,
    clients::{
        self, Target, Values,
        table::{self, Client, Credential, Scope},
    },
    failure::{During as _, Failure},
    output::{Report, Table},
    processes::in_path,
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{fs, path::Path};

/// Longest file in a table, in characters.
const FILE_CHARS_MAX: usize = 44;

/// Lists every client, seen from `dir`.
pub(super) fn list(dir: &Path, invocation: &Invocation) -> Result<(), Failure> {
    let rows = table::all()?.iter().map(|client| Known::of(client, dir)).collect::<Result<Vec<_>, _>>()?;
    invocation.output.report(&Clients(rows))
}

/// Shows one client.
pub(super) fn show(name: &str, dir: &Path, invocation: &Invocation) -> Result<(), Failure> {
    let client = table::find(name)?;
    let dir = &fs::canonicalize(dir).during(|| format!("cannot find folder `{}`", dir.display()))?;
    let known = Known::of(&client, dir)?;
    let places = client.scopes.iter().zip(&known.files);
    let next = places
        .map(|(place, file)| client.approval(place, &dir.display().to_string(), &file.file, clients::NAME))
        .collect();
    let shape = |entry: &Map<String, Value>| Values::example().fill(entry);
    invocation.output.report(&Shown {
        title: client.title.clone(),
        format: client.format.title(),
        key: format!("{}.{}", client.servers, clients::NAME),
        stdio: shape(&client.stdio),
        http: client.http.as_ref().map(|http| shape(&http.entry)),
        credential: client.http.as_ref().map(|http| http.credential),
        next,
        known,
    })
}

/// What is known of a client on this machine.
#[derive(Debug, Serialize)]
struct Known {
    name: String,
    /// Whether it was installed or run here.
    found: bool,
    files: Vec<KnownFile>,
}

#[derive(Debug, Serialize)]
struct KnownFile {
    scope: &'static str,
    file: String,
    path: String,
    exists: bool,
    /// The project our entry connects to.
    project: Option<String>,
    /// Why that is not known.
    error: Option<String>,
}

impl Known {
    fn of(client: &Client, dir: &Path) -> Result<Self, Failure> {
        let files =
            client.scopes.iter().map(|place| KnownFile::of(client, place, dir)).collect::<Result<Vec<_>, _>>()?;
        let marked = client.marks.here(clients::NAME).iter().any(|mark| mark.exists());
        let found = marked || client.programs.iter().any(|program| in_path(program).is_some());
        Ok(Self { name: client.name.clone(), found, files })
    }

    /// The file to tell of: one that connects, else the usual one.
    fn shown(&self) -> Option<&KnownFile> {
        self.files.iter().find(|file| file.project.is_some()).or(self.files.first())
    }

    fn scopes(&self) -> String {
        self.files.iter().map(|file| file.scope).collect::<Vec<_>>().join(",")
    }
}

impl KnownFile {
    fn of(client: &Client, place: &table::Place, dir: &Path) -> Result<Self, Failure> {
        let dir = if place.scope == Scope::Project { dir } else { Path::new(".") };
        let file = ClientFile::open(place, dir, clients::NAME)?;
        let target = Target { client, file: &file.label, name: clients::NAME };
        let (project, error) = match file.text.as_deref().map(|text| target.project(text)) {
            None => (None, None),
            Some(Ok(project)) => (project, None),
            Some(Err(failure)) => (None, Some(failure.message)),
        };
        Ok(Self {
            scope: place.scope.word(),
            path: file.path.display().to_string(),
            exists: file.text.is_some(),
            file: file.label,
            project,
            error,
        })
    }
}

impl KnownFile {
    /// The file for a table: what is long loses its middle.
    fn short(&self) -> String {
        let parts: Vec<&str> = self.file.split('/').collect();
        match (self.file.chars().count() > FILE_CHARS_MAX, parts.as_slice()) {
            (true, [first, second, .., last]) => format!("{first}/{second}/…/{last}"),
            _ => self.file.clone(),
        }
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Clients(Vec<Known>);

impl Report for Clients {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "FOUND", "SCOPES", "FILE", "PROJECT"]);
        for client in &self.0 {
            let shown = client.shown();
            let file = shown.map(|file| if wide { file.path.clone() } else { file.short() });
            let project = shown.and_then(|file| file.project.clone());
            table.row([
                client.name.clone(),
                if client.found { "yes" } else { "no" }.to_owned(),
                client.scopes(),
                file.unwrap_or_default(),
                project.unwrap_or_default(),
            ]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|client| client.name.clone()).collect()
    }
}

#[derive(Serialize)]
struct Shown {
    title: String,
    format: &'static str,
    key: String,
    stdio: Value,
    http: Option<Value>,
    credential: Option<Credential>,
    next: Vec<String>,
    #[serde(flatten)]
    known: Known,
}

impl Report for Shown {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::pairs();
        table.pair("Name", &self.known.name);
        table.pair("Client", &self.title);
        table.pair("Found", if self.known.found { "yes" } else { "no" });
        for (file, next) in self.known.files.iter().zip(&self.next) {
            let state = match (&file.project, &file.error, file.exists) {
                (Some(project), ..) => format!("connected to project {project}"),
                (None, Some(error), _) => error.clone(),
                (None, None, true) => "not connected".to_owned(),
                (None, None, false) => "not there".to_owned(),
            };
            table.pair("File", format!("{} (scope {}, {}): {state}", file.file, file.scope, self.format));
            table.pair("Then", next);
        }
        table.pair("Entry", &self.key);
        table.pair("Stdio", &self.stdio);
        let credential = match self.credential {
            Some(Credential::Helper) => "a helper prints the token",
            Some(Credential::Oauth) => "only where an issuer lets it log in",
            Some(Credential::None) => "refused: the token would have to be in the file",
            None => "",
        };
        match &self.http {
            Some(entry) => table.pair("HTTP", format!("{entry} ({credential})")),
            None => table.pair("HTTP", "not in its configuration"),
        }
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.known.name.clone()]
    }
}

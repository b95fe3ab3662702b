//! The topics of `mcpctl help`: texts made from the tables that decide, so that they cannot say something else.

use crate::{
    config::keys::{InProject, KEYS},
    failure::EXIT_CODES,
};

/// Where the project is published; empty where the package says nothing.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// A topic: its name, and what says it.
type Topic = (&'static str, fn() -> String);

/// Every topic.
pub(crate) static TOPICS: [Topic; 4] = [
    ("environment", environment),
    ("exit-codes", exit_codes),
    ("formatting", formatting),
    ("configuration", configuration),
];

/// Variables that are no settings.
const VARIABLES: [(&str, &str); 13] = [
    ("MCPCTL_HOME", "where mcpctl keeps its files (default ~/.mcpctl)"),
    (
        "MCPCTL_TOKEN",
        "bearer token; default: what `mcpctl login` or `mcpctl credentials set` kept for the server, else, for the control plane of this machine, $MCPCTL_HOME/token or $MCPCTL_HOME/admin-token",
    ),
    ("MCPCTL_CREDENTIAL_STORE", "where a token is kept: auto, keyring or file"),
    ("MCPCTL_PASSPHRASE", "opens the file"),
    ("MCPCTL_LOG", "what to log to stderr, for example debug"),
    ("MCPCTL_NO_UPDATE_CHECK", "never look for a newer version unasked, whatever the settings say"),
    ("NO_COLOR", "no colours"),
    ("CLICOLOR_FORCE", "colours even without a terminal, unless 0"),
    ("CLICOLOR", "no colours if 0"),
    ("PAGER", "program that shows what is longer than the screen"),
    ("SSL_CERT_FILE", "PEM file of certificates to trust instead of the system's"),
    ("HTTPS_PROXY, HTTP_PROXY", "proxy for requests; none is used for this very machine"),
    ("NO_PROXY", "hosts that are reached without it"),
];

/// What every help ends with.
pub(crate) fn short() -> String {
    let codes: Vec<String> = EXIT_CODES.iter().map(|row| format!("{} {}", row.code, row.word)).collect();
    format!(
        "Environment:\n{}\n\nExit codes:\n  {}\n\nMore: mcpctl help {}\n{}",
        table(VARIABLES.iter().take(3).map(|(name, says)| ((*name).to_owned(), (*says).to_owned()))).trim_end(),
        codes.join(", "),
        TOPICS.map(|(name, _)| name).join("|"),
        links()
    )
}

/// Where to read more, and where to tell of a fault.
pub(crate) fn links() -> String {
    if REPOSITORY.is_empty() {
        return "Documentation: the folder docs of the source; `mcpctl man` prints the manual\n\
                Something wrong? `mcpctl doctor` first; tell whoever gave you mcpctl, with `mcpctl version`"
            .to_owned();
    }
    format!("Documentation: {REPOSITORY}/tree/main/docs\nIssues: {REPOSITORY}/issues")
}

fn environment() -> String {
    let settings = KEYS.iter().map(|key| (key.variable.to_owned(), format!("{} (setting `{}`)", key.help, key.name)));
    let others = VARIABLES.iter().map(|(name, says)| ((*name).to_owned(), (*says).to_owned()));
    format!(
        "Variables of the environment\n\n{}\nAn option on the command line goes before a variable, a variable before every file.\n",
        table(others.chain(settings))
    )
}

fn exit_codes() -> String {
    let rows = EXIT_CODES.iter().map(|row| (row.code.to_string(), format!("{:<17}{}", row.word, row.meaning)));
    format!(
        "Exit codes\n\n{}\nWith `--format json` an error is JSON on stderr: {{\"error\": {{\"code\", \"message\", \"details\", \"hint\", \"request_id\"}}}},\n\
         where `code` is the word above. `policy test` ends with 7 where the call would not be allowed, `doctor` with 6 where a check fails.\n",
        table(rows)
    )
}

fn formatting() -> String {
    "Formats\n
  --format, -o   table   for reading: one row an object, NAME first; `<none>` where there is nothing
                 wide    a table with more columns
                 json    one JSON value; times are RFC 3339; fields are only ever added
                 jsonl   JSON, one object a line
                 csv     comma-separated values with a heading, safe in spreadsheets
                 yaml    YAML; of one object in the form `mcpctl apply -f` reads
                 name    only the names, one a line

Results go to stdout, everything else to stderr. Commands that change something print a line for each object:
`project/weekly_reports created`, or `unchanged`.

Colours are used on a terminal: `--color auto|always|never`, NO_COLOR, CLICOLOR_FORCE, CLICOLOR.
A table that is longer than the screen is shown by a pager on a terminal: `--no-pager`, `mcpctl config set pager off`.
`--output-curl` prints requests as curl commands, `-v` every request as it is sent; neither holds a secret.
"
    .to_owned()
}

fn configuration() -> String {
    let rows = KEYS.iter().map(|key| {
        let default = key.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
        let project = match key.in_project {
            InProject::Never => "".to_owned(),
            InProject::Anything => "; a project may set it".to_owned(),
            InProject::Only(only) => format!("; a project may say `{only}`"),
        };
        (key.name.to_owned(), format!("{}{default}{project}", key.help))
    });
    format!(
        "Settings\n\n{}\nThe first of these that says something wins, and `mcpctl config view --show-origin` shows which one did:\n\
         \x20 an option on the command line\n\
         \x20 a variable of the environment (`mcpctl help environment`)\n\
         \x20 `.mcpctl.yaml` of the project: the nearest one from this folder up to the repository's root; it comes with the\n\
         \x20   repository, so it may set only what harms nobody, and the rest of it is not followed\n\
         \x20 `config.yaml` in mcpctl's directory, which only you may read and write (mode 0600)\n\
         \x20 the default\n\n\
         A context is a server and its CA under one name: `mcpctl config set-server URL --context NAME`, then\n\
         `mcpctl config use-context NAME`, or `--context NAME` for one command. A token is kept for one server and sent to no other.\n\
         Secrets are no settings: `mcpctl credentials set`, `mcpctl secrets set`.\n",
        table(rows)
    )
}

/// Two columns; what is long goes on under itself.
fn table(rows: impl Iterator<Item = (String, String)>) -> String {
    // Clap breaks its own texts here where it does not know the terminal; a narrow one has 80 columns.
    const WIDTH: usize = 79;
    let rows: Vec<(String, String)> = rows.collect();
    let column = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 4;
    let mut text = String::new();
    for (name, says) in rows {
        let mut line = format!("  {name:<width$}", width = column - 2);
        for word in says.split(' ') {
            if line.len() + word.len() > WIDTH {
                text.push_str(&format!("{}\n", line.trim_end()));
                line = " ".repeat(column);
            }
            line.push_str(word);
            line.push(' ');
        }
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text
}

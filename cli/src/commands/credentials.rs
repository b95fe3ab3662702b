//! `mcpctl credentials`: where mcpctl keeps its own token.

use crate::{
    Invocation,
    args::credentials::Command,
    credentials::Choice,
    failure::Failure,
    given,
    home::TOKEN_FILE,
    output::{Change, Report, Table},
};
use control_plane_api::secret::Secret;
use serde::Serialize;

const OBJECT: &str = "credential/token";

/// Runs one of the credentials commands.
pub(crate) fn run(command: &Command, invocation: &Invocation) -> Result<(), Failure> {
    let (home, output) = (&invocation.home, invocation.output);
    match command {
        Command::Set { from, store } => {
            let token = given::secret(from.as_deref(), "token (not shown): ", output)?;
            keep(&token, *store, invocation)?;
            output.changes(&[Change::new(OBJECT, "set")])
        }
        Command::Status => output.report(&Origin { token: home.token(&invocation.base()?)?.origin }),
        Command::Show => output.raw(&format!("{}\n", home.token(&invocation.base()?)?.text.expose())),
        Command::Delete => {
            let change = if home.forget_token(&invocation.base()?)? { "deleted" } else { "unchanged" };
            output.changes(&[Change::new(OBJECT, change)])
        }
    }
}

/// Keeps `token` for the commands that follow, and says where.
pub(super) fn keep(token: &Secret, store: Option<Choice>, invocation: &Invocation) -> Result<(), Failure> {
    let (home, output) = (&invocation.home, invocation.output);
    let base = invocation.base()?;
    let place = home.keep_token(&base, token, store, output)?;
    output.note(format!("the token for `{base}` is kept in {place}"));
    note_file(invocation);
    Ok(())
}

/// Says so when a token lies in the clear, where somebody put it by hand.
pub(super) fn note_file(invocation: &Invocation) {
    let path = invocation.home.path(TOKEN_FILE);
    if path.exists() {
        invocation.output.note(format!(
            "`{}` is still there, in the clear, and used when no token is kept: delete it",
            path.display()
        ));
    }
}

#[derive(Serialize)]
struct Origin {
    token: String,
}

impl Report for Origin {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["CREDENTIAL", "FROM"]);
        table.row(["token".to_owned(), self.token.clone()]);
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.token.clone()]
    }
}

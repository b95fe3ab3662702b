//! A secret as it is given to a command: from stdin, a file, the environment, a prompt; on the command line only with a warning.

use crate::{
    failure::{During as _, Failure},
    output::Output,
    prompt,
};
use control_plane_api::secret::Secret;
use std::{env, fs};
use zeroize::Zeroizing;

/// What can be written for a secret; for help texts.
pub(crate) const FORMS: &str = "`-` for stdin, `@FILE`, or `env:NAME`";

/// The secret that `from` names, or is; without it, what somebody types when asked `question`.
pub(crate) fn secret(from: Option<&str>, question: &str, output: Output) -> Result<Secret, Failure> {
    let Some(from) = from else {
        if !prompt::is_possible() {
            return Err(
                Failure::usage("there is nobody to ask for the secret").hint(format!("say where it is: {FORMS}"))
            );
        }
        let typed = prompt::ask_hidden(output, question)?;
        return checked(typed.expose(), "what was typed");
    };
    match source(from)? {
        Some(secret) => Ok(secret),
        None => {
            output.warn(format!(
                "a secret on the command line stays in the shell's history and is seen by others: use {FORMS}"
            ));
            checked(from, "the value")
        }
    }
}

/// The secret that `from` names; none: it names nothing.
pub(crate) fn source(from: &str) -> Result<Option<Secret>, Failure> {
    if from == "-" {
        return prompt::read_stdin().map(Some);
    }
    if let Some(path) = from.strip_prefix('@') {
        let text = fs::read_to_string(path).map(Zeroizing::new).during(|| format!("cannot read `{path}`"))?;
        return checked(&text, &format!("`{path}`")).map(Some);
    }
    let Some(name) = from.strip_prefix("env:") else {
        return Ok(None);
    };
    let text = env::var(name).map_err(|_| Failure::usage(format!("the environment variable `{name}` is not set")))?;
    checked(&text, &format!("the environment variable `{name}`")).map(Some)
}

fn checked(text: &str, what: &str) -> Result<Secret, Failure> {
    let text = text.trim();
    if text.is_empty() { Err(Failure::usage(format!("{what} is empty"))) } else { Ok(Secret::new(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Color, Format};

    fn check(from: &str) -> Result<String, String> {
        let found = secret(Some(from), "", Output::new(Format::Table, true, Color::Never));
        found.map(|secret| secret.expose().to_owned()).map_err(|failure| failure.message)
    }

    #[test]
    fn a_secret_comes_from_where_it_is_said_to_be() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "xoxb-1\n").unwrap();
        assert_eq!(check(&format!("@{}", file.path().display())).as_deref(), Ok("xoxb-1"));
        assert_eq!(check("env:PATH"), Ok(env::var("PATH").unwrap()));
        assert_eq!(check("xoxb-2").as_deref(), Ok("xoxb-2"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert!(check("env:NOT_SET_X").unwrap_err().contains("`NOT_SET_X` is not set"));
        assert!(check("@/no/such").unwrap_err().contains("/no/such"));
        assert!(check(" ").unwrap_err().contains("empty"));
    }
}

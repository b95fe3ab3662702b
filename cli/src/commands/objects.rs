//! Objects of any kind: `mcpctl get`, `mcpctl delete`, `mcpctl export`. What their words mean is here.

pub(crate) mod delete;
pub(crate) mod export;
pub(crate) mod get;
mod row;

use crate::{failure::Failure, output::Output, suggest};
use control_plane_api::{
    name::Name,
    object::{Kind, ObjectRef},
};

/// What can be asked for by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Objects of a kind.
    Kind(Kind),
    /// Gateways, which are no objects: they enrol.
    Gateway,
    /// Instances, which are no objects: they run.
    Instance,
    /// Every kind that is applied.
    All,
}

impl Word {
    /// What `text` means: a kind, in the singular or the plural.
    fn parse(text: &str) -> Result<Self, Failure> {
        let others = [("gateway", Self::Gateway), ("instance", Self::Instance), ("all", Self::All)];
        let kinds = Kind::ALL.into_iter().map(|kind| (kind.as_str(), Self::Kind(kind)));
        let words: Vec<(&str, Self)> = kinds.chain(others).collect();
        let typed = text.to_lowercase();
        let singular = typed.strip_suffix('s').unwrap_or(&typed);
        if let Some((_, word)) = words.iter().find(|(word, _)| *word == typed || *word == singular) {
            return Ok(*word);
        }
        let names = || words.iter().map(|(word, _)| *word);
        let hint = match suggest::closest(singular, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        Err(Failure::usage(format!("`{text}` is not a kind of object")).hint(hint))
    }
}

/// What is asked for by `KIND NAME…` or `KIND/NAME …`: one kind with the names among it, or objects one by one.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Those of a kind with these names; without names all of it.
    Of(Word, Vec<Name>),
    /// Exactly these.
    These(Vec<ObjectRef>),
}

impl Asked {
    fn parse(first: &str, rest: &[String]) -> Result<Self, Failure> {
        if !first.contains('/') {
            let names: Result<Vec<Name>, Failure> = rest.iter().map(|text| name(text)).collect();
            return Ok(Self::Of(Word::parse(first)?, names?));
        }
        let references = std::iter::once(first).chain(rest.iter().map(String::as_str)).map(reference);
        Ok(Self::These(references.collect::<Result<_, Failure>>()?))
    }
}

/// Says which kinds are left out because whoever asks may not see them.
fn say_hidden(kinds: &[Kind], output: Output) {
    for kind in kinds {
        output.note(format!("{kind}s are left out: you may not see them"));
    }
}

fn reference(text: &str) -> Result<ObjectRef, Failure> {
    let Some((kind, text)) = text.split_once('/') else {
        return Err(Failure::usage(format!("`{text}` names no kind"))
            .hint("write `KIND NAME…` or `KIND/NAME KIND/NAME …`, not both at once"));
    };
    match Word::parse(kind)? {
        Word::Kind(kind) => Ok(ObjectRef { kind, name: name(text)? }),
        _ => Err(Failure::usage(format!("`{kind}` goes without a slash")).hint(format!("mcpctl get {kind} {text}"))),
    }
}

fn name(text: &str) -> Result<Name, Failure> {
    text.parse::<Name>().map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], expected: Result<&str, &str>) {
        let rest: Vec<String> = words.iter().skip(1).map(|word| (*word).to_owned()).collect();
        let found = Asked::parse(words[0], &rest);
        match expected {
            Ok(expected) => assert_eq!(format!("{:?}", found.unwrap()), expected, "{words:?}"),
            Err(expected) => {
                let failure = found.unwrap_err().to_string();
                assert!(failure.contains(expected), "{words:?}: {failure}");
            }
        }
    }

    #[test]
    fn a_kind_is_known_in_the_singular_and_the_plural_and_a_slip_is_answered_with_what_is_meant() {
        check(&["projects"], Ok("Of(Kind(Project), [])"));
        check(&["Project", "w"], Ok("Of(Kind(Project), [Name(\"w\")])"));
        check(&["all"], Ok("Of(All, [])"));
        check(&["porject"], Err("did you mean `project`?"));
        check(&["widget"], Err("there are secret, server, pin"));
        check(&["project", "Not Valid"], Err("`Not Valid` is not a valid name"));
        check(&["project/w", "user"], Err("`user` names no kind"));
        check(&["gateway/w"], Err("mcpctl get gateway w"));
    }
}

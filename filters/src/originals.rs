//! Results that were shortened, and how the whole of them is had: kept for a time, under an id that nobody can guess.
//!
//! An id is good for whose it is and nobody else; to anybody else it is an id that never was. Here is only what filters
//! and gateway agree on; where originals are kept is the gateway's affair.

use crate::{Exchange, Names, Target};
use control_plane_api::name::Name;
use protocol::{
    Request,
    method::{self, Primitive},
};
use serde_json::value::RawValue;
use std::ops::Range;

/// What the URIs of kept results begin with; the id follows.
pub const RESULTS: &str = "mcpctl://results/";

/// Whose a kept result is. Equal owners see the same ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The user.
    pub principal: Name,
    /// The project the call was made through; none on `/mcp`.
    pub project: Option<String>,
}

impl Owner {
    /// Who asks in `exchange`; none for nobody.
    #[must_use]
    pub fn of(exchange: &Exchange) -> Option<Self> {
        let principal = exchange.principal.name()?.clone();
        Some(Self { principal, project: exchange.project.clone() })
    }
}

/// Longest arguments of a call that are kept beside its result, in bytes.
const ARGUMENTS_BYTES_MAX: usize = 8 << 10;

/// Which call a result answers: who may not make it any more may not have the rest of its result either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The tool by the name the client used.
    pub primitive: Primitive,
    /// Whose tool it is.
    pub target: Target,
    /// The arguments as they were sent; none if there were none, or longer ones: to who asks anything of arguments, they are
    /// missing.
    pub arguments: Option<Box<str>>,
}

impl Origin {
    /// What `exchange` calls; none if it calls nothing of a server.
    #[must_use]
    pub fn of(exchange: &Exchange) -> Option<Self> {
        let (primitive, target) = (exchange.primitive.clone()?, exchange.target.clone()?);
        let arguments = exchange.request.params.get("arguments").map(RawValue::get);
        let arguments = arguments.filter(|arguments| arguments.len() <= ARGUMENTS_BYTES_MAX).map(Into::into);
        Some(Self { primitive, target, arguments })
    }
}

/// What a result is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Records.
    Records,
    /// Lines, of a text in which no records are known.
    Lines,
}

impl Unit {
    /// In the plural.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Lines => "lines",
        }
    }
}

/// What of a result its client was not shown yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// What it is counted in.
    pub unit: Unit,
    /// Indices, those to show next first.
    pub indices: Vec<u32>,
}

/// Keeps originals.
pub trait Originals: Send + Sync {
    /// Keeps `original`, the raw result of `origin`, for `owner`, who has yet to see `rest`. The id it is had by; none where
    /// it cannot be kept. May wait for a disk.
    fn keep(&self, owner: &Owner, origin: &Origin, original: &str, rest: Rest) -> Option<String>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Originals for Nowhere {
    fn keep(&self, _owner: &Owner, _origin: &Origin, _original: &str, _rest: Rest) -> Option<String> {
        None
    }
}

/// The URI of the kept result `id`.
#[must_use]
pub fn uri(id: &str) -> String {
    format!("{RESULTS}{id}")
}

/// The id of the kept result that `primitive` names by its URI.
#[must_use]
pub fn id_of(primitive: &Primitive) -> Option<&str> {
    match primitive {
        Primitive::Resource(uri) => uri.strip_prefix(RESULTS),
        _ => None,
    }
}

/// Whether `primitive` is the gateway's own in `project`: its tool for the rest of results, or a kept result.
#[must_use]
pub fn is_own(names: &dyn Names, project: Option<&str>, primitive: &Primitive) -> bool {
    names.more(project).is_some_and(|more| match primitive {
        Primitive::Tool(name) => *name == more,
        Primitive::Resource(_) => id_of(primitive).is_some(),
        Primitive::Prompt(_) => false,
    })
}

/// Whether `request` is answered from kept results, if its primitive is the gateway's own.
#[must_use]
pub fn answers(request: &Request) -> bool {
    matches!(request.method.as_str(), method::TOOLS_CALL | method::RESOURCES_READ)
}

/// Numbers of records as `101-200`, `7` or `300-`: counted from 1, both ends included. The indices it stands for.
///
/// # Errors
/// Says what is wrong with `text`, for who wrote it.
pub fn range(text: &str) -> Result<Range<usize>, String> {
    let wrong =
        || format!("`{text}` is no range: give the numbers of the first and the last record, such as \"101-200\"");
    let number = |digits: &str| digits.trim().parse::<usize>().ok().filter(|number| *number > 0);
    let (first, last) = match text.split_once('-') {
        None => (number(text), number(text)),
        Some((first, rest)) if rest.trim().is_empty() => (number(first), Some(usize::MAX)),
        Some((first, last)) => (number(first), number(last)),
    };
    match (first, last) {
        (Some(first), Some(last)) if first <= last => Ok(first - 1..last),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Range<usize>>) {
        assert_eq!(range(text).ok(), expected, "{text}");
    }

    #[test]
    fn a_range_counts_from_one_and_includes_both_ends() {
        check("101-200", Some(100..200));
        check(" 3 - 3 ", Some(2..3));
        check("7", Some(6..7));
        check("300-", Some(299..usize::MAX));
        for wrong in ["", "-", "0", "0-3", "5-4", "-5", "a-b", "1-2-3", "1,2", "99999999999999999999999"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_kept_result_is_known_by_its_uri() {
        assert_eq!(id_of(&Primitive::Resource(uri("abc"))), Some("abc"));
        assert_eq!(id_of(&Primitive::Resource("file:///abc".to_owned())), None);
        assert_eq!(id_of(&Primitive::Tool(uri("abc"))), None);
    }
}

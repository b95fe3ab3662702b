//! The one condition of a rule, compiled, and whether a value without parts keeps it.

use super::{number, plain};
use crate::Problem;
use control_plane_api::argument::{ArgumentRule, Condition as Spec, Scalar, anchored};
use regex::Regex;
use std::{borrow::Cow, collections::HashSet};

/// Longest text that is held against a prefix, a folder or a regular expression, in bytes: it bounds the time for one.
const TEXT_BYTES_MAX: usize = 8 << 10;

#[derive(Debug)]
pub(super) enum Condition {
    OneOf {
        texts: HashSet<String>,
        numbers: Vec<String>,
        bools: Vec<bool>,
    },
    Prefix {
        prefix: String,
        is_place: bool,
    },
    Under(String),
    Range {
        min: Option<String>,
        max: Option<String>,
    },
    Matches(Box<Regex>),
    /// It could not be read: nothing keeps it.
    Broken,
}

impl Condition {
    pub(super) fn compile(rule: &ArgumentRule) -> Self {
        match rule.condition() {
            Some(Spec::OneOf(values)) => one_of(values),
            Some(Spec::Prefix(prefix)) => Self::Prefix { prefix: prefix.to_owned(), is_place: prefix.contains('/') },
            Some(Spec::Under(folder)) => Self::Under(folder.to_owned()),
            Some(Spec::Range(range)) => Self::Range {
                min: range.min.as_ref().map(ToString::to_string),
                max: range.max.as_ref().map(ToString::to_string),
            },
            Some(Spec::Matches(pattern)) => {
                anchored(pattern).map_or(Self::Broken, |regex| Self::Matches(Box::new(regex)))
            }
            None => Self::Broken,
        }
    }

    /// Whether the JSON value `raw` keeps it.
    pub(super) fn judge(&self, raw: &str) -> Result<(), Problem> {
        let keeps = match self {
            Self::Broken => false,
            Self::OneOf { texts, numbers, bools } => match raw.as_bytes().first() {
                Some(b'"') => texts.contains(&*text(raw)?),
                Some(b't' | b'f') => bools.contains(&(raw == "true")),
                Some(b'-' | b'0'..=b'9') => numbers.iter().any(|number| number::is_written_as(raw, number)),
                _ => return Err(Problem::Type),
            },
            Self::Range { min, max } => {
                let value = number::Decimal::read(raw).ok_or(Problem::Type)?;
                let bound = |bound: &Option<String>, inside: fn(std::cmp::Ordering) -> bool| match bound {
                    None => true,
                    Some(bound) => number::Decimal::read(bound).is_some_and(|bound| inside(value.compare(&bound))),
                };
                bound(min, std::cmp::Ordering::is_ge) && bound(max, std::cmp::Ordering::is_le)
            }
            Self::Prefix { prefix, is_place } => {
                let text = short(raw)?;
                text.strip_prefix(&**prefix).is_some_and(|rest| !is_place || plain::stays(prefix, rest))
            }
            Self::Under(folder) => plain::is_under(&short(raw)?, folder),
            Self::Matches(regex) => regex.is_match(&short(raw)?),
        };
        if keeps { Ok(()) } else { Err(Problem::Value) }
    }
}

fn one_of(values: &[Scalar]) -> Condition {
    let (mut texts, mut numbers, mut bools) = (HashSet::new(), Vec::new(), Vec::new());
    for value in values {
        match value {
            Scalar::Text(text) => drop(texts.insert(text.clone())),
            Scalar::Number(number) => numbers.push(number.to_string()),
            Scalar::Bool(value) => bools.push(*value),
        }
    }
    Condition::OneOf { texts, numbers, bools }
}

/// The text that the JSON value `raw` is.
fn text(raw: &str) -> Result<Cow<'_, str>, Problem> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(Problem::Type)?;
    match inner.contains('\\') {
        false => Ok(Cow::Borrowed(inner)),
        true => serde_json::from_str(raw).map(Cow::Owned).map_err(|_| Problem::Type),
    }
}

/// The same, of a bounded length.
fn short(raw: &str) -> Result<Cow<'_, str>, Problem> {
    text(raw).and_then(|text| if text.len() <= TEXT_BYTES_MAX { Ok(text) } else { Err(Problem::Value) })
}

//! Rules about the arguments of tools, and what a tool's schema declares about its arguments.
//!
//! Only what can be written down; what a rule means for a value is decided in `policy`.

use crate::{pattern::Pattern, profile};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use utoipa::ToSchema;

/// Rules about arguments one profile may have.
pub const ARGUMENT_RULES_MAX: usize = 1_000;
/// Longest regular expression of a rule, in bytes.
pub const REGEX_BYTES_MAX: usize = 1_024;
/// Most memory a compiled regular expression of a rule may take, in bytes: it bounds what a match costs.
pub const REGEX_COMPILED_BYTES_MAX: usize = 256 << 10;
/// Deepest place of an argument inside objects: names in [`ArgumentRule::argument`].
pub const PATH_NAMES_MAX: usize = 8;

/// What a profile asks of one argument of some tools. Of a tool that any rule speaks of, every rule must hold, and
/// arguments that neither a rule nor the tool's schema names are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArgumentRule {
    /// The server's own tool names the rule speaks of. Default: every tool of the profile.
    #[serde(default = "profile::everything", skip_serializing_if = "profile::is_everything")]
    pub tools: Vec<Pattern>,
    /// The argument's name; of one inside objects its place, such as `fields.project.key`.
    #[schema(example = "channel_id")]
    pub argument: String,
    /// The argument may be absent. One that is there must satisfy the rule all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// One of these values, of the same type: `1` is neither `"1"` nor `1.0` nor `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Scalar>>,
    /// A text that begins like this. If this holds a `/`, what follows may not lead out of it (see `under`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A path that is this folder or inside it, written plainly: absolute, without `.`, `..`, `//`, `\`, `%`, control
    /// characters, and names that end in a dot or a space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/srv/reports")]
    pub under: Option<String>,
    /// A number within bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// A text that as a whole matches this regular expression (syntax of the Rust crate `regex`, which takes linear time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
}

/// A JSON value without parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    #[schema(value_type = f64)]
    Number(serde_json::Number),
    /// A text.
    Text(String),
}

/// Bounds of a number; both are inside. At least one is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The smallest number allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub min: Option<serde_json::Number>,
    /// The largest number allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub max: Option<serde_json::Number>,
}

/// The one condition of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Condition<'a> {
    /// [`ArgumentRule::one_of`].
    OneOf(&'a [Scalar]),
    /// [`ArgumentRule::prefix`].
    Prefix(&'a str),
    /// [`ArgumentRule::under`].
    Under(&'a str),
    /// [`ArgumentRule::range`].
    Range(&'a Range),
    /// [`ArgumentRule::matches`].
    Matches(&'a str),
}

impl ArgumentRule {
    /// The rule's condition; none unless there is exactly one.
    #[must_use]
    pub fn condition(&self) -> Option<Condition<'_>> {
        let all = [
            self.one_of.as_deref().map(Condition::OneOf),
            self.prefix.as_deref().map(Condition::Prefix),
            self.under.as_deref().map(Condition::Under),
            self.range.as_ref().map(Condition::Range),
            self.matches.as_deref().map(Condition::Matches),
        ];
        let mut given = all.into_iter().flatten();
        given.next().filter(|_| given.next().is_none())
    }

    /// The names that lead to the argument, from the outside in.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.argument.split('.')
    }
}

/// The regular expression `pattern`, anchored at both ends of a text, however many lines that has.
///
/// # Errors
/// What is wrong with it, for who wrote it.
pub fn anchored(pattern: &str) -> Result<regex::Regex, String> {
    if pattern.len() > REGEX_BYTES_MAX {
        return Err(format!("is longer than {REGEX_BYTES_MAX} bytes"));
    }
    let compile = |text: &str| {
        let built = regex::RegexBuilder::new(text).size_limit(REGEX_COMPILED_BYTES_MAX).build();
        built.map_err(|error| format!("is no regular expression that can be used: {error}"))
    };
    // By itself first: a pattern whose parentheses do not match must not undo the ones around it.
    compile(pattern)?;
    compile(&format!(r"\A(?:{pattern})\z"))
}

impl fmt::Display for ArgumentRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.condition() {
            None => f.write_str("is not to be used, because its rule is broken"),
            Some(Condition::OneOf(values)) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "must be {}{}", if values.len() == 1 { "" } else { "one of " }, values.join(", "))
            }
            Some(Condition::Prefix(prefix)) => write!(f, "must begin with `{prefix}`"),
            Some(Condition::Under(folder)) => write!(f, "must be a plain path under `{folder}`"),
            Some(Condition::Matches(pattern)) => write!(f, "must match `{pattern}` as a whole"),
            Some(Condition::Range(Range { min, max })) => match (min, max) {
                (Some(min), Some(max)) => write!(f, "must be a number from {min} to {max}"),
                (Some(min), None) => write!(f, "must be a number of at least {min}"),
                (None, Some(max)) => write!(f, "must be a number of at most {max}"),
                (None, None) => f.write_str("must be a number"),
            },
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "`{value}`"),
            Self::Number(value) => write!(f, "`{value}`"),
            Self::Text(value) => write!(f, "`{value:?}`"),
        }
    }
}

/// What a tool's input schema says of a value, as far as rules about arguments need to know: which members it names, and
/// whether it may be an array. Of an array it speaks of the elements.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Declared {
    /// It may be an array.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
    /// The members it names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(no_recursion)]
    pub members: BTreeMap<String, Declared>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(anchored(pattern).unwrap().is_match(text), expected, "{pattern} ~ {text:?}");
    }

    #[test]
    fn a_regular_expression_is_about_the_whole_text() {
        check("a|b", "a", true);
        check("a|b", "ab", false);
        check("a$", "a\n", false);
        check("(?m)^a$", "x\na", false);
        check("", "", true);
        check("", "x", false);
        check("(?i)acme-[0-9]+", "ACME-7", true);
    }

    #[test]
    fn one_that_would_undo_its_anchors_or_cost_too_much_is_refused() {
        for pattern in ["a)|(?:b", "(", "a{1000}{1000}", "(?x)a # ", r"(\w{100}){100}", &"a".repeat(1_025)] {
            assert!(anchored(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_rule_has_exactly_one_condition_and_no_field_nobody_knows() {
        let read = |text: &str| serde_json::from_str::<ArgumentRule>(text);
        assert!(read(r#"{"argument":"a","prefix":"x"}"#).unwrap().condition().is_some());
        assert!(read(r#"{"argument":"a"}"#).unwrap().condition().is_none());
        assert!(read(r#"{"argument":"a","prefix":"x","under":"/x"}"#).unwrap().condition().is_none());
        for unknown in [r#"{"argument":"a","not_one_of":[1]}"#, r#"{"argument":"a","range":{"below":1}}"#] {
            assert!(read(unknown).is_err(), "{unknown}");
        }
        assert!(read(r#"{"argument":"a","one_of":[null]}"#).is_err());
        assert!(read(r#"{"argument":"a","one_of":[[1]]}"#).is_err());
    }
}

//! JSON and JSON with comments: one member put into the text of a file or taken out of it; every other byte stays.
//!
//! A member is written as its surroundings are: over several lines among members on lines of their own, else on one. What is
//! put into an object without members is on one line, what comes with a new object around it is not, or has blanks within the
//! braces: so it is seen, when the member is taken out, whether that object was there before.

use super::edit::{Spot, Trouble};
use jsonc_parser::{
    CollectOptions, CommentCollectionStrategy, ParseOptions,
    ast::{Object, ObjectProp},
    parse_to_ast,
    tokens::{Token, TokenAndRange},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Deepest nesting that is read.
const DEPTH_MAX: u32 = 64;

/// What a file may hold beside plain JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Nothing.
    Plain,
    /// Comments, and commas after the last member.
    Commented,
}

/// The text of a new file.
pub(super) fn new(spot: Spot<'_>, entry: &Value) -> String {
    let style = Style::of("");
    let servers = style.member(spot.servers, &style.around(spot.name, entry, &style.indent));
    format!("{{{0}{1}{servers}{0}}}{0}", style.newline, style.indent)
}

/// The whole file as a value.
pub(super) fn value(text: &str, dialect: Dialect) -> Result<Value, String> {
    if dialect == Dialect::Plain {
        protocol::json::check(text.as_bytes(), DEPTH_MAX).map_err(|error| {
            let place = serde_json::from_str::<Value>(text).err().map(|place| place.to_string());
            place.unwrap_or_else(|| error.to_string())
        })?;
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options()).map_err(|error| error.to_string())?;
    let value = parsed.value.ok_or_else(|| "it is empty".to_owned())?;
    no_name_twice(&value)?;
    Ok(value.into())
}

/// `text` with `entry` at `spot`.
pub(super) fn put(text: &str, spot: Spot<'_>, entry: &Value) -> Result<String, Trouble> {
    let file = File::open(text)?;
    let style = Style::of(text);
    let Some(servers) = file.root.get(spot.servers) else {
        return Ok(file.insert(&file.root, 0, &style, |column| {
            let servers = match column {
                Some(column) => style.around(spot.name, entry, column),
                None => format!("{{ {} }}", style.member(spot.name, &line(entry))),
            };
            style.member(spot.servers, &servers)
        }));
    };
    let servers = servers.value.as_object().ok_or(Trouble::NoObject)?;
    let Some(old) = servers.get(spot.name) else {
        return Ok(file.insert(servers, 1, &style, |column| {
            style.member(spot.name, &column.map_or_else(|| line(entry), |column| style.pretty(entry, column)))
        }));
    };
    let range = jsonc_parser::common::Ranged::range(&old.value);
    let spread = text.get(range.start..range.end).is_some_and(|value| value.contains('\n'));
    let column = file.column(old).unwrap_or_else(|| style.indent.repeat(2));
    let value = if spread { style.pretty(entry, &column) } else { line(entry) };
    replaced(text, range.start..range.end, &value)
}

/// `text` without what is at `spot`.
pub(super) fn take(text: &str, spot: Spot<'_>) -> Result<String, Trouble> {
    let file = File::open(text)?;
    let servers = file.root.get_object(spot.servers).ok_or(Trouble::NoObject)?;
    file.cut(servers.get(spot.name).ok_or(Trouble::NotSafe)?)
}

/// `text` without the object that `spot` is in.
pub(super) fn take_around(text: &str, spot: Spot<'_>) -> Result<String, Trouble> {
    let file = File::open(text)?;
    file.cut(file.root.get(spot.servers).ok_or(Trouble::NoObject)?)
}

/// A text in its parts.
struct File<'a> {
    text: &'a str,
    root: Object<'a>,
    /// Its tokens and comments, in order.
    tokens: Vec<TokenAndRange<'a>>,
}

impl<'a> File<'a> {
    fn open(text: &'a str) -> Result<Self, Trouble> {
        let collect = CollectOptions { comments: CommentCollectionStrategy::AsTokens, tokens: true };
        let parsed = parse_to_ast(text, &collect, &options()).map_err(|_| Trouble::NotSafe)?;
        match (parsed.value, parsed.tokens) {
            (Some(jsonc_parser::ast::Value::Object(root)), Some(tokens)) => Ok(Self { text, root, tokens }),
            _ => Err(Trouble::NoObject),
        }
    }

    /// The text with a member more at the end of `object`. `member` is told with which blanks its line begins, if it may have
    /// lines of its own.
    fn insert(
        &self,
        object: &Object<'_>,
        depth: usize,
        style: &Style,
        member: impl Fn(Option<&str>) -> String,
    ) -> String {
        let spread = self.text.get(object.range.start..object.range.end).is_some_and(|text| text.contains('\n'));
        let last = object.properties.last();
        let column = last.and_then(|last| self.column(last)).unwrap_or_else(|| style.indent.repeat(depth + 1));
        let member = member(Some(column.as_str()).filter(|_| spread && last.is_some()));
        let at = self.end_before(object.range.end.saturating_sub(1));
        let before = match spread {
            true => format!("{}{column}", style.newline),
            false if last.is_none() && at == object.range.start + 1 => String::new(),
            false => " ".to_owned(),
        };
        let (comma_at, comma, end) = match last {
            None => (at, "", ""),
            Some(last) if self.comma_after(last.range.end).is_some() => (at, "", ","),
            Some(last) => (last.range.end, ",", ""),
        };
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let rest = self.text.get(at..).unwrap_or_default();
        format!("{}{comma}{}{before}{member}{end}{rest}", part(0, comma_at), part(comma_at, at))
    }

    /// The text without `member`.
    fn cut(&self, member: &ObjectProp<'_>) -> Result<String, Trouble> {
        let start = self.end_before(member.range.start);
        if let Some(comma) = self.comma_after(member.range.end) {
            return replaced(self.text, start..comma + 1, "");
        }
        let without = replaced(self.text, start..member.range.end, "")?;
        let before = self.tokens.iter().rev().filter(|token| token.range.end <= member.range.start);
        match before.filter(|token| !is_comment(token)).map(|token| (&token.token, token.range.start)).next() {
            Some((Token::Comma, comma)) => replaced(&without, comma..comma + 1, ""),
            _ => Ok(without),
        }
    }

    /// Where the last token or comment before `at` ends.
    fn end_before(&self, at: usize) -> usize {
        self.tokens.iter().rev().map(|token| token.range.end).find(|end| *end <= at).unwrap_or_default()
    }

    /// The comma that follows at `at` or after comments.
    fn comma_after(&self, at: usize) -> Option<usize> {
        let next = self.tokens.iter().find(|token| token.range.start >= at && !is_comment(token))?;
        (next.token == Token::Comma).then_some(next.range.start)
    }

    /// The blanks before a member that begins its line.
    fn column(&self, member: &ObjectProp<'_>) -> Option<String> {
        let blank = self.text.get(..member.range.start)?.rsplit('\n').next()?;
        blank.chars().all(|c| matches!(c, ' ' | '\t')).then(|| blank.to_owned())
    }
}

fn is_comment(token: &TokenAndRange<'_>) -> bool {
    matches!(token.token, Token::CommentLine(_) | Token::CommentBlock(_))
}

fn replaced(text: &str, range: std::ops::Range<usize>, by: &str) -> Result<String, Trouble> {
    match (text.get(..range.start), text.get(range.end..)) {
        (Some(before), Some(after)) => Ok(format!("{before}{by}{after}")),
        _ => Err(Trouble::NotSafe),
    }
}

fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn no_name_twice(value: &jsonc_parser::ast::Value<'_>) -> Result<(), String> {
    if let Some(object) = value.as_object() {
        let mut names = BTreeSet::new();
        for member in &object.properties {
            if !names.insert(member.name.as_str()) {
                return Err(format!("`{}` is there twice", member.name.as_str()));
            }
            no_name_twice(&member.value)?;
        }
    }
    let items = value.as_array().map(|array| array.elements.as_slice()).unwrap_or_default();
    items.iter().try_for_each(no_name_twice)
}

/// `value` on one line.
pub(super) fn line(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if !members.is_empty() => {
            let member = |(name, value): (&String, &Value)| format!("{}: {}", Value::from(name.as_str()), line(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// How a file is laid out.
struct Style {
    indent: String,
    newline: &'static str,
}

impl Style {
    fn of(text: &str) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let blank = |line: &str| line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect::<String>();
        let members = text.lines().filter(|line| line.trim_start().starts_with('"'));
        let indent = members.map(blank).find(|blank| !blank.is_empty()).unwrap_or_else(|| "  ".to_owned());
        Self { indent, newline }
    }

    fn member(&self, name: &str, value: &str) -> String {
        format!("{}: {value}", Value::from(name))
    }

    /// An object that holds one member, whose last line begins with `column`.
    fn around(&self, name: &str, value: &Value, column: &str) -> String {
        let inner = format!("{column}{}", self.indent);
        let member = self.member(name, &self.pretty(value, &inner));
        format!("{{{0}{inner}{member}{0}{column}}}", self.newline)
    }

    /// `value` laid out like the rest, its last line beginning with `column`.
    fn pretty(&self, value: &Value, column: &str) -> String {
        let inner = format!("{column}{}", self.indent);
        let lines = |lines: Vec<String>, open: char, close: char| {
            let lines: Vec<String> = lines.into_iter().map(|line| format!("{inner}{line}")).collect();
            format!("{open}{0}{1}{0}{column}{close}", self.newline, lines.join(&format!(",{}", self.newline)))
        };
        match value {
            Value::Array(items) if !items.is_empty() => {
                lines(items.iter().map(|item| self.pretty(item, &inner)).collect(), '[', ']')
            }
            Value::Object(members) if !members.is_empty() => {
                let member = |(name, value): (&String, &Value)| self.member(name, &self.pretty(value, &inner));
                lines(members.iter().map(member).collect(), '{', '}')
            }
            other => other.to_string(),
        }
    }
}

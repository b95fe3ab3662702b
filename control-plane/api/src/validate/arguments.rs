//! What is wrong with the argument rules of a profile.

use super::Rules;
use crate::{
    argument::{ARGUMENT_RULES_MAX, ArgumentRule, Condition, PATH_NAMES_MAX, Range, Scalar, anchored},
    object::ObjectRef,
};
use serde_json::Number;

/// Largest number written with a point or an exponent: beyond it not every whole number is held exactly (2^53).
const FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

impl Rules<'_> {
    pub(super) fn arguments(&mut self, object: &ObjectRef, rules: &[ArgumentRule]) {
        if rules.len() > ARGUMENT_RULES_MAX {
            let message = format!("has {} rules: use at most {ARGUMENT_RULES_MAX}", rules.len());
            self.broken(object, "arguments", message);
        }
        for (at, rule) in rules.iter().enumerate() {
            if let Err((field, message)) = check(rule) {
                let dot = if field.is_empty() { "" } else { "." };
                self.broken(object, &format!("arguments[{at}]{dot}{field}"), message);
            }
        }
    }
}

type Fault = (&'static str, String);

fn check(rule: &ArgumentRule) -> Result<(), Fault> {
    let names = rule.names().count();
    if rule.names().any(str::is_empty) || names > PATH_NAMES_MAX {
        let message = format!(
            "`{}` is no place of an argument: write its name, or 2 to {PATH_NAMES_MAX} names joined by `.`",
            rule.argument
        );
        return Err(("argument", message));
    }
    if rule.tools.is_empty() {
        return Err(("tools", "is empty: name tools, or leave it out to speak of all".to_owned()));
    }
    match rule.condition() {
        None => Err(("", "give exactly one of one_of, prefix, under, range and matches".to_owned())),
        Some(Condition::OneOf([])) => Err(("one_of", "is empty: name values, or refuse the tool in `deny`".to_owned())),
        Some(Condition::OneOf(values)) => values.iter().try_for_each(|value| match value {
            Scalar::Number(number) => exact("one_of", number),
            Scalar::Bool(_) | Scalar::Text(_) => Ok(()),
        }),
        Some(Condition::Prefix("")) => Err(("prefix", "is empty: every text begins with it".to_owned())),
        Some(Condition::Prefix(_)) => Ok(()),
        Some(Condition::Under(folder)) => under(folder),
        Some(Condition::Range(range)) => bounds(range),
        Some(Condition::Matches(pattern)) => anchored(pattern).map(drop).map_err(|message| ("matches", message)),
    }
}

fn under(folder: &str) -> Result<(), Fault> {
    let plain = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.ends_with(['.', ' ']);
    let odd = |letter: char| letter.is_control() || matches!(letter, '\\' | '%');
    match folder.strip_prefix('/') {
        Some(names) if names.split('/').all(plain) && !folder.contains(odd) => Ok(()),
        _ => Err(("under", format!("`{folder}` is not the plain absolute path of a folder, such as `/srv/reports`"))),
    }
}

fn bounds(range: &Range) -> Result<(), Fault> {
    let (min, max) = (range.min.as_ref(), range.max.as_ref());
    for bound in [min, max].into_iter().flatten() {
        exact("range", bound)?;
    }
    match (min, max) {
        (None, None) => Err(("range", "give `min`, `max` or both".to_owned())),
        (Some(min), Some(max)) if above(min, max) => {
            Err(("range", format!("no number is at least {min} and at most {max}")))
        }
        _ => Ok(()),
    }
}

/// Whether `min` lies above `max`: exactly where both are whole numbers.
fn above(min: &Number, max: &Number) -> bool {
    match (min.as_i128(), max.as_i128()) {
        (Some(min), Some(max)) => min > max,
        _ => min.as_f64() > max.as_f64(),
    }
}

/// A number that is held as it was written: any whole one of 64 bits, and others below 2^53.
fn exact(field: &'static str, number: &Number) -> Result<(), Fault> {
    let held = number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|value| value.abs() <= FLOAT_MAX);
    let message = || format!("{number} cannot be held exactly: use whole numbers of 64 bits, or others up to 2^53");
    if held { Ok(()) } else { Err((field, message())) }
}

#[cfg(test)]
mod tests {
    use super::super::{Snapshot, validate};
    use serde_json::{Value, json};

    fn check(rule: Value, expected: Option<&str>) {
        let objects = json!([
            {"kind": "server", "name": "s", "spec": {"transport": {"type": "stdio", "command": "x"}}},
            {"kind": "profile", "name": "p", "spec": {"server": "s", "arguments": [rule]}},
        ]);
        let snapshot = Snapshot { objects: serde_json::from_value(objects).unwrap(), ..Snapshot::empty() };
        let found: Vec<String> = validate(&snapshot).iter().map(ToString::to_string).collect();
        match expected {
            None => assert!(found.is_empty(), "{rule}: {found:?}"),
            Some(words) => assert!(found.len() == 1 && found[0].contains(words), "{rule}: {found:?}"),
        }
    }

    #[test]
    fn a_rule_says_which_argument_and_one_thing_about_it() {
        check(json!({"argument": "channel_id", "one_of": ["C1", 2, true]}), None);
        check(json!({"argument": "a.b", "matches": "[A-Z]+-[0-9]+"}), None);
        check(json!({"argument": "n", "range": {"min": -1, "max": 1.5}}), None);
        check(json!({"argument": "n"}), Some("arguments[0]: give exactly one"));
        check(json!({"argument": "n", "prefix": "a", "matches": "b"}), Some("exactly one"));
        check(json!({"argument": "", "prefix": "a"}), Some("arguments[0].argument"));
        check(json!({"argument": "a..b", "prefix": "a"}), Some("no place of an argument"));
        check(json!({"argument": "a.b.c.d.e.f.g.h.i", "prefix": "a"}), Some("no place of an argument"));
        check(json!({"argument": "a", "prefix": "a", "tools": []}), Some("arguments[0].tools: is empty"));
    }

    #[test]
    fn a_condition_that_cannot_mean_what_it_says_is_refused() {
        check(json!({"argument": "a", "one_of": []}), Some("one_of: is empty"));
        check(json!({"argument": "a", "prefix": ""}), Some("every text begins with it"));
        check(json!({"argument": "a", "matches": "("}), Some("no regular expression"));
        check(json!({"argument": "a", "range": {}}), Some("`min`, `max` or both"));
        check(json!({"argument": "a", "range": {"min": 2, "max": 1}}), Some("no number"));
        check(json!({"argument": "a", "range": {"min": 9_007_199_254_740_993_u64}}), None);
        check(json!({"argument": "a", "range": {"max": 1e300}}), Some("held exactly"));
        check(json!({"argument": "a", "one_of": [1.9e19]}), Some("held exactly"));
        for folder in ["/srv/reports", "/s", "/ä"] {
            check(json!({"argument": "a", "under": folder}), None);
        }
        for folder in ["", "/", "srv", "/srv/", "/a//b", "/a/../b", "/a/.", "/a%2e", "/a\\b", "/a\u{0}", "/a.", "/a "] {
            check(json!({"argument": "a", "under": folder}), Some("plain absolute path"));
        }
    }
}

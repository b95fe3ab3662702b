//! Changing one thing in the user's file of settings, leaving its comments and its order as they are.
//!
//! What comes out is read again before it is kept: a change that did more or less than it should is not written.

use super::file::{CONTEXTS, USER_FILE, refuse_open};
use crate::{
    failure::{During as _, Failure},
    home::Home,
};
use serde_yaml_ng::{Mapping as Plain, Value};
use std::{fs, io, str::FromStr as _};
use yaml_edit::{Mapping, YamlFile};

/// One change.
#[derive(Debug)]
pub(crate) enum Edit<'a> {
    /// A key gets a value.
    Set(&'a str, &'a str),
    /// A key is taken out.
    Unset(&'a str),
    /// A member of a context gets a value; the context is made where there is none.
    SetIn(&'a str, &'a str, &'a str),
    /// A context is taken out.
    Forget(&'a str),
}

/// Makes `edits` in the user's file, all or none. Whether anything changed.
pub(crate) fn apply(home: &Home, edits: &[Edit<'_>]) -> Result<bool, Failure> {
    let path = home.path(USER_FILE);
    refuse_open(&path)?;
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).during(|| format!("cannot read `{}`", path.display())),
    };
    let after = edited(&before, edits).ok_or_else(|| {
        Failure::failed(format!("`{}` is written in a way that cannot be changed here", path.display()))
            .hint("change it with an editor")
    })?;
    if after == before {
        return Ok(false);
    }
    home.ensure("")?;
    home.write_private(USER_FILE, after.as_bytes())?;
    Ok(true)
}

/// `text` with `edits`; none where the result would say something else than it should.
fn edited(text: &str, edits: &[Edit<'_>]) -> Option<String> {
    let mut expected = match serde_yaml_ng::from_str(text).ok()? {
        Value::Null => Plain::new(),
        Value::Mapping(mapping) => mapping,
        _ => return None,
    };
    for edit in edits {
        expect(&mut expected, edit)?;
    }
    let mut after = text.to_owned();
    for edit in edits {
        after = with_one(&after, edit)?;
    }
    let found = match serde_yaml_ng::from_str(&after).ok()? {
        Value::Null => Plain::new(),
        Value::Mapping(mapping) => mapping,
        _ => return None,
    };
    (found == expected).then_some(after)
}

fn with_one(text: &str, edit: &Edit<'_>) -> Option<String> {
    // Without a key there is no tree to change, but there may be comments to keep.
    let is_empty = matches!(serde_yaml_ng::from_str::<Value>(text).ok()?, Value::Null);
    let lead = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    match edit {
        Edit::Set(key, value) if is_empty => {
            return Some(format!("{text}{lead}{key}: {}\n", serde_yaml_ng::to_string(&typed(value)).ok()?.trim_end()));
        }
        Edit::SetIn(context, member, value) if is_empty => {
            return Some(format!(
                "{text}{lead}{CONTEXTS}:\n  {}:\n    {member}: {}\n",
                quoted(context)?,
                quoted(value)?
            ));
        }
        _ if is_empty => return Some(text.to_owned()),
        _ => {}
    }
    let file = YamlFile::from_str(text).ok()?;
    let root = file.document()?.as_mapping()?;
    match edit {
        Edit::Set(key, value) => match typed(value) {
            Value::Bool(switch) => root.set(*key, switch),
            Value::Number(number) => root.set(*key, number.as_i64()?),
            _ => root.set(*key, *value),
        },
        Edit::Unset(key) => {
            root.remove(*key);
        }
        Edit::SetIn(context, member, value) => set_in(&root, context, member, value)?,
        Edit::Forget(context) => {
            if let Some(contexts) = root.get_mapping(CONTEXTS) {
                contexts.remove(*context);
                if contexts.is_empty() {
                    root.remove(CONTEXTS);
                }
            }
        }
    }
    let mut text = file.to_string();
    if text.trim() == "{}" {
        text.clear();
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    Some(text)
}

fn set_in(root: &Mapping, context: &str, member: &str, value: &str) -> Option<()> {
    if root.get_mapping(CONTEXTS).is_none() {
        root.remove(CONTEXTS);
        let (contexts, inner) = (Mapping::new(), Mapping::new());
        inner.set(member, value);
        contexts.set(context, inner);
        root.set(CONTEXTS, contexts);
        return Some(());
    }
    let contexts = root.get_mapping(CONTEXTS)?;
    match contexts.get_mapping(context) {
        Some(inner) => inner.set(member, value),
        None => {
            let inner = Mapping::new();
            inner.set(member, value);
            contexts.set(context, inner);
        }
    }
    Some(())
}

/// What `edit` comes to, for comparing.
fn expect(mapping: &mut Plain, edit: &Edit<'_>) -> Option<()> {
    let text = |text: &str| Value::String(text.to_owned());
    match edit {
        Edit::Set(key, value) => {
            mapping.insert(text(key), typed(value));
        }
        Edit::Unset(key) => {
            mapping.shift_remove(*key);
        }
        Edit::SetIn(context, member, value) => {
            let contexts = child(mapping, CONTEXTS)?;
            child(contexts, context)?.insert(text(member), text(value));
        }
        Edit::Forget(context) => {
            if let Some(contexts) = mapping.get_mut(CONTEXTS).and_then(Value::as_mapping_mut) {
                contexts.shift_remove(*context);
                if contexts.is_empty() {
                    mapping.shift_remove(CONTEXTS);
                }
            }
        }
    }
    Some(())
}

fn child<'a>(mapping: &'a mut Plain, name: &str) -> Option<&'a mut Plain> {
    let child = mapping.entry(Value::String(name.to_owned())).or_insert(Value::Null);
    if child.is_null() {
        *child = Value::Mapping(Plain::new());
    }
    child.as_mapping_mut()
}

/// Switches and numbers are written as such; the rest is text.
fn typed(text: &str) -> Value {
    match (text, text.parse::<u32>()) {
        ("true", _) => Value::Bool(true),
        ("false", _) => Value::Bool(false),
        (_, Ok(number)) if number.to_string() == text => Value::Number(number.into()),
        _ => Value::String(text.to_owned()),
    }
}

fn quoted(text: &str) -> Option<String> {
    Some(serde_yaml_ng::to_string(text).ok()?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, edits: &[Edit<'_>], after: &str) {
        assert_eq!(edited(before, edits).as_deref(), Some(after), "{before:?} {edits:?}");
    }

    #[test]
    fn comments_and_order_stay_as_they_are() {
        let before = "# mine\nformat: json # for scripts\n\n# slow line\ntimeout: 5s\n";
        check(
            before,
            &[Edit::Set("format", "yaml")],
            "# mine\nformat: yaml # for scripts\n\n# slow line\ntimeout: 5s\n",
        );
        check(before, &[Edit::Set("color", "never")], &format!("{before}color: never\n"));
        check(before, &[Edit::Set("format", "json")], before);
        check(before, &[Edit::Unset("project")], before);
    }

    #[test]
    fn a_file_without_keys_keeps_its_comments() {
        check("", &[Edit::Set("format", "json")], "format: json\n");
        check("# mine", &[Edit::Set("format", "json")], "# mine\nformat: json\n");
        check("", &[Edit::Unset("format")], "");
    }

    #[test]
    fn contexts_are_made_changed_and_taken_out() {
        let one = "contexts:\n  work:\n    server: https://a.example/\n";
        check("", &[Edit::SetIn("work", "server", "https://a.example/")], one);
        let two = edited(one, &[Edit::SetIn("home", "server", "http://127.0.0.1:3000/")]).unwrap();
        assert!(two.starts_with(one), "{two}");
        let both = edited(&two, &[Edit::SetIn("work", "ca", "/ca.pem"), Edit::Set("context", "work")]).unwrap();
        let read: Value = serde_yaml_ng::from_str(&both).unwrap();
        assert_eq!(read["contexts"]["work"]["ca"], "/ca.pem");
        assert_eq!(read["context"], "work");
        let left = edited(&both, &[Edit::Forget("home"), Edit::Forget("work"), Edit::Unset("context")]).unwrap();
        assert_eq!(left.trim(), "");
    }

    #[test]
    fn a_word_that_yaml_takes_for_something_else_stays_text() {
        for value in ["true", "5", "off", "null", "a: b", "# x", "'"] {
            for before in ["", "format: json\n"] {
                let after = edited(before, &[Edit::Set("pager", value)]).unwrap();
                let read: Value = serde_yaml_ng::from_str(&after).unwrap();
                assert_eq!(read["pager"], typed(value), "{after}");
            }
        }
    }
}

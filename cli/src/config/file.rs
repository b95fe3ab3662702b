//! A file of settings as it is read: the user's `config.yaml`, or the `.mcpctl.yaml` of a project.
//!
//! It knows which keys there are, not which file wins.

use super::keys::{self, InProject};
use crate::{
    failure::{During as _, Failure},
    home::mode_of,
};
use serde_yaml_ng::{Mapping, Value};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Name of the user's file in mcpctl's directory.
pub(crate) const USER_FILE: &str = "config.yaml";
/// Name of a project's file.
pub(crate) const PROJECT_FILE: &str = ".mcpctl.yaml";
/// Where the contexts stand in the user's file.
pub(crate) const CONTEXTS: &str = "contexts";
/// Longest file of settings, in bytes.
const BYTES_MAX: u64 = 64 << 10;

/// A server and whom to trust there, under one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// URL of the control plane.
    pub server: Option<String>,
    /// PEM file of certificates to trust there.
    pub ca: Option<String>,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Checked values by key.
    pub values: BTreeMap<&'static str, String>,
    /// The contexts by name; only the user's file has any.
    pub contexts: BTreeMap<String, Context>,
    /// What is not taken from it, and why.
    pub ignored: Vec<String>,
}

impl File {
    /// The user's file at `path`; nothing where there is none. One that others may read or write is refused.
    pub(crate) fn of_user(path: &Path) -> Result<Self, Failure> {
        let Some(text) = read(path)? else { return Ok(Self { path: path.to_owned(), ..Self::default() }) };
        refuse_open(path)?;
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        for (name, value) in parse(path, &text)? {
            if name == CONTEXTS {
                file.contexts = contexts(path, &value)?;
                continue;
            }
            match keys::find(&name) {
                Ok(key) => {
                    let value = key.check(&scalar(path, &name, &value)?).map_err(|failure| in_file(path, failure))?;
                    file.values.insert(key.name, value);
                }
                Err(failure) => file.ignored.push(failure.to_string()),
            }
        }
        Ok(file)
    }

    /// The project's file at `path`. What it may not say is ignored and told; nothing in it stops a command.
    pub(crate) fn of_project(path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        let entries = read(path).and_then(|text| parse(path, &text.unwrap_or_default()));
        let entries = match entries {
            Ok(entries) => entries,
            Err(failure) => {
                file.ignored.push(failure.message);
                return file;
            }
        };
        for (name, value) in entries {
            match allowed(path, &name, &value) {
                Ok((key, value)) => {
                    file.values.insert(key, value);
                }
                Err(why) => file.ignored.push(why),
            }
        }
        file
    }
}

/// Fails where others may read or write the user's file.
pub(super) fn refuse_open(path: &Path) -> Result<(), Failure> {
    if mode_of(path).is_none_or(|mode| mode & 0o077 == 0) {
        return Ok(());
    }
    let shown = path.display();
    let message = format!("`{shown}` is open to other users, who could have your token sent elsewhere");
    Err(Failure::usage(message).hint(format!("chmod 600 {shown}")))
}

fn allowed(path: &Path, name: &str, value: &Value) -> Result<(&'static str, String), String> {
    if name == CONTEXTS {
        return Err("`contexts`: only your own configuration may say where your token goes".to_owned());
    }
    let key = keys::find(name).map_err(|failure| failure.message)?;
    let value = scalar(path, name, value).and_then(|text| key.check(&text)).map_err(|failure| failure.message)?;
    match key.in_project {
        InProject::Anything => Ok((key.name, value)),
        InProject::Only(only) if value == only => Ok((key.name, value)),
        InProject::Only(only) => Err(format!("`{name}`: the file of a project may only say `{only}`")),
        InProject::Never => Err(format!("`{name}`: the file of a project may not set it, only your own configuration")),
    }
}

/// The `.mcpctl.yaml` that counts in `folder`: the nearest one, no further up than the repository or the home directory.
pub(crate) fn find_project(folder: &Path, home: Option<&Path>) -> Option<PathBuf> {
    for folder in folder.ancestors() {
        if home == Some(folder) {
            return None;
        }
        let candidate = folder.join(PROJECT_FILE);
        if candidate.is_file() {
            return Some(candidate);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    let doing = || format!("cannot read `{}`", path.display());
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).during(doing),
    };
    let mut text = String::new();
    let length = file.take(BYTES_MAX + 1).read_to_string(&mut text).during(doing)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(Failure::usage(format!("`{}` is longer than {BYTES_MAX} bytes", path.display())));
    }
    Ok(Some(text))
}

fn parse(path: &Path, text: &str) -> Result<Vec<(String, Value)>, Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("`{}` is no file of settings: {why}", path.display()))
            .hint("it holds lines such as `format: json`; `mcpctl help configuration` says more")
    };
    let value: Value = serde_yaml_ng::from_str(text).map_err(|error| wrong(&error.to_string()))?;
    let mapping = match value {
        Value::Null => Mapping::new(),
        Value::Mapping(mapping) => mapping,
        _ => return Err(wrong("it holds something else than keys and values")),
    };
    mapping
        .into_iter()
        .map(|(key, value)| match key {
            Value::String(key) => Ok((key, value)),
            _ => Err(wrong("a key is no word")),
        })
        .collect()
}

fn scalar(path: &Path, name: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(switch) => Ok(switch.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(in_file(path, Failure::usage(format!("`{name}` takes one value")))),
    }
}

fn contexts(path: &Path, value: &Value) -> Result<BTreeMap<String, Context>, Failure> {
    let wrong = |why: String| in_file(path, Failure::usage(why));
    let Value::Mapping(mapping) = value else {
        return match value {
            Value::Null => Ok(BTreeMap::new()),
            _ => Err(wrong("`contexts` takes names, and under each a `server`".to_owned())),
        };
    };
    let mut found = BTreeMap::new();
    for (name, entry) in mapping {
        let name = keys::find("context")?.check(name.as_str().unwrap_or_default()).map_err(|f| in_file(path, f))?;
        let Value::Mapping(entry) = entry else {
            return Err(wrong(format!("the context `{name}` holds no `server`")));
        };
        let mut context = Context::default();
        for (member, value) in entry {
            let member = member.as_str().unwrap_or_default();
            let place = match member {
                "server" => &mut context.server,
                "ca" => &mut context.ca,
                _ => return Err(wrong(format!("the context `{name}` takes `server` and `ca`, not `{member}`"))),
            };
            *place = Some(keys::find(member)?.check(&scalar(path, member, value)?).map_err(|f| in_file(path, f))?);
        }
        found.insert(name, context);
    }
    Ok(found)
}

fn in_file(path: &Path, failure: Failure) -> Failure {
    Failure { message: format!("`{}`: {}", path.display(), failure.message), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn user(text: &str) -> Result<File, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        File::of_user(file.path())
    }

    fn project(text: &str) -> File {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        File::of_project(file.path())
    }

    #[test]
    fn a_file_is_checked_value_by_value() {
        let file =
            user("format: json\ntimeout: 5\ncontexts:\n  work: {server: https://mcpd.example, ca: /ca.pem}\n").unwrap();
        assert_eq!(file.values.get("format").unwrap(), "json");
        assert_eq!(file.values.get("timeout").unwrap(), "5");
        let work = Context { server: Some("https://mcpd.example/".to_owned()), ca: Some("/ca.pem".to_owned()) };
        assert_eq!(file.contexts.get("work"), Some(&work));
        for bad in
            ["- a", "format: jsn", "format: [json]", "contexts: 5", "contexts: {a: {token: x}}", "a: b: c", "1: 2"]
        {
            assert!(user(bad).is_err(), "{bad}");
        }
        assert_eq!(user("").unwrap().values.len(), 0);
        assert!(user("token: xyz").unwrap().ignored[0].contains("secrets are never kept"));
    }

    #[test]
    fn a_file_that_others_can_write_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "server: http://evil.example").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(File::of_user(file.path()).unwrap_err().hint.unwrap().starts_with("chmod 600"));
    }

    #[test]
    fn a_project_may_say_only_what_harms_nobody() {
        let hostile = "server: https://evil.example\ncontext: evil\nca: ./evil.pem\npager: sh -c evil\n\
                       update-url: https://evil.example\ncontexts: {a: {server: https://evil.example}}\ntoken: x\n\
                       project: weekly_reports\nformat: json\n";
        let file = project(hostile);
        let taken: Vec<_> = file.values.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(taken, [("format", "json"), ("project", "weekly_reports")]);
        assert_eq!(file.ignored.len(), 7, "{:?}", file.ignored);
        assert_eq!(project("pager: off").values.get("pager").unwrap(), "off");
        assert_eq!(project("pager: 'off'").values.get("pager").unwrap(), "off");
    }

    #[test]
    fn a_projects_file_that_makes_no_sense_stops_nothing() {
        for text in ["- a", "a: b: c", "format: jsn", "\u{0}", &"x".repeat(70_000)] {
            let file = project(text);
            assert!(file.values.is_empty() && file.ignored.len() == 1, "{file:?}");
        }
    }

    #[test]
    fn the_search_ends_at_the_repository_and_at_home() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("home/repo/a/b")).unwrap();
        fs::create_dir_all(at("home/repo/.git")).unwrap();
        fs::create_dir_all(at("home/loose/c")).unwrap();
        let home = at("home");
        let find = |folder: &str| find_project(&at(folder), Some(&home));
        for file in [PROJECT_FILE.to_owned(), format!("home/{PROJECT_FILE}")] {
            fs::write(at(&file), "").unwrap();
        }
        assert_eq!(find("home/repo/a/b"), None);
        assert_eq!(find("home/loose/c"), None);
        assert_eq!(find("home"), None);
        fs::write(at("home/repo").join(PROJECT_FILE), "").unwrap();
        assert_eq!(find("home/repo/a/b"), Some(at("home/repo").join(PROJECT_FILE)));
    }
}

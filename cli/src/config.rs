//! The settings of one run: what was said on the command line, in the environment, in the file of the project, in the user's
//! own file, and what is so by default, in this order.
//!
//! It knows values and where each came from, not what commands make of them.

pub(crate) mod edit;
pub(crate) mod file;
pub(crate) mod keys;

use crate::{
    args::{Color, Format, Global},
    failure::Failure,
    home::Home,
    output::age,
    suggest,
};
use clap::ValueEnum as _;
use control_plane_api::name::Name;
use file::{Context, File, USER_FILE};
use keys::{KEYS, Key};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use std::{
    collections::BTreeMap,
    env, fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use url::Url;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option on the command line.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// The file of the project.
    Project(PathBuf),
    /// The context in use.
    Context(String),
    /// The user's own file.
    User(PathBuf),
    /// Nothing said otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag:{flag}"),
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::Project(path) => write!(f, "project:{}", path.display()),
            Self::Context(name) => write!(f, "context:{name}"),
            Self::User(path) => write!(f, "user:{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, place) = match self {
            Self::Flag(flag) => ("flag", Some((*flag).to_owned())),
            Self::Variable(name) => ("env", Some((*name).to_owned())),
            Self::Project(path) => ("project", Some(path.display().to_string())),
            Self::Context(name) => ("context", Some(name.clone())),
            Self::User(path) => ("user", Some(path.display().to_string())),
            Self::Default => ("default", None),
        };
        let mut object = serializer.serialize_struct("Origin", 2)?;
        object.serialize_field("kind", kind)?;
        object.serialize_field("place", &place)?;
        object.end()
    }
}

/// A value, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// In the form the key takes.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// What was said outside of files.
pub(crate) struct Said<'a> {
    /// Values from options, by key.
    pub flags: BTreeMap<&'static str, String>,
    /// Reads the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// The settings of one run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, Setting>,
    /// The user's file.
    pub user: File,
    /// The project's file, where there is one.
    pub project: Option<File>,
}

impl Settings {
    /// Those of this run, in this folder.
    pub(crate) fn load(home: &Home, flags: BTreeMap<&'static str, String>) -> Result<Self, Failure> {
        let user = File::of_user(&home.path(USER_FILE))?;
        let folder = env::current_dir().ok();
        let own = env::var_os("HOME").map(PathBuf::from);
        let project = folder.and_then(|folder| file::find_project(&folder, own.as_deref()));
        let project = project.map(|path| File::of_project(&path));
        let said = Said { flags, variable: &|name| env::var(name).ok().filter(|text| !text.is_empty()) };
        Self::resolve(&said, project, user)
    }

    /// The defaults alone.
    pub(crate) fn none() -> Self {
        let defaults = KEYS
            .iter()
            .filter_map(|key| Some((key.name, Setting { value: key.default?.to_owned(), origin: Origin::Default })));
        Self { values: defaults.collect(), user: File::default(), project: None }
    }

    /// The values that win.
    pub(crate) fn resolve(said: &Said<'_>, project: Option<File>, user: File) -> Result<Self, Failure> {
        let mut settings = Self { values: BTreeMap::new(), user, project };
        for key in &KEYS {
            if let Some(setting) = settings.plain(key, said)? {
                settings.values.insert(key.name, setting);
            }
        }
        settings.apply_context()?;
        Ok(settings)
    }

    fn plain(&self, key: &'static Key, said: &Said<'_>) -> Result<Option<Setting>, Failure> {
        if let (Some(value), Some(flag)) = (said.flags.get(key.name), key.flag) {
            return Ok(Some(Setting { value: key.check(value)?, origin: Origin::Flag(flag) }));
        }
        if let Some(value) = (said.variable)(key.variable) {
            let value = key
                .check(&value)
                .map_err(|failure| Failure { message: format!("{}: {}", key.variable, failure.message), ..failure })?;
            return Ok(Some(Setting { value, origin: Origin::Variable(key.variable) }));
        }
        if key.name == "color"
            && let Some((value, variable)) = color_of(said.variable)
        {
            return Ok(Some(Setting { value: value.to_owned(), origin: Origin::Variable(variable) }));
        }
        let in_project = self.project.as_ref().and_then(|file| Some((file.values.get(key.name)?, &file.path)));
        if let Some((value, path)) = in_project {
            return Ok(Some(Setting { value: value.clone(), origin: Origin::Project(path.clone()) }));
        }
        if let Some(value) = self.user.values.get(key.name) {
            return Ok(Some(Setting { value: value.clone(), origin: Origin::User(self.user.path.clone()) }));
        }
        Ok(key.default.map(|value| Setting { value: value.to_owned(), origin: Origin::Default }))
    }

    /// Puts in the server and the CA of the context in use, unless a server was named as near as the context was, or nearer.
    fn apply_context(&mut self) -> Result<(), Failure> {
        let Some(chosen) = self.values.get("context") else { return Ok(()) };
        let rank = |origin: &Origin| match origin {
            Origin::Flag(_) => 0,
            Origin::Variable(_) => 1,
            _ => 2,
        };
        let nearer = self.values.get("server").filter(|server| {
            rank(&server.origin) < rank(&chosen.origin)
                || (rank(&server.origin) == rank(&chosen.origin) && rank(&server.origin) < 2)
        });
        if nearer.is_some() {
            return Ok(());
        }
        let name = chosen.value.clone();
        let context = self.context(&name)?.clone();
        let origin = Origin::Context(name.clone());
        let Some(server) = context.server else {
            return Err(Failure::usage(format!("the context `{name}` names no server"))
                .hint(format!("mcpctl config set-server URL --context {name}")));
        };
        self.values.insert("server", Setting { value: server, origin: origin.clone() });
        let said = self.values.get("ca").is_some_and(|ca| matches!(ca.origin, Origin::Variable(_)));
        match context.ca {
            Some(ca) if !said => {
                self.values.insert("ca", Setting { value: ca, origin });
            }
            _ => {}
        }
        Ok(())
    }

    /// The context called `name`.
    pub(crate) fn context(&self, name: &str) -> Result<&Context, Failure> {
        if let Some(context) = self.user.contexts.get(name) {
            return Ok(context);
        }
        let failure = Failure::not_found(format!("context `{name}` does not exist"));
        Err(match suggest::closest(name, self.user.contexts.keys().map(String::as_str)) {
            Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
            None => failure.hint(format!("make it with `mcpctl config set-server URL --context {name}`")),
        })
    }

    /// The value of `key`; none where nothing says so.
    pub(crate) fn get(&self, key: &str) -> Option<&Setting> {
        self.values.get(key)
    }

    /// What of the project's and the user's file was not taken, a line each.
    pub(crate) fn ignored(&self) -> impl Iterator<Item = String> + '_ {
        let files = self.project.iter().chain(std::iter::once(&self.user));
        files
            .flat_map(|file| file.ignored.iter().map(|why| format!("`{}` is not followed: {why}", file.path.display())))
    }

    fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |setting| &setting.value)
    }

    /// The control plane that was named anywhere.
    pub(crate) fn server(&self) -> Option<Url> {
        Url::parse(self.text("server")).ok()
    }

    /// Certificates to trust for the control plane.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.values.get("ca").map(|setting| Path::new(&setting.value))
    }

    /// How results are printed.
    pub(crate) fn format(&self) -> Format {
        Format::from_str(self.text("format"), false).unwrap_or(Format::Table)
    }

    /// When to use colours.
    pub(crate) fn color(&self) -> Color {
        Color::from_str(self.text("color"), false).unwrap_or(Color::Auto)
    }

    /// Time for requests; none where only the default says so.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let setting = self.values.get("timeout").filter(|setting| setting.origin != Origin::Default)?;
        age::parse_timeout(&setting.value).ok()
    }

    /// How often a request may be repeated.
    pub(crate) fn retries(&self) -> u32 {
        self.text("retries").parse().unwrap_or(0)
    }

    /// The project of commands that were given none.
    pub(crate) fn project(&self, given: Option<Name>) -> Result<Name, Failure> {
        let found = given.or_else(|| self.text("project").parse().ok());
        found.ok_or_else(|| {
            Failure::usage("there is no project: none was given and none is set").hint(
                "name it, or set one for this folder with a file `.mcpctl.yaml` that says `project: NAME`, or for you with \
                 `mcpctl config set project NAME`",
            )
        })
    }

    /// The program that shows what is longer than the screen; none: nothing does.
    pub(crate) fn pager(&self) -> Option<String> {
        let set = self.values.get("pager").map(|setting| setting.value.clone());
        let pager = set.or_else(|| env::var("PAGER").ok()).unwrap_or_else(|| "less".to_owned());
        (!matches!(pager.as_str(), "" | "off" | "cat")).then_some(pager)
    }

    /// Whether to look once a day for a newer version.
    pub(crate) fn checks_for_updates(&self) -> bool {
        self.text("update-check") == "true"
    }

    /// Where the newest version is published.
    pub(crate) fn update_url(&self) -> Option<Url> {
        Url::parse(self.text("update-url")).ok()
    }
}

/// What the common variables say of colours (no-color.org, bixense.com/clicolors).
fn color_of(variable: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, &'static str)> {
    if variable("NO_COLOR").is_some() {
        return Some(("never", "NO_COLOR"));
    }
    if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return Some(("always", "CLICOLOR_FORCE"));
    }
    variable("CLICOLOR").filter(|value| value == "0").map(|_| ("never", "CLICOLOR"))
}

/// What options on the command line say, by key.
pub(crate) fn flags(global: &Global) -> BTreeMap<&'static str, String> {
    let word = |text: &'static str| text.to_owned();
    let named = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let color =
        if global.no_color { Some(word("never")) } else { named(global.color.and_then(|c| c.to_possible_value())) };
    [
        ("server", global.server.as_ref().map(ToString::to_string)),
        ("context", global.context.clone()),
        ("format", named(global.format.and_then(|format| format.to_possible_value()))),
        ("color", color),
        ("timeout", global.timeout.as_ref().map(ToString::to_string)),
        ("retries", global.retries.map(|retries| retries.to_string())),
        ("pager", global.no_pager.then(|| word("off"))),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, values: &[(&'static str, &str)]) -> File {
        let values = values.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let context = |server: &str| Context { server: Some(server.to_owned()), ca: Some("/work.pem".to_owned()) };
        let contexts = [("work".to_owned(), context("https://work.example/"))].into();
        File { path: path.into(), values, contexts, ignored: Vec::new() }
    }

    fn settled(
        flags: &[(&'static str, &str)],
        variables: &[(&str, &str)],
        project: &[(&'static str, &str)],
        user: &[(&'static str, &str)],
    ) -> Settings {
        let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let said = Said { flags, variable: &variable };
        Settings::resolve(&said, Some(file("/p/.mcpctl.yaml", project)), file("/u", user)).unwrap()
    }

    fn check(settings: &Settings, key: &str, value: &str, origin: &str) {
        let setting = settings.get(key).unwrap();
        assert_eq!((setting.value.as_str(), setting.origin.to_string().as_str()), (value, origin), "{key}");
    }

    #[test]
    fn the_nearest_word_wins() {
        let (flag, variable) = ([("format", "csv")], [("MCPCTL_FORMAT", "yaml")]);
        let (project, user) = ([("format", "json")], [("format", "wide")]);
        check(&settled(&flag, &variable, &project, &user), "format", "csv", "flag:--format");
        check(&settled(&[], &variable, &project, &user), "format", "yaml", "env:MCPCTL_FORMAT");
        check(&settled(&[], &[], &project, &user), "format", "json", "project:/p/.mcpctl.yaml");
        check(&settled(&[], &[], &[], &user), "format", "wide", "user:/u");
        check(&settled(&[], &[], &[], &[]), "format", "table", "default");
        assert!(settled(&[], &[], &[], &[]).get("server").is_none());
    }

    #[test]
    fn a_context_brings_its_server_unless_one_was_named_nearer() {
        let in_file = [("context", "work"), ("server", "https://plain.example/")];
        let settings = settled(&[], &[], &[], &in_file);
        check(&settings, "server", "https://work.example/", "context:work");
        check(&settings, "ca", "/work.pem", "context:work");
        let variable = [("MCPCTL_SERVER", "https://env.example")];
        let settings = settled(&[], &variable, &[], &in_file);
        check(&settings, "server", "https://env.example/", "env:MCPCTL_SERVER");
        assert!(settings.get("ca").is_none(), "the CA of a context is trusted at its own server alone");
        check(&settled(&[("context", "work")], &variable, &[], &[]), "server", "https://work.example/", "context:work");
        let nearest = settled(&[("server", "https://flag.example")], &[("MCPCTL_CONTEXT", "work")], &[], &[]);
        check(&nearest, "server", "https://flag.example/", "flag:--server");
    }

    #[test]
    fn common_variables_decide_over_colours_unless_ours_does() {
        let color = |variables: &[(&str, &str)]| settled(&[], variables, &[("color", "always")], &[]).color();
        assert_eq!(color(&[]), Color::Always);
        assert_eq!(color(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]), Color::Never);
        assert_eq!(color(&[("CLICOLOR_FORCE", "1")]), Color::Always);
        assert_eq!(color(&[("CLICOLOR_FORCE", "0"), ("CLICOLOR", "0")]), Color::Never);
        assert_eq!(color(&[("NO_COLOR", "1"), ("MCPCTL_COLOR", "auto")]), Color::Auto);
    }

    #[test]
    fn a_context_that_is_not_there_is_named() {
        let said = Said { flags: [("context", "wrk".to_owned())].into(), variable: &|_| None };
        let failure = Settings::resolve(&said, None, file("/u", &[])).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("did you mean `work`?"));
    }
}

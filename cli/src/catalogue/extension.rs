//! What `server.json` has no words for: variants, classes of tools, how calls can be narrowed, how a credential is proven.

use control_plane_api::{
    argument::Scalar, flow::Flow, oauth::OauthMode, pattern::Pattern, relevance::RelevanceSettings,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Our additions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Extension {
    /// What people type.
    pub id: String,
    /// The ways it is offered, the one taken by default first.
    pub variants: Vec<Variant>,
    /// Other names of inputs, and other variables they belong into.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputExtension>,
    /// What its tools do, also those of other variants of the server.
    pub tools: Tools,
    /// What calls can be limited to, by the words people use: a channel, a project.
    #[serde(default)]
    pub subjects: BTreeMap<String, Vec<Subject>>,
    /// Tools that do less than their class says when an argument has certain values.
    #[serde(default)]
    pub multiplexed: Vec<Multiplexed>,
}

/// One way a server is offered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Variant {
    /// What people type.
    pub id: String,
    /// One line for people.
    pub description: String,
    /// Its packages, by their place in `packages`; the first whose launcher is installed is taken.
    #[serde(default)]
    pub packages: Vec<usize>,
    /// Its place in `remotes`.
    #[serde(default)]
    pub remote: Option<usize>,
    /// A program of its own, used where it is installed.
    #[serde(default)]
    pub binary: Option<Binary>,
    /// How access tokens are obtained.
    #[serde(default)]
    pub oauth: Option<Oauth>,
    /// What has to be granted to its credential, one a line.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What commonly goes wrong.
    pub hint: String,
    /// What makes the server itself keep to reading.
    #[serde(default)]
    pub read_only: Switches,
    /// What makes the server itself write.
    #[serde(default)]
    pub read_write: Switches,
    /// Calls that show whether its credential is good; the first one that was offered is made.
    #[serde(default)]
    pub probes: Vec<Probe>,
}

/// An installed program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binary {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
}

/// How access tokens are obtained.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Oauth {
    /// Whose they are.
    pub mode: OauthMode,
    /// Whether the server registers no client by itself, so that one has to be registered beforehand.
    #[serde(default)]
    pub needs_client_id: bool,
}

/// Settings of a server's own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switches {
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Arguments of its program.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// A call that shows whether a credential is good.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// The tool; a reader.
    pub tool: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: BTreeMap<String, Scalar>,
    /// What its result has to contain; absent: that it is no error is enough.
    #[serde(default)]
    pub expects: Option<String>,
    /// The input without which there is nothing to prove.
    #[serde(default)]
    pub needs: Option<String>,
}

/// Tool names by class; `*` stands for any run of characters, but not among readers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tools {
    /// Reads only.
    pub read: Vec<String>,
    /// Changes what can be changed back.
    pub write: Vec<String>,
    /// Deletes, overwrites, or sets off what cannot be called back.
    pub destructive: Vec<String>,
    /// What they mean for the flow of information.
    #[serde(default)]
    pub flow: Flows,
    /// Readers with many records in one result, of which relevance filtering keeps what is asked for.
    #[serde(default)]
    pub large: Vec<String>,
    /// Readers whose result is one thing: nothing is left out of it.
    #[serde(default)]
    pub whole: Vec<String>,
}

impl Tools {
    /// How results of the tool called `name` are filtered, where not as all others.
    pub(crate) fn relevance_of(&self, name: &str) -> RelevanceSettings {
        let enabled = self.whole.iter().any(|tool| tool == name).then_some(false);
        RelevanceSettings { enabled, ..RelevanceSettings::default() }
    }
}

/// Tool names, as they stand in the classes, by what calling them means for the flow of information.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Flows {
    /// Results hold text of strangers.
    pub untrusted: Vec<String>,
    /// Results hold what is not for everyone.
    pub private: Vec<String>,
    /// Strangers see what is given.
    pub public: Vec<String>,
}

impl Flows {
    /// What calling the tools named `name` means.
    pub(crate) fn of(&self, name: &str) -> Vec<Flow> {
        let marks = [(&self.untrusted, Flow::Untrusted), (&self.private, Flow::Private), (&self.public, Flow::Public)];
        let covers = |pattern: &String| Pattern::from(pattern.as_str()).matches(name);
        marks.into_iter().filter(|(names, _)| names.iter().any(covers)).map(|(_, flow)| flow).collect()
    }
}

/// The tools that name a subject, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    /// The argument that names it.
    pub argument: String,
    /// A regular expression for the argument, in which `{}` stands for the subject; absent: the argument is the subject.
    #[serde(default)]
    pub matches: Option<String>,
    /// The tools.
    pub tools: Vec<String>,
}

/// A tool that reads, writes and destroys by an argument. It is classed by the worst it does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Multiplexed {
    /// The tool.
    pub tool: String,
    /// The argument that decides.
    pub argument: String,
    /// The values with which it only reads.
    #[serde(default)]
    pub read: Vec<Scalar>,
    /// The values with which it writes, and destroys nothing.
    #[serde(default)]
    pub write: Vec<Scalar>,
}

/// What is said of an input besides `server.json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputExtension {
    /// Other names under which it may be given.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Where else it may belong.
    #[serde(default)]
    pub routes: Vec<Route>,
}

/// When a value belongs into another variable than the input's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Route {
    /// If the value begins like this.
    #[serde(default)]
    pub begins_with: Option<String>,
    /// If that other input is given.
    #[serde(default)]
    pub with: Option<String>,
    /// If that other input is not given.
    #[serde(default)]
    pub unless: Option<String>,
    /// The variable it then belongs into.
    pub name: String,
}

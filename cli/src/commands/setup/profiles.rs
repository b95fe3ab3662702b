//! The profiles a server gets: one for each level of access, and one more for what a level may do of a tool that does more.

use super::plan::derived;
use crate::{
    catalogue::{self, Choice, Definition},
    failure::Failure,
};
use control_plane_api::{
    argument::{ArgumentRule, Scalar},
    name::Name,
    object::{Named, Object},
    pattern::Pattern,
    profile::{AccessLevel, ProfileSpec},
    server::{ServerSpec, ToolClass, Transport},
};
use std::collections::BTreeMap;

/// The profiles a server gets.
const LEVELS: [(AccessLevel, &str, &str); 3] = [
    (AccessLevel::ReadOnly, "read-only", "reading only"),
    (AccessLevel::ReadWrite, "read-write", "reading and writing, nothing that destroys"),
    (AccessLevel::Full, "full", "everything, also what destroys and what nobody has classed"),
];

/// The profiles for `spec`, the server called `name`. Of a server that nobody classed only the one of everything.
pub(super) fn of(spec: &ServerSpec, name: &Name, title: &str, choice: Option<&Choice>) -> Result<Vec<Object>, Failure> {
    let mut profiles = Vec::new();
    for (access, suffix, says) in LEVELS {
        if spec.tools.is_empty() && access != AccessLevel::Full {
            continue;
        }
        let description = format!("{title}: {says}");
        let whole = ProfileSpec { access, description, ..ProfileSpec::new(name.clone()) };
        profiles.push(object(derived(name, suffix)?, whole));
        if let Some(narrowed) = choice.and_then(|choice| narrowed(access, spec, name, choice)) {
            let description = format!("{title}: for {name}-{suffix}, what tools that do more do within it");
            profiles
                .push(object(derived(name, &format!("{suffix}-narrowed"))?, ProfileSpec { description, ..narrowed }));
        }
    }
    Ok(profiles)
}

/// The names of the profiles that the server `definition` describes gets.
pub(crate) fn names(definition: &Definition) -> Result<Vec<String>, Failure> {
    let choice = Choice::new(definition.clone(), None)?;
    let name: Name = definition.id().parse().map_err(|error| Failure::failed(format!("{error}")))?;
    let transport = Transport::Http { url: String::new(), headers: BTreeMap::new(), sse: false };
    let spec = ServerSpec { tools: catalogue::rules(definition), ..ServerSpec::new(transport) };
    let profiles = of(&spec, &name, definition.title(), Some(&choice))?;
    Ok(profiles.iter().map(|profile| profile.reference().name.to_string()).collect())
}

fn object(name: Name, spec: ProfileSpec) -> Object {
    Object::Profile(Named { name, revision: 0, spec })
}

/// A profile of the tools above `access` that stay within it as long as an argument has certain values: these tools alone,
/// with these values alone.
fn narrowed(access: AccessLevel, spec: &ServerSpec, name: &Name, choice: &Choice) -> Option<ProfileSpec> {
    let mut profile =
        ProfileSpec { allow: Vec::new(), prompts: Vec::new(), resources: Vec::new(), ..ProfileSpec::new(name.clone()) };
    for tool in choice.multiplexed() {
        let class = spec.class_of(&tool.tool);
        let values: Vec<Scalar> = match access {
            AccessLevel::ReadOnly => tool.read,
            AccessLevel::ReadWrite if class == ToolClass::Destructive => [tool.read, tool.write].concat(),
            AccessLevel::ReadWrite | AccessLevel::Full => Vec::new(),
        };
        if values.is_empty() {
            continue;
        }
        let needed = if class == ToolClass::Write { AccessLevel::ReadWrite } else { AccessLevel::Full };
        if profile.access != AccessLevel::Full {
            profile.access = needed;
        }
        let pattern = Pattern::from(tool.tool.as_str());
        profile.allow.push(pattern.clone());
        profile.arguments.push(ArgumentRule {
            tools: vec![pattern],
            argument: tool.argument,
            optional: false,
            one_of: Some(values),
            prefix: None,
            under: None,
            range: None,
            matches: None,
        });
    }
    (!profile.allow.is_empty()).then_some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(id: &str) -> Vec<Named<ProfileSpec>> {
        let choice = Choice::new(catalogue::find(id).unwrap().unwrap(), None).unwrap();
        let transport = Transport::Http { url: String::new(), headers: BTreeMap::new(), sse: false };
        let spec = ServerSpec { tools: catalogue::rules(&choice.definition), ..ServerSpec::new(transport) };
        let objects = of(&spec, &id.parse().unwrap(), id, Some(&choice)).unwrap();
        let profile = |object| match object {
            Object::Profile(profile) => profile,
            other => panic!("{}", other.reference()),
        };
        objects.into_iter().map(profile).collect()
    }

    fn names(id: &str) -> Vec<String> {
        profiles(id).iter().map(|profile| profile.name.to_string()).collect()
    }

    #[test]
    fn what_a_tool_does_beyond_its_level_is_a_profile_of_its_own() {
        let expected = ["slack-read-only", "slack-read-only-narrowed", "slack-read-write", "slack-full"];
        assert_eq!(names("slack"), expected);
        let expected = ["github-read-only", "github-read-write", "github-read-write-narrowed", "github-full"];
        assert_eq!(names("github"), expected);
        assert_eq!(names("time"), ["time-read-only", "time-read-write", "time-full"]);
    }

    #[test]
    fn a_narrowed_profile_grants_its_tools_alone_and_asks_for_the_argument() {
        for id in ["slack", "github", "terraform", "airflow"] {
            for profile in profiles(id).iter().filter(|profile| profile.name.as_str().ends_with("-narrowed")) {
                let spec = &profile.spec;
                assert!(!spec.allow.is_empty() && spec.prompts.is_empty() && spec.resources.is_empty(), "{id}");
                assert!(spec.allow.iter().all(|pattern| !pattern.as_str().contains('*')), "{id}");
                for tool in &spec.allow {
                    let rules = spec.arguments.iter().filter(|rule| rule.tools == [tool.clone()]);
                    assert!(rules.clone().count() == 1 && rules.clone().all(|rule| !rule.optional), "{id} {tool}");
                }
            }
        }
        let airflow = profiles("airflow");
        let reading = airflow.iter().find(|profile| profile.name.as_str() == "airflow-read-only-narrowed").unwrap();
        assert_eq!(reading.spec.arguments[0].one_of, Some(vec![Scalar::Bool(true)]));
    }
}

//! What calls are limited to in the words people use (`channel=C024BE91L`), as rules about the arguments of the tools that
//! name it.

use super::{Definition, find};
use crate::{failure::Failure, suggest};
use control_plane_api::{
    argument::{ArgumentRule, Scalar},
    name::Name,
    pattern::Pattern,
};

/// What `--only` comes to: the tools that name a subject, and what is asked of them.
#[derive(Debug, Default)]
pub(crate) struct Limited {
    /// The tools.
    pub tools: Vec<Pattern>,
    /// The rules.
    pub rules: Vec<ArgumentRule>,
}

/// The limits `only`, each `SUBJECT=VALUE[,VALUE…]`, on calls to `server`. A tool has to name every subject.
pub(crate) fn limited(server: &Name, only: &[String]) -> Result<Limited, Failure> {
    let mut limited = Limited::default();
    let Some(first) = only.first() else { return Ok(limited) };
    let definition = find(server.as_str())?.filter(|definition| !definition.extension().subjects.is_empty());
    let definition = definition.ok_or_else(|| {
        Failure::usage(format!("the catalogue does not know what `{first}` is to server `{server}`"))
            .hint("write rules about arguments into a file (docs/security/policy.md) and `mcpctl apply -f` it")
    })?;
    for (at, limit) in only.iter().enumerate() {
        let one = of(&definition, limit)?;
        if at == 0 {
            limited.tools = one.tools;
        } else {
            limited.tools.retain(|tool| one.tools.contains(tool));
        }
        limited.rules.extend(one.rules);
    }
    if limited.tools.is_empty() {
        return Err(Failure::usage(format!("no tool of `{server}` names all of {}", only.join(", "))));
    }
    Ok(limited)
}

fn of(definition: &Definition, limit: &str) -> Result<Limited, Failure> {
    let subjects = definition.extension().subjects;
    let (name, values) = limit.split_once('=').unwrap_or((limit, ""));
    let values: Vec<&str> = values.split(',').map(str::trim).filter(|value| !value.is_empty()).collect();
    let Some(subject) = subjects.get(name) else {
        let failure = Failure::usage(format!("calls to {} cannot be limited to a `{name}`", definition.title()));
        let known: Vec<&str> = subjects.keys().map(String::as_str).collect();
        let closest = suggest::closest(name, known.iter().copied());
        return Err(failure.hint(closest.map_or_else(
            || format!("they can be to: {}", known.join(", ")),
            |closest| format!("did you mean `{closest}`?"),
        )));
    };
    if values.is_empty() {
        return Err(
            Failure::usage(format!("`{limit}` names no {name}")).hint(format!("write `--only {name}=VALUE,VALUE`"))
        );
    }
    let mut limited = Limited::default();
    for way in subject {
        let tools: Vec<Pattern> = way.tools.iter().map(|tool| Pattern::from(tool.as_str())).collect();
        let texts = || values.iter().map(|value| Scalar::Text((*value).to_owned())).collect();
        let alternatives = || values.iter().map(|value| escaped(value)).collect::<Vec<_>>().join("|");
        limited.tools.extend(tools.clone());
        limited.rules.push(ArgumentRule {
            tools,
            argument: way.argument.clone(),
            optional: false,
            one_of: way.matches.is_none().then(texts),
            prefix: None,
            under: None,
            range: None,
            matches: way.matches.as_ref().map(|pattern| pattern.replace("{}", &format!("(?:{})", alternatives()))),
        });
    }
    Ok(limited)
}

/// `text` as a regular expression that matches nothing else.
fn escaped(text: &str) -> String {
    let plain =
        |letter: char| !letter.is_ascii() || letter.is_ascii_alphanumeric() || matches!(letter, '<' | '>' | ' ' | '_');
    text.chars().fold(String::new(), |mut escaped, letter| {
        if !plain(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::all;
    use control_plane_api::argument::anchored;

    fn check(server: &str, only: &[&str]) -> Result<Limited, String> {
        let only: Vec<String> = only.iter().map(|limit| (*limit).to_owned()).collect();
        limited(&server.parse().unwrap(), &only).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_words_of_people_become_rules_about_arguments() {
        let slack = check("slack", &["channel=C1, C2"]).unwrap();
        assert!(slack.tools.iter().any(|tool| tool.as_str() == "conversations_history"));
        assert!(slack.tools.iter().all(|tool| !tool.as_str().contains("search")), "{:?}", slack.tools);
        assert_eq!(slack.rules[0].argument, "channel_id");
        assert_eq!(slack.rules[0].one_of, Some(vec![Scalar::Text("C1".to_owned()), Scalar::Text("C2".to_owned())]));
        let jira = check("jira", &["project=ACME,O.S"]).unwrap();
        let pattern = anchored(jira.rules[1].matches.as_ref().unwrap()).unwrap();
        assert!(pattern.is_match("ACME-1") && pattern.is_match("O.S-12"));
        assert!(!pattern.is_match("OPS-1") && !pattern.is_match("ACME-1 OR 1=1") && !pattern.is_match("XACME-1"));
        let both = check("github", &["owner=acme", "repository=site"]).unwrap();
        assert_eq!(both.rules.len(), 2);
    }

    #[test]
    fn what_the_catalogue_does_not_know_is_told() {
        assert!(check("slack", &["chanel=C1"]).unwrap_err().contains("did you mean `channel`?"));
        assert!(check("slack", &["team=x"]).unwrap_err().contains("they can be to: channel"));
        assert!(check("slack", &["channel="]).unwrap_err().contains("names no channel"));
        assert!(check("wiki", &["page=x"]).unwrap_err().contains("mcpctl apply -f"));
        assert!(check("jira", &["project=A", "space=B"]).unwrap_err().contains("names all of"));
        assert!(check("wiki", &[]).unwrap().rules.is_empty());
    }

    #[test]
    fn every_tool_that_names_a_subject_is_classed() {
        for definition in all().unwrap() {
            let classes = crate::catalogue::rules(&definition);
            let subjects = definition.extension().subjects;
            for tool in subjects.values().flatten().flat_map(|way| &way.tools) {
                assert!(classes.iter().any(|rule| rule.tool.matches(tool)), "{}: {tool}", definition.id());
            }
        }
    }
}

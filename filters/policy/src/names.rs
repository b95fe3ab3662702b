//! Patterns over names, compiled: names that are written out are looked up, the others tried in order.

use control_plane_api::{
    pattern::Pattern,
    server::{ToolClass, ToolRule},
};
use std::collections::{HashMap, HashSet};

/// Whether any of some patterns matches.
#[derive(Debug, Default)]
pub(crate) struct Names {
    all: bool,
    exact: HashSet<String>,
    globs: Vec<Pattern>,
}

impl Names {
    pub(crate) fn compile(patterns: &[Pattern]) -> Self {
        let (globs, exact): (Vec<&Pattern>, Vec<&Pattern>) = patterns.iter().partition(|pattern| is_glob(pattern));
        Self {
            all: patterns.iter().any(|pattern| pattern.as_str() == "*"),
            exact: exact.into_iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            globs: globs.into_iter().cloned().collect(),
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.all
            || (!self.exact.is_empty() && self.exact.contains(name))
            || self.globs.iter().any(|pattern| pattern.matches(name))
    }
}

/// The curated classes of a server's tools: the first rule that matches counts.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    /// The first rule with this very name: its place and what it says.
    exact: HashMap<String, (usize, ToolClass)>,
    /// The others, each with its place.
    globs: Vec<(usize, Pattern, ToolClass)>,
}

impl Classes {
    pub(crate) fn compile(rules: &[ToolRule]) -> Self {
        let mut classes = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            if is_glob(&rule.tool) {
                classes.globs.push((place, rule.tool.clone(), rule.class));
            } else {
                classes.exact.entry(rule.tool.as_str().to_owned()).or_insert((place, rule.class));
            }
        }
        classes
    }

    /// Every tool is classed `class`.
    pub(crate) fn all(class: ToolClass) -> Self {
        Self { exact: HashMap::new(), globs: vec![(0, Pattern::from("*"), class)] }
    }

    pub(crate) fn of(&self, tool: &str) -> ToolClass {
        let exact = self.exact.get(tool);
        let before = exact.map_or(usize::MAX, |(place, _)| *place);
        let earlier = self.globs.iter().take_while(|(place, ..)| *place < before);
        let glob = earlier.into_iter().find(|(_, pattern, _)| pattern.matches(tool)).map(|(.., class)| *class);
        glob.or(exact.map(|(_, class)| *class)).unwrap_or(ToolClass::Unknown)
    }
}

/// Whether the pattern stands for more than one name.
pub(crate) fn is_glob(pattern: &Pattern) -> bool {
    pattern.as_str().contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &[(&str, ToolClass)], tool: &str, expected: ToolClass) {
        let rule = |(tool, class): &(&str, ToolClass)| ToolRule {
            tool: Pattern::from(*tool),
            class: *class,
            flow: Vec::new(),
            relevance: control_plane_api::relevance::RelevanceSettings::default(),
        };
        let rules: Vec<ToolRule> = rules.iter().map(rule).collect();
        assert_eq!(Classes::compile(&rules).of(tool), expected, "{tool}");
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        use ToolClass::{Read, Unknown, Write};
        check(&[("get", Read), ("*", Write)], "get", Read);
        check(&[("*", Write), ("get", Read)], "get", Write);
        check(&[("g*", Write), ("get", Read), ("*t", Read)], "get", Write);
        check(&[("x*", Write), ("get", Read), ("get", Write)], "get", Read);
        check(&[("get", Read)], "Get", Unknown);
        check(&[], "get", Unknown);
    }
}

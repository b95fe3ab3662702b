//! The rules of a profile about arguments, compiled: which speak of a tool, and whether a call keeps them.
//!
//! Of a tool that any rule speaks of, every rule must hold, and every name in the arguments must be one that a rule or
//! the tool's schema names; so too inside objects that a rule looks into. What cannot be judged does not hold.

mod condition;
mod members;
mod number;
mod plain;

use crate::{Call, Fault, Problem, names::is_glob};
use condition::Condition;
use control_plane_api::{
    argument::{ArgumentRule, Declared},
    pattern::Pattern,
};
use serde_json::value::RawValue;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(crate) struct Rules {
    all: Vec<Rule>,
    /// By tool: the places of the rules that name it.
    exact: HashMap<String, Vec<usize>>,
    /// The places of the rules that speak of tools by patterns.
    globs: Vec<(Pattern, usize)>,
}

#[derive(Debug)]
struct Rule {
    /// The names that lead to the argument, from the outside in.
    names: Vec<String>,
    optional: bool,
    condition: Condition,
    /// What it asks, in words.
    asked: String,
}

/// A rule on its way inwards.
#[derive(Clone, Copy)]
struct Step<'a> {
    rule: &'a Rule,
    /// Names that are behind it.
    depth: usize,
}

impl Rules {
    pub(crate) fn compile(specs: &[ArgumentRule]) -> Self {
        let mut rules = Self::default();
        for (place, spec) in specs.iter().enumerate() {
            rules.all.push(Rule {
                names: spec.names().map(str::to_owned).collect(),
                optional: spec.optional,
                condition: Condition::compile(spec),
                asked: spec.to_string(),
            });
            for pattern in &spec.tools {
                match is_glob(pattern) {
                    true => rules.globs.push((pattern.clone(), place)),
                    false => rules.exact.entry(pattern.as_str().to_owned()).or_default().push(place),
                }
            }
        }
        rules
    }

    pub(crate) fn judge(&self, call: &Call<'_>) -> Result<(), Fault> {
        let steps = self.of(call.tool);
        if steps.is_empty() {
            return Ok(());
        }
        let declared = (call.declared)();
        let arguments = call.arguments.map_or("{}", RawValue::get);
        match arguments.starts_with('{') {
            true => object(arguments, &steps, declared.as_deref()),
            false => Err(Fault::new("", Problem::Unreadable)),
        }
    }

    /// The rules that speak of `tool`.
    fn of(&self, tool: &str) -> Vec<Step<'_>> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let exact = self.exact.get(tool).into_iter().flatten();
        let globs = self.globs.iter().filter(|(pattern, _)| pattern.matches(tool)).map(|(_, place)| place);
        let mut places: Vec<usize> = exact.chain(globs).copied().collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.all.get(place)).map(|rule| Step { rule, depth: 0 }).collect()
    }
}

impl<'a> Step<'a> {
    /// Where the member `name` leads: one name further, or to the argument itself under a name that has the dots in it.
    fn towards(self, name: &str) -> Option<Self> {
        let left = self.rule.names.get(self.depth..)?;
        if left.first().is_some_and(|next| next == name) {
            return Some(Self { depth: self.depth + 1, ..self });
        }
        (name.contains('.') && left.join(".") == name).then_some(Self { depth: self.rule.names.len(), ..self })
    }

    fn has_arrived(&self) -> bool {
        self.depth == self.rule.names.len()
    }

    /// The argument as seen from here.
    fn rest(&self) -> String {
        self.rule.names.get(self.depth..).unwrap_or_default().join(".")
    }

    fn fault(&self, name: &str, problem: Problem) -> Fault {
        Fault { asked: self.rule.asked.clone(), ..Fault::new(name, problem) }
    }
}

/// Judges the members of the object `text`, to which `steps` lead.
fn object(text: &str, steps: &[Step<'_>], declared: Option<&Declared>) -> Result<(), Fault> {
    let mut met = vec![false; steps.len()];
    members::each(text, &mut |name, value| {
        let declared = declared.and_then(|declared| declared.members.get(name));
        let mut inwards = Vec::new();
        for (step, met) in steps.iter().zip(&mut met) {
            let Some(step) = step.towards(name) else { continue };
            *met = true;
            match step.has_arrived() {
                true => argument(value, step, declared).map_err(|problem| step.fault(name, problem))?,
                false => inwards.push(step),
            }
        }
        if !inwards.is_empty() {
            return inside(value, &inwards, declared).map_err(|fault| fault.within(name));
        }
        let named = declared.is_some() || steps.iter().any(|step| step.towards(name).is_some());
        if named { Ok(()) } else { Err(Fault::new(name, Problem::Undeclared)) }
    })?;
    match steps.iter().zip(&met).find(|(step, met)| !**met && !step.rule.optional) {
        Some((step, _)) => Err(step.fault(&step.rest(), Problem::Absent)),
        None => Ok(()),
    }
}

/// Judges what is inside `value`: an object, or each of an array where the schema declares one.
fn inside(value: &RawValue, steps: &[Step<'_>], declared: Option<&Declared>) -> Result<(), Fault> {
    let of_type = |problem| steps.first().map_or(Fault::new("", problem), |step| step.fault(&step.rest(), problem));
    match value.get().as_bytes().first() {
        Some(b'{') => object(value.get(), steps, declared),
        Some(b'[') if declared.is_some_and(|declared| declared.list) => {
            let elements = members::elements(value.get()).ok_or_else(|| of_type(Problem::Type))?;
            if let Some(step) = steps.iter().find(|step| elements.is_empty() && !step.rule.optional) {
                return Err(step.fault(&step.rest(), Problem::Absent));
            }
            elements.into_iter().try_for_each(|element| match element.get().starts_with('{') {
                true => object(element.get(), steps, declared),
                false => Err(of_type(Problem::Type)),
            })
        }
        _ => Err(of_type(Problem::Type)),
    }
}

/// Judges the argument itself: a value without parts, or each of an array where the schema declares one.
fn argument(value: &RawValue, step: Step<'_>, declared: Option<&Declared>) -> Result<(), Problem> {
    if !value.get().starts_with('[') {
        return step.rule.condition.judge(value.get());
    }
    let elements = members::elements(value.get()).filter(|_| declared.is_some_and(|declared| declared.list));
    let elements = elements.ok_or(Problem::Type)?;
    if elements.is_empty() && !step.rule.optional {
        return Err(Problem::Absent);
    }
    elements.into_iter().try_for_each(|element| step.rule.condition.judge(element.get()))
}

#[cfg(test)]
mod tests;

//! The tools of a server of the catalogue: who is granted them, and what becomes of their results.

use super::said;
use serde_json::Value;

const CLASSES: [(&str, &str, &str); 3] = [
    ("read", "read", "read-only, read-write, full"),
    ("write", "write", "read-write, full"),
    ("destructive", "destroy", "full"),
];

pub(super) fn table(server: &str) -> String {
    let described: Value =
        serde_json::from_str(&said("mcpctl", &["catalogue", "describe", server, "--format", "json"])).unwrap();
    let names = |member: &str| -> Vec<String> {
        let list = described[member].as_array().into_iter().flatten();
        list.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let (large, whole, narrowed) = (names("large"), names("whole"), names("narrowed"));
    let mut table = "| tool | class | granted by | its result |\n|---|---|---|---|\n".to_owned();
    for (member, class, profiles) in CLASSES {
        for tool in names(member) {
            let becomes = match () {
                () if large.contains(&tool) => "filtered",
                () if whole.contains(&tool) => "as it is",
                () => "",
            };
            let granted = format!("{profiles}{}", by_argument(&tool, &narrowed));
            table.push_str(&format!("| `{tool}` | {class} | {granted} | {becomes} |\n"));
        }
    }
    table
}

/// `label_write: writes with method create, update` grants it with the narrowed profile of that level.
fn by_argument(tool: &str, narrowed: &[String]) -> String {
    let of_tool = narrowed.iter().find_map(|line| line.split_once(": ").filter(|(name, _)| *name == tool));
    let Some((_, how)) = of_tool else { return String::new() };
    let granted = how.split("; ").filter_map(|part| {
        let (level, rest) = part.split_once(" with ")?;
        let (argument, values) = rest.split_once(' ')?;
        let level = if level == "reads" { "read-only" } else { "read-write" };
        let values: Vec<String> = values.split(", ").map(|value| format!("`{value}`")).collect();
        Some(format!("; {level}-narrowed with `{argument}` {}", values.join(", ")))
    });
    granted.collect()
}

//! Checks of blocks that are not run: whether they are valid as what they are.

use super::shell::Shell;
use serde::Deserialize as _;

/// The kinds of Mermaid diagrams that pages have.
const DIAGRAMS: [&str; 3] = ["flowchart", "graph", "sequenceDiagram"];

/// Validates a block; what is wrong with it otherwise.
pub(crate) fn check(name: &str, text: &str, shell: &mut Shell) -> Result<(), String> {
    match name {
        "yaml" => yaml(text),
        "json" => json(text),
        "toml" => text.parse::<toml_edit::DocumentMut>().map(drop).map_err(|error| error.to_string()),
        "objects" => said_yes(shell, text, "mcpctl apply --dry-run -f"),
        "mermaid" => mermaid(text),
        _ => Err("there is no such check".to_owned()),
    }
}

/// One document or several.
fn yaml(text: &str) -> Result<(), String> {
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        serde_yaml_ng::Value::deserialize(document).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// One value or several, one after the other.
fn json(text: &str) -> Result<(), String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    values.try_for_each(|value| value.map(drop)).map_err(|error| error.to_string())
}

/// A running control plane takes the block as a file of that command.
fn said_yes(shell: &mut Shell, text: &str, command: &str) -> Result<(), String> {
    let script = format!(
        "mcpctl daemon status >/dev/null 2>&1 || mcpctl daemon start >/dev/null 2>&1\n\
         {command} - <<'END-OF-BLOCK'\n{text}\nEND-OF-BLOCK"
    );
    let ended = shell.run(&script)?;
    if ended.status == 0 { Ok(()) } else { Err(ended.said) }
}

/// The form only: a known kind, brackets that close, and statements that are not cut off. The book's test draws them.
fn mermaid(text: &str) -> Result<(), String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("%%"));
    let kind = lines.next().and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    if !DIAGRAMS.contains(&kind) {
        return Err(format!("`{kind}` is none of {DIAGRAMS:?}"));
    }
    let mut subgraphs = 0_usize;
    for line in lines {
        brackets_close(line)?;
        if line.ends_with("--") || line.ends_with("-->") || line.ends_with("->>") {
            return Err(format!("`{line}` is cut off"));
        }
        match line.split_whitespace().next() {
            Some("subgraph") => subgraphs += 1,
            Some("end") => subgraphs = subgraphs.checked_sub(1).ok_or("an `end` too many")?,
            _ => {}
        }
    }
    if subgraphs == 0 { Ok(()) } else { Err("a `subgraph` has no `end`".to_owned()) }
}

fn brackets_close(line: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' => open.push(']'),
            '(' => open.push(')'),
            '{' => open.push('}'),
            ']' | ')' | '}' if open.pop() != Some(letter) => {
                return Err(format!("`{line}`: `{letter}` closes nothing"));
            }
            _ => {}
        }
    }
    if open.is_empty() && !quoted { Ok(()) } else { Err(format!("`{line}` leaves something open")) }
}

#[cfg(test)]
mod tests {
    use super::{json, mermaid, yaml};

    #[test]
    fn what_is_not_valid_is_refused() {
        assert!(yaml("a: 1\n---\nb: [1]\n").is_ok() && yaml("a: 1\n---\nb: [1\n").is_err());
        assert!(json("{\"a\": 1}\n{\"b\": 2}\n").is_ok() && json("{\"a\": 1,}").is_err());
    }

    #[test]
    fn the_form_of_a_diagram_is_checked() {
        let good = "flowchart LR\n  subgraph one[\"One (1)\"]\n    a[x] -->|text| b((y))\n  end\n  b -.-> c{z}\n";
        assert_eq!(mermaid(good), Ok(()));
        for bad in
            ["pie\n a", "flowchart LR\n a[x --> b", "flowchart LR\n a -->", "flowchart LR\n subgraph x\n a --> b"]
        {
            assert!(mermaid(bad).is_err(), "{bad}");
        }
    }
}

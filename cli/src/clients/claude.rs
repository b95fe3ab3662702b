//! Claude Code's project file `.mcp.json`: adding and removing exactly one entry, text in, text out.
//!
//! Other servers survive byte for byte, in their order; the file's indentation is kept. It reads and writes no file.

use crate::failure::Failure;
use protocol::Members;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

/// The file's name.
pub(crate) const FILE: &str = ".mcp.json";
/// The key of our entry.
pub(crate) const KEY: &str = "mcpctl-proxy";
const SERVERS: &str = "mcpServers";

/// The entry that starts the bridge to `project`. No secret, no port, no environment.
pub(crate) fn entry(command: &str, project: &str, home: Option<&str>) -> Value {
    let mut args = vec!["mcp-stdio", "--project", project];
    args.extend(home.map(|home| ["--home", home]).into_iter().flatten());
    json!({"type": "stdio", "command": command, "args": args})
}

/// What became of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// It says this already.
    Unchanged,
    /// There was no entry; the new text.
    Created(String),
    /// The entry said something else; the new text.
    Configured(String),
    /// The entry is gone; the new text.
    Removed(String),
}

/// Adds `entry` to the text of a file; none when there is no file.
pub(crate) fn add(text: Option<&str>, entry: &Value) -> Result<Edit, Failure> {
    let style = Style::of(text.unwrap_or_default());
    let mut file = open(text.unwrap_or("{}"))?;
    let mut servers = servers_of(&file)?.unwrap_or_default();
    let old = servers.read::<Value>(KEY);
    if old.as_ref() == Some(entry) {
        return Ok(Edit::Unchanged);
    }
    servers.set_raw(KEY, raw(&style.pretty(entry, 2)?)?);
    file.set_raw(SERVERS, raw(&style.object(&servers, 1)?)?);
    let text = style.object(&file, 0)? + style.end;
    Ok(if old.is_some() { Edit::Configured(text) } else { Edit::Created(text) })
}

/// Takes our entry out of `text`; with `project`, only if it is for that project.
pub(crate) fn remove(text: &str, project: Option<&str>) -> Result<Edit, Failure> {
    let style = Style::of(text);
    let mut file = open(text)?;
    let Some(mut servers) = servers_of(&file)? else { return Ok(Edit::Unchanged) };
    let Some(old) = servers.read::<Value>(KEY) else { return Ok(Edit::Unchanged) };
    let Some(connected) = project_of(&old) else {
        return Err(Failure::failed(format!("the entry `{KEY}` was not made by mcpctl, so it stays"))
            .hint("remove it by hand, or give it another name"));
    };
    if let Some(project) = project.filter(|project| *project != connected) {
        return Err(Failure::failed(format!("the entry `{KEY}` is for project `{connected}`, not for `{project}`"))
            .hint(format!("mcpctl claude remove-mcp-project {connected}")));
    }
    servers.remove(KEY);
    file.set_raw(SERVERS, raw(&style.object(&servers, 1)?)?);
    Ok(Edit::Removed(style.object(&file, 0)? + style.end))
}

/// The project an entry of ours connects to.
pub(crate) fn project_of(entry: &Value) -> Option<String> {
    let args: Vec<&str> = entry.get("args")?.as_array()?.iter().filter_map(Value::as_str).collect();
    if args.first() != Some(&"mcp-stdio") {
        return None;
    }
    let at = args.iter().position(|arg| *arg == "--project")?;
    args.get(at + 1).map(|project| (*project).to_owned())
}

/// Opens the text of a file, refusing what Claude Code would refuse too.
pub(crate) fn open(text: &str) -> Result<Members, Failure> {
    let broken =
        |why: String| Failure::usage(format!("{FILE} {why}")).hint("correct or move the file; it was not touched");
    protocol::json::check(text.as_bytes(), 64).map_err(|error| match serde_json::from_str::<Value>(text) {
        Err(place) => broken(format!("is not valid JSON: {place}")),
        Ok(_) => broken(format!("is not valid JSON: {error}")),
    })?;
    serde_json::from_str(text).map_err(|_| broken("is not a JSON object".to_owned()))
}

/// The servers in an opened file; none when it has no such member.
pub(crate) fn servers_of(file: &Members) -> Result<Option<Members>, Failure> {
    match (file.get(SERVERS), file.object(SERVERS)) {
        (None, _) => Ok(None),
        (_, Some(servers)) => Ok(Some(servers)),
        (Some(_), None) => Err(Failure::usage(format!("`{SERVERS}` in {FILE} is not an object"))
            .hint("correct or move the file; it was not touched")),
    }
}

fn raw(text: &str) -> Result<Box<RawValue>, Failure> {
    RawValue::from_string(text.to_owned()).map_err(|error| Failure::failed(error.to_string()))
}

/// How a file is laid out.
struct Style {
    indent: String,
    newline: &'static str,
    /// What stands after the last brace.
    end: &'static str,
}

impl Style {
    fn of(text: &str) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let blank = |line: &str| line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect::<String>();
        let indent = text.lines().map(blank).find(|blank| !blank.is_empty()).unwrap_or_else(|| "  ".to_owned());
        let ends_bare = !text.is_empty() && !text.ends_with('\n');
        Self { indent, newline, end: if ends_bare { "" } else { newline } }
    }

    /// `members`, one a line, their values as they are.
    fn object(&self, members: &Members, depth: usize) -> Result<String, Failure> {
        if members.is_empty() {
            return Ok("{}".to_owned());
        }
        let pad = self.indent.repeat(depth + 1);
        let line = |(name, value): (&str, &RawValue)| {
            let name = to_raw_value(name).map_err(|error| Failure::failed(error.to_string()))?;
            Ok(format!("{pad}{}: {}", name.get(), value.get()))
        };
        let lines = members.iter().map(line).collect::<Result<Vec<_>, Failure>>()?;
        let between = format!(",{}", self.newline);
        Ok(format!("{{{0}{1}{0}{2}}}", self.newline, lines.join(&between), self.indent.repeat(depth)))
    }

    /// `value` laid out like the rest, for a place `depth` levels deep.
    fn pretty(&self, value: &Value, depth: usize) -> Result<String, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
        let mut out = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(self.indent.as_bytes());
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
        serde::Serialize::serialize(value, &mut serializer).map_err(|error| failed(&error))?;
        let text = String::from_utf8(out).map_err(|error| failed(&error))?;
        let between = format!("{}{}", self.newline, self.indent.repeat(depth));
        Ok(text.lines().collect::<Vec<_>>().join(&between))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Value {
        entry("mcpctl", "weekly_reports", None)
    }

    #[test]
    fn a_new_file_holds_our_entry_and_nothing_else() {
        let Edit::Created(text) = add(None, &ours()).unwrap() else { panic!("created") };
        let expected = r#"{
  "mcpServers": {
    "mcpctl-proxy": {
      "type": "stdio",
      "command": "mcpctl",
      "args": [
        "mcp-stdio",
        "--project",
        "weekly_reports"
      ]
    }
  }
}
"#;
        assert_eq!(text, expected);
        assert_eq!(add(Some(&text), &ours()).unwrap(), Edit::Unchanged);
    }

    const OTHERS: &str = "{\n\t\"x\": 1.10,\n\t\"mcpServers\": {\n\t\t\"zeta\": {\"command\": \"z\", \"args\": [\"a\", \"\\u0041\"]},\n\t\t\"alpha\": {\n\t\t\t\"url\": \"https://a\"\n\t\t}\n\t}\n}";

    #[test]
    fn other_servers_survive_byte_for_byte_and_in_order() {
        let Edit::Created(text) = add(Some(OTHERS), &ours()).unwrap() else { panic!("created") };
        assert!(text.starts_with(OTHERS.strip_suffix("\n\t}\n}").unwrap()), "{text}");
        assert!(text.contains("\n\t\t\"mcpctl-proxy\": {\n\t\t\t\"type\": \"stdio\""), "{text}");
        assert_eq!(remove(&text, Some("weekly_reports")).unwrap(), Edit::Removed(OTHERS.to_owned()));
    }

    #[test]
    fn windows_line_ends_are_kept() {
        let before = "{\r\n    \"mcpServers\": {\r\n        \"a\": {}\r\n    }\r\n}\r\n";
        let Edit::Created(text) = add(Some(before), &ours()).unwrap() else { panic!("created") };
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert_eq!(remove(&text, None).unwrap(), Edit::Removed(before.to_owned()));
    }

    #[test]
    fn an_entry_for_another_project_is_replaced_in_its_place() {
        let Edit::Created(text) = add(Some(OTHERS), &ours()).unwrap() else { panic!("created") };
        let Edit::Configured(text) = add(Some(&text), &entry("mcpctl", "other", Some("/h"))).unwrap() else {
            panic!("configured")
        };
        assert!(text.contains("\"other\"") && text.contains("\"/h\"") && !text.contains("weekly_reports"));
    }

    fn refuses(text: &str, expected: &str) {
        for result in [add(Some(text), &ours()), remove(text, None)] {
            let failure = result.unwrap_err();
            assert!(failure.message.contains(expected), "{text}: {}", failure.message);
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        refuses("{\"mcpServers\": {", "not valid JSON");
        refuses("", "not valid JSON");
        refuses("{\"mcpServers\": {}, \"mcpServers\": {}}", "not valid JSON");
        refuses("// note\n{}", "not valid JSON");
        refuses("[]", "not a JSON object");
        refuses("{\"mcpServers\": []}", "`mcpServers` in .mcp.json is not an object");
    }

    #[test]
    fn only_our_own_entry_is_removed() {
        let foreign = r#"{"mcpServers": {"mcpctl-proxy": {"command": "other"}}}"#;
        assert!(remove(foreign, None).unwrap_err().message.contains("not made by mcpctl"));
        let Edit::Created(text) = add(None, &ours()).unwrap() else { panic!("created") };
        assert!(remove(&text, Some("daily")).unwrap_err().message.contains("`weekly_reports`"));
        assert_eq!(remove("{}", None).unwrap(), Edit::Unchanged);
    }
}

//! Our entry in a client's file: made from the shape in `clients.json`, told apart from those of others, and renewed
//! without what the user added to it.

use super::table::Client;
use crate::client::http::is_loopback;
use serde_json::{Map, Value};
use url::Url;

/// The argument by which the bridge is known.
const BRIDGE: &str = "mcp-stdio";

/// What the placeholders of a shape stand for.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// `$NAME`: what the entry is called.
    pub name: String,
    /// `$COMMAND`: this program.
    pub command: String,
    /// `$ARGS`: the arguments of the bridge.
    pub args: Vec<String>,
    /// `$URL`: the project's endpoint.
    pub url: String,
    /// `$HELPER`: the command line that prints headers.
    pub helper: String,
}

impl Values {
    /// What stands for itself in a shape that is shown.
    pub(crate) fn example() -> Self {
        let url = "http://127.0.0.1:9229/projects/PROJECT/mcp".to_owned();
        let args = [BRIDGE, "--project", "PROJECT"].map(str::to_owned).into();
        let helper = "mcpctl auth headers --project PROJECT".to_owned();
        Self { name: super::NAME.to_owned(), command: "mcpctl".to_owned(), args, url, helper }
    }

    /// `shape` with the values in place.
    pub(crate) fn fill(&self, shape: &Map<String, Value>) -> Value {
        Value::Object(shape.iter().map(|(key, value)| (key.clone(), self.value(value))).collect())
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.as_str() {
                "$ARGS" => self.args.clone().into(),
                other => self.text(other).into(),
            },
            Value::Array(items) => items.iter().flat_map(|item| self.items(item)).collect(),
            Value::Object(members) => self.fill(members),
            other => other.clone(),
        }
    }

    /// An item of a list: `$ARGS` are several.
    fn items(&self, item: &Value) -> Vec<Value> {
        match self.value(item) {
            Value::Array(items) if item.is_string() => items,
            other => vec![other],
        }
    }

    fn text(&self, text: &str) -> String {
        match text {
            "$NAME" => self.name.clone(),
            "$COMMAND" => self.command.clone(),
            "$URL" => self.url.clone(),
            "$HELPER" => self.helper.clone(),
            other => other.to_owned(),
        }
    }
}

/// The project an entry of ours connects to; none: it is not ours.
pub(crate) fn project_of(entry: &Value) -> Option<String> {
    entry.as_object()?.values().find_map(|value| match value {
        Value::Array(words) => bridged(words),
        Value::String(url) => endpoint(url),
        _ => None,
    })
}

/// The command line that an entry of ours starts; none: it names a URL.
pub(crate) fn command_of(entry: &Value) -> Option<Vec<String>> {
    let members = entry.as_object()?;
    let words = members.values().filter_map(Value::as_array).find(|words| bridged(words).is_some())?;
    let words = words.iter().filter_map(Value::as_str).map(str::to_owned);
    let program = ["command", "cmd"].iter().find_map(|key| members.get(*key)?.as_str()).map(str::to_owned);
    Some(program.into_iter().chain(words).collect())
}

/// The project in the arguments of the bridge, with or without the program before them.
fn bridged(words: &[Value]) -> Option<String> {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    words.iter().take(2).find(|word| **word == BRIDGE)?;
    let at = words.iter().position(|word| *word == "--project")?;
    words.get(at + 1).map(|project| (*project).to_owned())
}

/// The project in the URL of a gateway on this machine.
fn endpoint(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(is_loopback)?;
    let project = url.path().strip_prefix("/projects/")?.strip_suffix("/mcp")?;
    (!project.is_empty() && !project.contains('/')).then(|| project.to_owned())
}

/// `old` as `new` has it: what the user added stays, what only the other transport needs goes.
pub(crate) fn renewed(old: &Value, new: &Value, client: &Client) -> Value {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return new.clone() };
    let is_ours = |key: &str| client.members().any(|member| member == key);
    let kept = old.iter().filter(|(key, _)| new.contains_key(*key) || !is_ours(key));
    let mut renewed: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    renewed.extend(new.clone());
    Value::Object(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::table;
    use serde_json::json;

    fn values() -> Values {
        Values {
            name: "mcpctl-proxy".to_owned(),
            command: "mcpctl".to_owned(),
            args: [BRIDGE, "--project", "weekly_reports"].map(str::to_owned).into(),
            url: "http://127.0.0.1:9229/projects/weekly_reports/mcp".to_owned(),
            helper: "mcpctl auth headers --project weekly_reports".to_owned(),
        }
    }

    #[test]
    fn the_shape_of_every_client_is_known_again() {
        for client in table::all().unwrap() {
            let entries = [Some(&client.stdio), client.http.as_ref().map(|http| &http.entry)];
            for entry in entries.into_iter().flatten().map(|shape| values().fill(shape)) {
                assert_eq!(project_of(&entry).as_deref(), Some("weekly_reports"), "{}: {entry}", client.name);
                let command = command_of(&entry).map(|words| words.join(" "));
                let is_url = entry.to_string().contains("/projects/weekly_reports/mcp");
                let expected = (!is_url).then_some("mcpctl mcp-stdio --project weekly_reports");
                assert_eq!(command.as_deref(), expected, "{}: {entry}", client.name);
                assert!(!entry.to_string().contains('$'), "{entry}");
            }
        }
    }

    #[test]
    fn a_command_in_one_list_has_all_its_words() {
        let entry = values().fill(&table::find("opencode").unwrap().stdio);
        assert_eq!(entry["command"], json!(["mcpctl", BRIDGE, "--project", "weekly_reports"]));
    }

    #[test]
    fn entries_of_others_are_not_ours() {
        for entry in [
            json!({"command": "npx", "args": ["-y", "x", "mcp-stdio", "--project", "p"]}),
            json!({"command": "mcpctl", "args": ["status"]}),
            json!({"url": "https://mcp.example.com/projects/p/mcp"}),
            json!({"url": "http://127.0.0.1:9229/mcp"}),
            json!({"url": "http://127.0.0.1:9229/projects/a/b/mcp"}),
            json!("mcp-stdio"),
        ] {
            assert_eq!(project_of(&entry), None, "{entry}");
        }
    }

    #[test]
    fn what_the_user_added_stays_and_the_other_transport_goes() {
        let claude = table::find("claude").unwrap();
        let old = json!({"type": "stdio", "command": "old", "args": [], "alwaysLoad": true});
        let new = values().fill(&claude.http.as_ref().unwrap().entry);
        let renewed = renewed(&old, &new, &claude);
        assert_eq!(renewed["alwaysLoad"], true);
        assert_eq!(renewed["type"], "http");
        assert!(renewed.get("command").is_none() && renewed.get("args").is_none(), "{renewed}");
    }
}

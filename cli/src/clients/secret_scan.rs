//! Finding what looks like a secret in a client's configuration, so that none is ever written or left unnoticed.
//!
//! It errs on the side of finding. A reference such as `${TOKEN}` is no secret.

use serde_json::Value;

/// Beginnings of tokens whose issuers made them recognisable, and the least number of characters after them.
const PREFIXES: [(&str, usize); 20] = [
    ("xoxb-", 4),
    ("xoxp-", 4),
    ("xoxc-", 4),
    ("xoxd-", 4),
    ("xoxe", 8),
    ("xapp-", 4),
    ("ghp_", 8),
    ("gho_", 8),
    ("ghu_", 8),
    ("ghs_", 8),
    ("github_pat_", 8),
    ("glpat-", 8),
    ("ATATT", 8),
    ("sk-", 16),
    ("AKIA", 12),
    ("eyJ", 32),
    ("mcpctl_pat_", 8),
    ("mcpctl_gw_", 8),
    ("mcpctl_join_", 8),
    ("ntn_", 16),
];
/// Words in a name whose value is a secret.
const NAMES: [&str; 8] = ["token", "secret", "password", "passwd", "api_key", "apikey", "api-key", "authorization"];
/// Shortest value under such a name that is taken for a secret.
const VALUE_CHARS_MIN: usize = 8;

/// Paths of the texts in `value` that look like secrets, for example `mcpServers.slack.env.SLACK_TOKEN`.
pub(crate) fn find(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(value, "", "", &mut found);
    found
}

fn walk(value: &Value, path: &str, name: &str, found: &mut Vec<String>) {
    let child = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| walk(value, &child(key), key, found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| walk(value, &child(&at.to_string()), name, found));
        }
        Value::String(text) if is_secret(name, text) => found.push(path.to_owned()),
        _ => {}
    }
}

fn is_secret(name: &str, text: &str) -> bool {
    let has_prefix = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))).any(|word| {
        PREFIXES.iter().any(|(prefix, more)| word.strip_prefix(prefix).is_some_and(|rest| rest.len() >= *more))
    });
    if has_prefix {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let named = NAMES.iter().any(|word| name.contains(word)) && !name.ends_with("_url") && !name.ends_with("_file");
    let bare = text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("Basic ")).unwrap_or(text);
    named && !bare.contains("${") && !bare.starts_with('$') && bare.chars().count() >= VALUE_CHARS_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &[&str]) {
        assert_eq!(find(&serde_json::from_str(json).unwrap()), expected, "{json}");
    }

    #[test]
    fn tokens_are_found_by_their_form_wherever_they_stand() {
        check(r#"{"env":{"X":"xoxb-1234-5678"}}"#, &["env.X"]);
        check(r#"{"args":["--auth","ghp_0123456789abcdef"]}"#, &["args.1"]);
        check(r#"{"url":"https://x/?t=mcpctl_pat_0123456789"}"#, &["url"]);
        check(r#"{"headers":{"X-Y":"Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x"}}"#, &["headers.X-Y"]);
    }

    #[test]
    fn other_secrets_are_found_by_the_name_they_stand_under() {
        check(r#"{"env":{"JIRA_API_TOKEN":"abcdefgh12"}}"#, &["env.JIRA_API_TOKEN"]);
        check(r#"{"headers":{"Authorization":"Bearer 12345678"}}"#, &["headers.Authorization"]);
    }

    #[test]
    fn references_and_ordinary_values_are_no_secrets() {
        check(r#"{"env":{"JIRA_API_TOKEN":"${JIRA_API_TOKEN}","TOKEN_URL":"https://login.example"}}"#, &[]);
        check(r#"{"headers":{"Authorization":"Bearer ${TOKEN:-none-at-all}"}}"#, &[]);
        check(r#"{"command":"mcpctl","args":["mcp-stdio","--project","token_rotation"]}"#, &[]);
        check(r#"{"args":["ask-secret-keeper","sk-learn"]}"#, &[]);
    }
}

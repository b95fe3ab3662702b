//! A request as the curl command that does the same. Whatever could be a secret is a variable of the shell in it.

use reqwest::{
    Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::Value;

/// Members of bodies whose values are secrets, and the variable that stands for each.
const SECRETS: [(&str, &str); 6] = [
    ("value", "MCPCTL_SECRET"),
    ("password", "MCPCTL_PASSWORD"),
    ("current", "MCPCTL_CURRENT_PASSWORD"),
    ("token", "MCPCTL_TOKEN"),
    ("issuer_token", "MCPCTL_ISSUER_TOKEN"),
    ("ticket", "MCPCTL_TICKET"),
];

/// The command.
pub(super) fn command(request: &Request) -> String {
    let mut words = vec!["curl".to_owned(), "--fail-with-body".to_owned()];
    if request.method() != reqwest::Method::GET {
        words.extend(["--request".to_owned(), request.method().to_string()]);
    }
    if request.headers().contains_key(AUTHORIZATION) {
        words.extend(["--header".to_owned(), "\"Authorization: Bearer $MCPCTL_TOKEN\"".to_owned()]);
    }
    for name in [ACCEPT, CONTENT_TYPE] {
        if let Some(value) = request.headers().get(&name).and_then(|value| value.to_str().ok()) {
            words.extend(["--header".to_owned(), single(&format!("{name}: {value}"))]);
        }
    }
    if let Some(body) = request.body().and_then(reqwest::Body::as_bytes) {
        words.extend(["--data-raw".to_owned(), data(body)]);
    }
    words.push(single(request.url().as_str()));
    words.join(" ")
}

/// The body as one word of a shell. Texts that are secrets are taken from variables.
fn data(body: &[u8]) -> String {
    let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(body) else {
        return single(&String::from_utf8_lossy(body));
    };
    let mut secrets = Vec::new();
    for (name, value) in &mut members {
        if let Some((_, variable)) = SECRETS.iter().find(|(secret, _)| secret == name)
            && value.is_string()
        {
            // Found again below: nothing else in the body can look like it.
            let mark = format!("\u{1}{variable}\u{1}");
            *value = Value::String(mark.clone());
            secrets.push((serde_json::to_string(&mark).unwrap_or_default(), *variable));
        }
    }
    let mut word = single(&Value::Object(members).to_string());
    for (mark, variable) in secrets {
        word = word.replace(&mark, &format!("\"'\"${variable}\"'\""));
    }
    word
}

/// `text` in single quotes, as a shell takes it.
fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::{Method, Url};
    use std::process::Command;

    fn request(method: Method, body: Option<&str>) -> Request {
        let mut request = Request::new(method, Url::parse("https://mcpd.example/api/v1/secrets/it's?a=b&c").unwrap());
        request.headers_mut().insert(AUTHORIZATION, "Bearer mcpctl_pat_canary".parse().unwrap());
        *request.body_mut() = body.map(|body| body.to_owned().into());
        request
    }

    /// The words of `command` as a shell makes them out.
    fn words(command: &str) -> Vec<String> {
        let script = format!("for word in {command}; do printf '%s\\0' \"$word\"; done");
        let ran = Command::new("sh")
            .args(["-c", &script])
            .env("MCPCTL_TOKEN", "t")
            .env("MCPCTL_SECRET", "s")
            .output()
            .unwrap();
        let out = String::from_utf8(ran.stdout).unwrap();
        out.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_reads_the_request_out_of_it_and_no_secret_is_in_it() {
        let command = command(&request(Method::PUT, Some(r#"{"value":"canary'\" $x","label":"it's"}"#)));
        assert!(!command.contains("canary"), "{command}");
        let words = words(&command);
        assert_eq!(words.last().unwrap(), "https://mcpd.example/api/v1/secrets/it's?a=b&c");
        assert!(words.contains(&"Authorization: Bearer t".to_owned()), "{words:?}");
        assert!(words.contains(&r#"{"value":"s","label":"it's"}"#.to_owned()), "{words:?}");
    }

    #[test]
    fn reading_is_a_plain_get() {
        let command = command(&request(Method::GET, None));
        assert!(command.starts_with("curl --fail-with-body --header"), "{command}");
    }
}

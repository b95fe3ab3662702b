//! What a stranger says a server is, before it is used: bounded, without anything that acts on a terminal, and without a
//! way to run more than the package it names.

use crate::{
    catalogue::{Definition, Package, Parameter, Remote},
    output,
};
use serde_json::Value;
use url::Url;

/// Longest text, in bytes.
const TEXT_BYTES_MAX: usize = 2_048;
/// Most elements of any list or object.
const ELEMENTS_MAX: usize = 64;
/// Where packages come from; others than these would need settings of their launchers.
const PACKAGE_SOURCES: [&str; 6] = [
    "https://registry.npmjs.org",
    "https://pypi.org",
    "https://docker.io",
    "https://ghcr.io",
    "https://quay.io",
    "https://mcr.microsoft.com",
];
/// Variables that make a program load or run something else.
const LOADERS: [&str; 16] = [
    "PATH",
    "HOME",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
    "GIT_SSH_COMMAND",
    "SSL_CERT_FILE",
    "HTTPS_PROXY",
];

/// The definition, or why it is not used.
pub(super) fn vet(mut server: Value) -> Result<Definition, String> {
    plain(&mut server)?;
    // Ours is what we say of a server, and nobody else.
    if let Some(members) = server.as_object_mut() {
        members.remove("_meta");
    }
    let mut definition: Definition =
        serde_json::from_value(server).map_err(|error| output::plain(&error.to_string()))?;
    if !is_server_name(&definition.name) {
        return Err("its name is none".to_owned());
    }
    for package in &mut definition.packages {
        let called = package.identifier.clone();
        vet_package(package).map_err(|why| format!("package `{called}`: {why}"))?;
    }
    for remote in &definition.remotes {
        vet_remote(remote).map_err(|why| format!("remote `{}`: {why}", remote.url))?;
    }
    Ok(definition)
}

/// Whether `name` is one as registries have them: `io.example/server`.
pub(super) fn is_server_name(name: &str) -> bool {
    let part = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    name.len() <= 200 && name.split_once('/').is_some_and(|(space, name)| part(space) && part(name))
}

/// Bounds everything, and spells out what acts.
fn plain(value: &mut Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            Err(format!("a text has more than {TEXT_BYTES_MAX} bytes"))
        }
        Value::String(text) => {
            *text = output::plain(text);
            Ok(())
        }
        Value::Array(items) if items.len() > ELEMENTS_MAX => {
            Err(format!("a list has more than {ELEMENTS_MAX} elements"))
        }
        Value::Array(items) => items.iter_mut().try_for_each(plain),
        Value::Object(members) if members.len() > ELEMENTS_MAX => {
            Err(format!("an object has more than {ELEMENTS_MAX} members"))
        }
        Value::Object(members) => {
            if members.keys().any(|key| key.len() > TEXT_BYTES_MAX || output::plain(key) != *key) {
                return Err("a name holds what acts on a terminal".to_owned());
            }
            members.values_mut().try_for_each(plain)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn vet_package(package: &mut Package) -> Result<(), String> {
    if package.launcher().is_none() {
        // Never run; it may say what it likes.
        return Ok(());
    }
    let allowed: &[u8] = match package.registry_type.as_str() {
        "npm" => b"@/._-~",
        "pypi" => b"._-",
        _ => b"/._-:@",
    };
    let plain = |text: &str, allowed: &[u8]| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || allowed.contains(&b))
            && !text.starts_with('-')
            && !text.is_empty()
    };
    if !plain(&package.identifier, allowed) || package.identifier.contains("..") || package.identifier.contains("//") {
        return Err("that is no name of a package".to_owned());
    }
    if let Some(version) = &package.version
        && (!plain(version, b".+_-") || version == "latest")
    {
        return Err("its version is none".to_owned());
    }
    if package.version.is_none() && !package.identifier.contains(':') {
        return Err("it names no version: whatever is newest would run".to_owned());
    }
    if let Some(source) = &package.registry_base_url
        && !PACKAGE_SOURCES.contains(&source.trim_end_matches('/'))
    {
        return Err(format!("it comes from `{source}`"));
    }
    take_over_runtime_arguments(package)?;
    package.environment_variables.iter().try_for_each(|variable| {
        let name = variable.name.as_deref().unwrap_or_default();
        if is_loader(name) {
            Err(format!("it sets `{name}`, which makes programs load something else"))
        } else {
            Ok(())
        }
    })
}

fn is_loader(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    LOADERS.contains(&upper.as_str())
        || ["LD_", "DYLD_", "PYTHON", "NPM_CONFIG_", "UV_", "PIP_", "DOCKER_"]
            .iter()
            .any(|start| upper.starts_with(start))
}

/// Arguments of a launcher could have it do anything, such as mount the whole disk into a container. Those that say what is
/// done anyway are dropped, variables become variables, and any other is refused.
fn take_over_runtime_arguments(package: &mut Package) -> Result<(), String> {
    for argument in std::mem::take(&mut package.runtime_arguments) {
        let (name, value) =
            (argument.name.as_deref().unwrap_or_default(), argument.value.as_deref().unwrap_or_default());
        let is_docker = package.registry_type == "oci";
        let image = |text: &str| package.identifier.starts_with(text.split([':', '@']).next().unwrap_or(text));
        match (is_docker, name) {
            (true, "-i" | "--interactive" | "--rm" | "--init") | (false, "-y" | "--yes") => {}
            (true, "") if value == "run" || (!value.is_empty() && image(value)) => {}
            (false, "") if value == "-y" => {}
            (true, "-e" | "--env") => package.environment_variables.push(variable(argument)?),
            _ => {
                let shown = [name, value].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
                return Err(format!(
                    "it wants its launcher to be given `{shown}`: start it with `--command` if you trust it"
                ));
            }
        }
    }
    Ok(())
}

/// `-e NAME=value` as a variable.
fn variable(mut argument: Parameter) -> Result<Parameter, String> {
    let pair = argument.value.take().or_else(|| argument.value_hint.take()).unwrap_or_default();
    let (name, value) = pair.split_once('=').map_or((pair.as_str(), None), |(name, value)| (name, Some(value)));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err("it passes a variable without a name".to_owned());
    }
    argument.kind = None;
    argument.name = Some(name.to_owned());
    argument.value = value.map(str::to_owned);
    // `NAME={token}` asks for the variable itself.
    if let Some(inner) = value.and_then(|value| value.strip_prefix('{')?.strip_suffix('}'))
        && let Some(only) = argument.variables.remove(inner)
        && only.value.is_none()
    {
        let description = if only.description.is_empty() { argument.description } else { only.description.clone() };
        return Ok(Parameter { name: Some(name.to_owned()), description, ..only });
    }
    Ok(argument)
}

fn vet_remote(remote: &Remote) -> Result<(), String> {
    if !matches!(remote.kind.as_str(), "streamable-http" | "sse") {
        return Err(format!("`{}` is not spoken here", remote.kind));
    }
    let mut filled = remote.url.clone();
    for name in remote.variables.keys() {
        filled = filled.replace(&format!("{{{name}}}"), "x");
    }
    let url = Url::parse(&filled).map_err(|_| "that is no URL".to_owned())?;
    let open = crate::client::http::is_loopback(&url) && url.scheme() == "http";
    if (url.scheme() != "https" && !open) || !url.username().is_empty() || url.password().is_some() {
        return Err("it is reached without protection".to_owned());
    }
    let wrong = remote.headers.iter().filter_map(|header| header.name.as_deref()).find(|name| {
        !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            || ["host", "content-length", "transfer-encoding", "connection"]
                .contains(&name.to_ascii_lowercase().as_str())
    });
    wrong.map_or(Ok(()), |name| Err(format!("it sets the header `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Answers, Choice, Switches};
    use serde_json::json;

    fn server(package: Value) -> Value {
        json!({"name": "io.example/wiki", "description": "A wiki", "version": "1", "packages": [package]})
    }

    fn npm(more: Value) -> Value {
        let mut package = json!({"registryType": "npm", "identifier": "@example/wiki", "version": "1.2.3", "transport": {"type": "stdio"}});
        package.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server(package)
    }

    fn oci(more: Value) -> Value {
        let mut package =
            json!({"registryType": "oci", "identifier": "ghcr.io/example/wiki:1.2.3", "transport": {"type": "stdio"}});
        package.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server(package)
    }

    fn refused(server: Value, says: &str) {
        let why = vet(server).unwrap_err();
        assert!(why.contains(says), "{why}");
    }

    #[test]
    fn only_the_package_that_is_named_can_run() {
        vet(npm(json!({}))).unwrap();
        vet(oci(json!({}))).unwrap();
        for identifier in ["--call=evil", "a b", "../x", "a;rm", "$(x)", "https://evil.example/x.tgz", "git+ssh://x"] {
            refused(npm(json!({"identifier": identifier})), "no name of a package");
        }
        for version in ["latest", "^1", ">=1", "1 || 2", "-x"] {
            refused(npm(json!({"version": version})), "version");
        }
        refused(npm(json!({"version": null})), "whatever is newest");
        refused(npm(json!({"registryBaseUrl": "https://evil.example"})), "evil.example");
        refused(
            npm(json!({"runtimeArguments": [{"type": "named", "name": "--node-options", "value": "-r x"}]})),
            "--node-options",
        );
        refused(oci(json!({"runtimeArguments": [{"type": "named", "name": "-v", "value": "/:/host"}]})), "-v /:/host");
        refused(oci(json!({"runtimeArguments": [{"type": "positional", "value": "--privileged"}]})), "--privileged");
        for name in ["LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "path"] {
            refused(npm(json!({"environmentVariables": [{"name": name, "value": "x"}]})), name);
        }
    }

    #[test]
    fn launchers_are_the_known_ones() {
        let definition = vet(npm(json!({"runtimeHint": "sh"}))).unwrap();
        assert!(definition.variants().is_empty());
        let definition = vet(npm(json!({"registryType": "mcpb", "identifier": "https://x.example/a.mcpb"}))).unwrap();
        assert!(definition.variants().is_empty());
    }

    #[test]
    fn a_container_is_passed_its_variables_by_name() {
        let arguments = json!({"runtimeArguments": [
            {"type": "positional", "value": "run"}, {"type": "named", "name": "-i", "value": "true"},
            {"type": "named", "name": "--rm", "value": "true"},
            {"type": "named", "name": "-e", "description": "token", "value": "WIKI_TOKEN={token}",
             "variables": {"token": {"isSecret": true, "isRequired": true}}},
            {"type": "positional", "value": "ghcr.io/example/wiki"}]});
        let choice = Choice::new(vet(oci(arguments)).unwrap(), None).unwrap();
        let inputs = choice.inputs();
        assert_eq!((inputs[0].name.as_str(), inputs[0].secret, inputs[0].required), ("WIKI_TOKEN", true, true));
        let program = choice.program(&Answers::default(), &["WIKI_TOKEN".to_owned()], &Switches::default()).unwrap();
        assert_eq!(program.args, ["run", "-i", "--rm", "-e", "WIKI_TOKEN", "ghcr.io/example/wiki:1.2.3"]);
    }

    #[test]
    fn nothing_acts_on_a_terminal_and_nothing_is_endless() {
        let mut hostile = npm(json!({}));
        hostile["description"] = json!("a\u{1b}]0;owned\u{7}b");
        assert!(!vet(hostile).unwrap().description.contains('\u{1b}'));
        let mut long = npm(json!({}));
        long["description"] = json!("x".repeat(3_000));
        refused(long, "more than 2048 bytes");
        refused(npm(json!({"environmentVariables": vec![json!({"name": "A"}); 65]})), "more than 64");
        refused(npm(json!({"a\u{1b}": 1})), "acts on a terminal");
    }

    #[test]
    fn what_we_say_of_a_server_nobody_else_says() {
        let mut server = npm(json!({}));
        server["_meta"] = json!({"io.mcpctl/catalogue": {"id": "slack", "variants": [], "tools": {"read": ["drop"], "write": [], "destructive": []}}});
        let definition = vet(server).unwrap();
        assert!(definition.extension().tools.read.is_empty() && definition.id() == "wiki");
    }

    #[test]
    fn a_remote_is_reached_under_protection_alone() {
        let remote = |remote: Value| json!({"name": "io.example/wiki", "description": "d", "remotes": [remote]});
        vet(remote(json!({"type": "streamable-http", "url": "https://{site}.example/mcp", "variables": {"site": {}}})))
            .unwrap();
        vet(remote(json!({"type": "sse", "url": "http://127.0.0.1:9/mcp"}))).unwrap();
        refused(remote(json!({"type": "streamable-http", "url": "http://x.example/mcp"})), "without protection");
        refused(remote(json!({"type": "streamable-http", "url": "https://u:p@x.example/mcp"})), "without protection");
        refused(remote(json!({"type": "websocket", "url": "https://x.example"})), "not spoken");
        let header = json!({"type": "sse", "url": "https://x.example", "headers": [{"name": "Host", "value": "y"}]});
        refused(remote(header), "`Host`");
    }
}

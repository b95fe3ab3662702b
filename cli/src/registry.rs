//! A registry of MCP servers, over its API (`/v0.1/servers`, where that is not known `/v0/servers`).
//!
//! What it answers was written by strangers: it is bounded, vetted, and shown before anything comes of it. It knows neither
//! prompts nor the control plane.

mod vetting;

use crate::{catalogue::Definition, client::http, failure::Failure, output, suggest};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Most servers that are named as what might have been meant.
const SUGGESTIONS_MAX: usize = 8;
/// Versions of the API, the frozen one first.
const APIS: [&str; 2] = ["v0.1", "v0"];

/// A server as the registry gives it.
#[derive(Deserialize)]
struct Entry {
    server: Value,
    #[serde(rename = "_meta", default)]
    meta: EntryMeta,
}

#[derive(Deserialize, Default)]
struct EntryMeta {
    #[serde(rename = "io.modelcontextprotocol.registry/official", default)]
    official: Official,
}

#[derive(Deserialize, Default)]
struct Official {
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct List {
    servers: Vec<Entry>,
}

impl Entry {
    fn name(&self) -> Option<&str> {
        self.server.get("name").and_then(Value::as_str)
    }
}

/// The server that `registry` calls `name`, or `name@version`; of a name without `/` the only one that ends in it.
pub(crate) async fn find(registry: &Url, name: &str) -> Result<Definition, Failure> {
    if registry.scheme() != "https" && !http::is_loopback(registry) {
        return Err(Failure::usage(format!("`{registry}` is not https: anybody on the way could say what runs here")));
    }
    let (bare, version) = match name.rsplit_once('@') {
        Some((bare, version)) if !bare.is_empty() => (bare, version),
        _ => (name, "latest"),
    };
    let full = if bare.contains('/') { bare.to_owned() } else { only_one(registry, bare).await? };
    let path = ["servers", full.as_str(), "versions", version];
    let Some(text) = get(registry, &path, &[]).await? else {
        return Err(absent(registry, name, &search(registry, last(&full)).await?));
    };
    let entry: Entry = understood(registry, &text)?;
    if entry.meta.official.status == "deleted" {
        return Err(Failure::failed(format!("`{full}` was deleted from `{registry}`: it may have been malicious")));
    }
    let definition = vetting::vet(entry.server).map_err(|why| {
        Failure::failed(format!("what `{registry}` says of `{}` is not used: {why}", output::plain(&full)))
    })?;
    if definition.name != full {
        return Err(Failure::failed(format!("`{registry}` answered with another server than `{full}`")));
    }
    Ok(definition)
}

/// What `definition` is called here: the end of its name, as far as it can be used.
pub(crate) fn name_of(definition: &Definition) -> String {
    let usable = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' { c } else { '-' };
    let name: String = last(&definition.name).to_ascii_lowercase().chars().map(usable).collect();
    name.trim_matches('-').to_owned()
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

async fn only_one(registry: &Url, name: &str) -> Result<String, Failure> {
    let found = search(registry, name).await?;
    let mut same = found.iter().filter(|full| last(full) == name);
    match (same.next(), same.next()) {
        (Some(one), None) => Ok(one.clone()),
        (None, _) => Err(absent(registry, name, &found)),
        (Some(_), Some(_)) => {
            let names: Vec<String> = found.iter().filter(|full| last(full) == name).cloned().collect();
            Err(Failure::usage(format!("`{registry}` has several servers called `{name}`"))
                .details(names)
                .hint("say which one: `--from-registry` with the whole name"))
        }
    }
}

fn absent(registry: &Url, name: &str, found: &[String]) -> Failure {
    let failure = Failure::not_found(format!("`{registry}` has no server `{}`", output::plain(name)));
    match suggest::closest(name, found.iter().map(String::as_str)) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None if found.is_empty() => failure.hint("look for it on the registry's own pages"),
        None => failure.hint(format!("it has {}", found.join(", "))),
    }
}

/// Names of servers that `text` is a part of.
async fn search(registry: &Url, text: &str) -> Result<Vec<String>, Failure> {
    let query = [("search", text), ("version", "latest"), ("limit", "50")];
    let Some(answer) = get(registry, &["servers"], &query).await? else { return Ok(Vec::new()) };
    let list: List = understood(registry, &answer)?;
    let names = list.servers.iter().filter_map(Entry::name).filter(|name| vetting::is_server_name(name));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names.sort_by_key(|name| last(name) != text);
    names.truncate(SUGGESTIONS_MAX);
    Ok(names)
}

fn understood<T: for<'de> Deserialize<'de>>(registry: &Url, text: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(text).map_err(|error| {
        Failure::failed(format!("the answer of `{registry}` is not understood: {}", output::plain(&error.to_string())))
            .hint("`--registry` names the base URL of a registry, without `/v0.1`")
    })
}

/// The answer; none when there is no such thing.
async fn get(registry: &Url, path: &[&str], query: &[(&str, &str)]) -> Result<Option<Vec<u8>>, Failure> {
    let client = http::client(registry, Some(TIMEOUT))?;
    for api in APIS {
        let mut url = registry.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(api).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let gone = |error: &reqwest::Error| {
            Failure::unhealthy(format!("`{registry}` cannot be reached: {}", http::reason(error)))
                .hint("another registry is named with `--registry URL` or MCPCTL_REGISTRY")
        };
        let mut response = client.get(url).send().await.map_err(|error| gone(&error))?;
        match response.status() {
            StatusCode::NOT_FOUND => continue,
            status if !status.is_success() => {
                return Err(Failure::failed(format!("`{registry}` answered with {status}")));
            }
            _ => {}
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| gone(&error))? {
            answer.extend_from_slice(&chunk);
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(Failure::failed(format!("`{registry}` answered with more than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        return Ok(Some(answer));
    }
    Ok(None)
}

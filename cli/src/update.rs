//! Whether there is a newer version: reads what is published at a URL that somebody set, never unasked.
//!
//! It downloads and changes nothing.

use crate::{Invocation, client::http, commands::version::CLIENT, failure::Failure, home::Home};
use control_plane_api::timestamp::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    env, fs,
    io::{self, IsTerminal as _},
    time::Duration,
};
use url::Url;

/// Time for an answer that was asked for.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for one that was not: nobody waits for it gladly.
const NOTICE_TIMEOUT: Duration = Duration::from_millis(1500);
/// Between two looks of that kind.
const NOTICE_EVERY_MS: i64 = 24 * 60 * 60 * 1000;
/// Longest manifest that is read, in bytes: npm's list every version there was.
const BYTES_MAX: usize = 8 << 20;
/// When it was looked last.
const RECORD: &str = "update.json";

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// The newest version.
    pub version: Version,
    /// Where it is described, where that is said.
    pub page: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    looked_at: Timestamp,
}

/// What is published at `url`.
pub(crate) async fn newest(url: &Url) -> Result<Release, Failure> {
    fetch(url, CHECK_TIMEOUT).await
}

/// Whether `release` is newer than this program.
pub(crate) fn is_newer(release: &Release) -> bool {
    Version::parse(CLIENT).is_ok_and(|own| release.version > own)
}

/// Says once a day that there is a newer version, where that was asked for and somebody reads it.
pub(crate) async fn notice(invocation: &Invocation) {
    let unwanted =
        ["CI", "MCPCTL_NO_UPDATE_CHECK"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    if unwanted
        || !invocation.settings.checks_for_updates()
        || invocation.output.is_quiet()
        || !io::stderr().is_terminal()
    {
        return;
    }
    let Some(url) = invocation.settings.update_url() else { return };
    let now = Timestamp::now();
    if looked_at(&invocation.home)
        .is_some_and(|then| now.as_millis().saturating_sub(then.as_millis()) < NOTICE_EVERY_MS)
    {
        return;
    }
    // Also when nothing answers: nobody is to wait at every command.
    let record = serde_json::to_vec(&Record { looked_at: now }).unwrap_or_default();
    let _ = invocation.home.write_private(RECORD, &record);
    if let Ok(release) = fetch(&url, NOTICE_TIMEOUT).await
        && is_newer(&release)
    {
        invocation.output.note(format!(
            "mcpctl {} is published; this is {CLIENT}. `mcpctl upgrade --check` says more, `mcpctl config set update-check false` ends \
             this notice",
            release.version
        ));
    }
}

fn looked_at(home: &Home) -> Option<Timestamp> {
    let text = fs::read(home.path(RECORD)).ok()?;
    Some(serde_json::from_slice::<Record>(&text).ok()?.looked_at)
}

async fn fetch(url: &Url, timeout: Duration) -> Result<Release, Failure> {
    let unreachable = |error: reqwest::Error| {
        Failure::unhealthy(format!("cannot read what is published at `{url}`: {}", http::reason(&error)))
            .hint("check the setting `update-url`, and the network")
    };
    let mut response = http::client(url, Some(timeout))?.get(url.clone()).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(
            Failure::failed(format!("`{url}` answered {}", response.status())).hint("check the setting `update-url`")
        );
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > BYTES_MAX {
            return Err(Failure::failed(format!("what is published at `{url}` is longer than {BYTES_MAX} bytes")));
        }
    }
    let manifest = serde_json::from_slice(&body).unwrap_or(Value::Null);
    read(&manifest).ok_or_else(|| {
        Failure::failed(format!("what is published at `{url}` names no version"))
            .hint("it has to be JSON of npm, of GitHub releases, or {\"version\": \"1.2.3\"}")
    })
}

/// The newest version that a manifest names: of npm, of GitHub (one release or a list), or a plain one.
fn read(manifest: &Value) -> Option<Release> {
    if let Value::Array(all) = manifest {
        let stable =
            |one: &&Value| !["draft", "prerelease"].iter().any(|mark| one.get(*mark) == Some(&Value::Bool(true)));
        return all.iter().filter(stable).filter_map(read).max_by(|a, b| a.version.cmp(&b.version));
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let version = text(manifest.get("tag_name"))
        .or_else(|| text(manifest.get("dist-tags").and_then(|tags| tags.get("latest"))))
        .or_else(|| text(manifest.get("version")))?;
    let page = text(manifest.get("html_url")).or_else(|| text(manifest.get("homepage")));
    // Only what a browser can open is repeated.
    let page = page.filter(|page| Url::parse(page).is_ok_and(|url| matches!(url.scheme(), "http" | "https")));
    // Tags are `v1.2.3` or `mcpctl-v1.2.3`.
    let number = version.rsplit_once('v').map_or(version.as_str(), |(_, number)| number);
    Some(Release { version: Version::parse(number).ok()?, page })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(manifest: &str, version: &str, page: Option<&str>) {
        let release = read(&serde_json::from_str(manifest).unwrap()).unwrap();
        assert_eq!((release.version.to_string().as_str(), release.page.as_deref()), (version, page), "{manifest}");
    }

    #[test]
    fn every_kind_of_manifest_names_its_newest_stable_version() {
        check(r#"{"version": "1.2.3"}"#, "1.2.3", None);
        check(r#"{"tag_name": "v2.0.0", "html_url": "https://x.example/v2"}"#, "2.0.0", Some("https://x.example/v2"));
        check(r#"{"dist-tags": {"latest": "0.9.1", "next": "2.0.0-rc.1"}, "versions": {}}"#, "0.9.1", None);
        check(
            r#"[{"tag_name": "v0.2.0"}, {"tag_name": "v0.10.0"}, {"tag_name": "v9.0.0", "prerelease": true}]"#,
            "0.10.0",
            None,
        );
        check(r#"{"tag_name": "mcpctl-v1.0.0", "html_url": "javascript:alert(1)"}"#, "1.0.0", None);
        for bad in ["null", "[]", "{}", r#"{"version": "soon"}"#, r#"{"version": 5}"#] {
            assert_eq!(read(&serde_json::from_str(bad).unwrap()), None, "{bad}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let release = |version: &str| Release { version: Version::parse(version).unwrap(), page: None };
        assert!(is_newer(&release("99.0.0")) && !is_newer(&release(CLIENT)) && !is_newer(&release("0.0.9")));
        assert!(!is_newer(&release(&format!("{CLIENT}-rc.1"))), "what comes before a version is not newer");
    }
}

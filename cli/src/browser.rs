//! Opening a link in the person's browser: no shell anywhere, and only links that are plainly links.

use crate::failure::Failure;
use std::process::{Command, Stdio};
use url::Url;

/// Longest link that is opened, in bytes.
const URL_BYTES_MAX: usize = 8 << 10;
/// The program that knows which browser is meant.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Checks that `text` is a link that may be opened: `https`, or `http` to this machine, of letters that mean nothing to
/// any program on the way.
pub(crate) fn check(text: &str) -> Result<Url, Failure> {
    let refused = || Failure::failed("the control plane sent a link that is not opened: it is no plain web address");
    if text.len() > URL_BYTES_MAX {
        return Err(refused());
    }
    let url = Url::parse(text).map_err(|_| refused())?;
    let secure = url.scheme() == "https" || url.scheme() == "http" && crate::client::http::is_loopback(&url);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@%&=+,".contains(&byte);
    let safe = url.has_host() && url.username().is_empty() && url.password().is_none();
    if secure && safe && url.as_str().bytes().all(plain) { Ok(url) } else { Err(refused()) }
}

/// Opens `url`. Whether a program was there to do so.
pub(crate) fn open(url: &Url) -> bool {
    let mut command = Command::new(OPENER);
    command
        .arg(url.as_str())
        // Some openers run what this names, `sh -c` for instance.
        .env_remove("BROWSER")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            tracing::debug!(%error, opener = OPENER, "no browser was opened");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_opened() {
        for good in [
            "https://mcpd.example/connect/jira?ticket=a.b-c_d",
            "http://127.0.0.1:3000/connect/x",
            "http://localhost/x",
        ] {
            assert_eq!(check(good).unwrap().as_str(), good);
        }
        let long = format!("https://x/{}", "a".repeat(URL_BYTES_MAX));
        let bad = [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "http://mcpd.example/",
            "https://$(id).x/",
            "-flag",
            "",
            "https://x/;id",
            "https://u:p@x/",
            "https://x/'",
            "https://x/|id",
            "data:text/html,x",
            &long,
        ];
        for bad in bad {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}

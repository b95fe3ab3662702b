//! What an entry says: the bridge's command line, or the gateway's URL and how the client comes by a credential for it.

use crate::{
    Invocation,
    args::client::{Add, Transport},
    client::http,
    clients::{
        Values,
        table::{Client, Credential, Http, Scope},
    },
    failure::{During as _, Failure},
    processes::in_path,
};
use serde::Deserialize;
use serde_json::Value;
use std::{env, fs, time::Duration};
use url::Url;

/// Time for the gateway to say who issues tokens for it.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Where it says so (RFC 9728).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The entry that `args` ask for.
pub(super) async fn entry(
    client: &Client,
    scope: Scope,
    args: &Add,
    invocation: &Invocation,
) -> Result<Value, Failure> {
    let project = args.project.as_str();
    let home = (!invocation.home.is_default()).then(|| invocation.home.root().display().to_string());
    let with_home = |words: [&str; 3]| {
        let home = home.iter().flat_map(|home| ["--home", home.as_str()]);
        words.into_iter().chain(home).map(str::to_owned).collect::<Vec<_>>()
    };
    let command = own_command(client.graphical && scope == Scope::User)?;
    let args_of_bridge = with_home(["mcp-stdio", "--project", project]);
    let words = [vec![command.clone(), "auth".to_owned()], with_home(["headers", "--project", project])].concat();
    let mut values = Values {
        name: args.place.name.to_string(),
        command,
        args: args_of_bridge,
        url: String::new(),
        helper: words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    };
    if args.transport == Transport::Stdio {
        return Ok(values.fill(&client.stdio));
    }
    let http = client.http.as_ref().ok_or_else(|| {
        Failure::usage(format!("the configuration of {} cannot name a URL", client.title))
            .hint("leave out `--transport http`: the bridge works in every client")
    })?;
    let gateway = invocation.home.gateway_url()?;
    let path = format!("/projects/{project}/mcp");
    let endpoint = at(&gateway, &path);
    check_credential(client, http, &gateway, &path).await?;
    values.url = endpoint.to_string();
    Ok(values.fill(&http.entry))
}

/// A client that would come without a token is not configured: the gateway lets nobody in without one.
async fn check_credential(client: &Client, http: &Http, gateway: &Url, path: &str) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::failed(format!("{} would have no token for {}: {why}", client.title, at(gateway, path)))
            .hint("leave out `--transport http`: the bridge presents your token, and no file holds it")
    };
    match http.credential {
        Credential::Helper => Ok(()),
        Credential::None => Err(refused("its configuration has no place for one but the file itself".to_owned())),
        Credential::Oauth => match issuers(&at(gateway, &format!("{WELL_KNOWN}{path}"))).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused("it logs in by OAuth, and no issuer is configured".to_owned())),
            Err(why) => Err(refused(format!("whether it can log in by OAuth could not be asked ({why})"))),
        },
    }
}

/// Whether somebody issues tokens for an endpoint.
async fn issuers(url: &Url) -> Result<bool, String> {
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(default)]
        authorization_servers: Vec<String>,
    }
    let client = http::client(url, Some(QUESTION_TIMEOUT)).map_err(|failure| failure.message)?;
    let response = client.get(url.clone()).send().await.map_err(|error| http::reason(&error))?;
    if !response.status().is_success() {
        return Ok(false);
    }
    let metadata: Metadata = response.json().await.map_err(|error| http::reason(&error))?;
    Ok(!metadata.authorization_servers.is_empty())
}

fn at(gateway: &Url, path: &str) -> Url {
    let mut url = gateway.clone();
    url.set_path(&format!("{}{path}", gateway.path().trim_end_matches('/')));
    url
}

/// `mcpctl` where that finds this very program, else the program's own path. A client that is started from a desktop has
/// another PATH than a shell, so in a file of this user alone it gets a path in any case: the one in PATH, which outlives an
/// upgrade. A file that a team shares names no path of one machine if it can be helped.
fn own_command(spelled_out: bool) -> Result<String, Failure> {
    let own = env::current_exe().during(|| "cannot find this program's own path".to_owned())?;
    let real = fs::canonicalize(&own).ok();
    let found = in_path("mcpctl").filter(|path| real.is_some() && fs::canonicalize(path).ok() == real);
    Ok(match found {
        Some(_) if !spelled_out => "mcpctl".to_owned(),
        Some(path) if path.is_absolute() => path.display().to_string(),
        _ => own.display().to_string(),
    })
}

/// `word` as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_line_stay_words() {
        assert_eq!(quoted("/usr/local/bin/mcpctl"), "/usr/local/bin/mcpctl");
        assert_eq!(quoted("/Users/u/My Tools/mcpctl"), "'/Users/u/My Tools/mcpctl'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn an_endpoint_is_below_the_gateways_own_path() {
        let url = at(&Url::parse("http://127.0.0.1:9229/gw/").unwrap(), "/projects/p/mcp");
        assert_eq!(url.as_str(), "http://127.0.0.1:9229/gw/projects/p/mcp");
    }
}

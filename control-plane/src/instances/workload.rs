//! What is to run: made from a server's configuration, secrets opened. Which engine runs it is unknown here.

use super::runtime::{InstanceId, Reach};
use crate::{
    secrets::{Binding, Keys},
    store::StoredSecret,
};
use control_plane_api::{
    instance::LogLine,
    name::Name,
    object::Named,
    runtime::ContainerSpec,
    server::{ServerSpec, Transport, Value},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use url::Url;
use zeroize::Zeroizing;

/// Port on which `mcp-gateway wrap` listens in a container.
const WRAP_PORT: u16 = 8080;
/// Path of its endpoint.
const WRAP_PATH: &str = "/mcp";
/// Shortest piece of a secret that is looked for in what a server wrote, in bytes: shorter ones are words like others.
const BLOT_BYTES_MIN: usize = 6;
/// Hex digits of a configuration's digest: enough to tell two apart, and fit for a label.
const CONFIG_DIGITS: usize = 32;

/// A container that is to run. No Debug: its environment may hold secrets.
pub(crate) struct Workload {
    pub(crate) id: InstanceId,
    pub(crate) container: ContainerSpec,
    /// What runs in it; none: the image's own program.
    pub(crate) command: Option<Vec<String>>,
    /// The environment, in the clear.
    pub(crate) env: BTreeMap<String, Zeroizing<String>>,
    pub(crate) reach: Reach,
    /// Digest of everything that makes one container differ from another; of secrets the version, never the value.
    pub(crate) config: String,
}

/// What is wanted of one server, before any secret is opened.
pub(crate) struct Wanted<'a> {
    pub(crate) server: &'a Named<ServerSpec>,
    pub(crate) container: &'a ContainerSpec,
    /// How often it was asked to start anew.
    pub(crate) restarts: u64,
    pub(crate) id: InstanceId,
    pub(crate) secrets: &'a [StoredSecret],
}

impl Wanted<'_> {
    /// The digest of the configuration.
    pub(crate) fn config(&self) -> String {
        let given = self.given();
        let versions: BTreeMap<&str, u64> = given
            .values()
            .filter_map(Value::secret)
            .filter_map(|name| Some((name.as_str(), self.secret(name)?.version)))
            .collect();
        let spec = &self.server.spec;
        let Reach { port, path } = self.reach();
        let text = json!([spec.runtime, given, versions, self.command(), port, path, self.restarts]);
        hex::encode(Sha256::digest(text.to_string())).chars().take(CONFIG_DIGITS).collect()
    }

    /// What is to run, secrets opened.
    ///
    /// # Errors
    /// Why a secret cannot be used, for people.
    pub(crate) fn workload(&self, keys: &Keys) -> Result<Workload, String> {
        let value = |(key, value): (&String, &Value)| {
            let text = match value {
                Value::Plain(text) => Zeroizing::new(text.clone()),
                Value::Secret { secret, prefix } => {
                    Zeroizing::new(format!("{prefix}{}", self.open(secret, keys)?.as_str()))
                }
            };
            Ok::<_, String>((key.clone(), text))
        };
        Ok(Workload {
            id: self.id.clone(),
            container: self.container.clone(),
            command: self.command(),
            env: self.given().iter().map(value).collect::<Result<_, _>>()?,
            reach: self.reach(),
            config: self.config(),
        })
    }

    /// `lines` that its container wrote, without the secrets in its environment.
    pub(crate) fn blotted(&self, keys: &Keys, mut lines: Vec<LogLine>) -> Vec<LogLine> {
        for name in self.given().values().filter_map(Value::secret) {
            // One that cannot be opened was given to no container.
            let Ok(value) = self.open(name, keys) else { continue };
            let blot = format!("[redacted:{name}]");
            for part in value.lines().map(str::trim).filter(|part| part.len() >= BLOT_BYTES_MIN) {
                for line in lines.iter_mut().filter(|line| line.text.contains(part)) {
                    line.text = line.text.replace(part, &blot);
                }
            }
        }
        lines
    }

    fn open(&self, name: &Name, keys: &Keys) -> Result<Zeroizing<String>, String> {
        let secret = self.secret(name).ok_or_else(|| format!("secret `{name}` does not exist"))?;
        let binding = Binding { name: name.as_str(), version: secret.version, field: "value" };
        let value = keys.decrypt(binding, &secret.ciphertext);
        let value = value.map_err(|error| format!("secret `{name}` cannot be opened: {error}"))?;
        let text = str::from_utf8(&value).map_err(|_| format!("secret `{name}` is not text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Where it listens.
    pub(crate) fn reach(&self) -> Reach {
        match &self.server.spec.transport {
            Transport::Stdio { .. } => Reach { port: WRAP_PORT, path: WRAP_PATH.to_owned() },
            Transport::Http { url, .. } => {
                let url = Url::parse(url).ok();
                let port = url.as_ref().and_then(Url::port_or_known_default).unwrap_or(WRAP_PORT);
                Reach { port, path: url.map_or_else(|| WRAP_PATH.to_owned(), |url| url.path().to_owned()) }
            }
        }
    }

    /// Behind `--` and without a shell: nothing in it is ever taken for an option of ours.
    fn command(&self) -> Option<Vec<String>> {
        match &self.server.spec.transport {
            Transport::Stdio { command, args, .. } => {
                let wrap = ["mcp-gateway", "wrap", "--listen"].map(str::to_owned).into_iter();
                let wrapped = [format!("0.0.0.0:{WRAP_PORT}"), "--".to_owned(), command.clone()];
                Some(wrap.chain(wrapped).chain(args.iter().cloned()).collect())
            }
            Transport::Http { .. } => None,
        }
    }

    fn given(&self) -> &BTreeMap<String, Value> {
        match &self.server.spec.transport {
            Transport::Stdio { env, .. } => env,
            Transport::Http { .. } => &self.container.env,
        }
    }

    fn secret(&self, name: &Name) -> Option<&StoredSecret> {
        self.secrets.iter().find(|secret| secret.name == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{secrets::file_source, store};
    use control_plane_api::timestamp::Timestamp;

    async fn keys() -> Keys {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open_in(folder.path()).await;
        Keys::open(vec![file_source(&folder.path().join("master-key"))], &store).await.unwrap()
    }

    fn server(args: &[&str]) -> Named<ServerSpec> {
        let image = format!("ghcr.io/x/y@sha256:{}", "ab".repeat(32));
        let env = json!({"TOKEN": {"secret": "token", "prefix": "Bearer "}, "PLAIN": "x"});
        let transport = json!({"type": "stdio", "command": "server", "args": args, "env": env});
        let runtime = json!({"type": "docker", "image": image});
        serde_json::from_value(json!({"name": "slack", "spec": {"transport": transport, "runtime": runtime}})).unwrap()
    }

    fn secret(keys: &Keys, version: u64) -> StoredSecret {
        let binding = Binding { name: "token", version, field: "value" };
        let ciphertext = keys.encrypt(binding, b"xoxb-plain").unwrap();
        StoredSecret { name: "token".parse().unwrap(), revision: 1, version, ciphertext }
    }

    fn wanted<'a>(server: &'a Named<ServerSpec>, restarts: u64, secrets: &'a [StoredSecret]) -> Wanted<'a> {
        let container = server.spec.runtime.container().unwrap();
        let id = InstanceId {
            installation: "0123456789abcdef".to_owned(),
            server: server.name.clone(),
            namespace: String::new(),
        };
        Wanted { server, container, restarts, id, secrets }
    }

    #[tokio::test]
    async fn a_command_goes_behind_the_wrapper_as_it_is_and_a_secret_into_the_environment_only() {
        let keys = keys().await;
        let (server, secrets) = (server(&["--privileged", "; reboot", "$(id)", "a\nb"]), [secret(&keys, 1)]);
        let workload = wanted(&server, 0, &secrets).workload(&keys).ok().unwrap();
        let command = workload.command.unwrap();
        let rest = ["--", "server", "--privileged", "; reboot", "$(id)", "a\nb"];
        assert_eq!(command, [&["mcp-gateway", "wrap", "--listen", "0.0.0.0:8080"][..], &rest].concat());
        assert_eq!(workload.env["TOKEN"].as_str(), "Bearer xoxb-plain");
        assert!(!command.join(" ").contains("xoxb"));
        let missing = wanted(&server, 0, &[]).workload(&keys).err().unwrap();
        assert_eq!(missing, "secret `token` does not exist");
    }

    #[tokio::test]
    async fn what_a_container_wrote_is_shown_without_its_secrets() {
        let keys = keys().await;
        let (server, secrets) = (server(&[]), [secret(&keys, 1)]);
        let line = |text: &str| LogLine { at: Timestamp::from_millis(1), text: text.to_owned() };
        let lines = vec![line("GET /?t=xoxb-plain&u=xoxb-plain"), line("PLAIN is x")];
        let lines = wanted(&server, 0, &secrets).blotted(&keys, lines);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["GET /?t=[redacted:token]&u=[redacted:token]", "PLAIN is x"]);
    }

    #[tokio::test]
    async fn whatever_makes_another_container_makes_another_digest() {
        let keys = keys().await;
        let (one, two) = ([secret(&keys, 1)], [secret(&keys, 2)]);
        let (server, other) = (server(&[]), server(&["-v"]));
        let config = wanted(&server, 0, &one).config();
        assert_eq!((config.len(), &config), (32, &wanted(&server, 0, &one).config()));
        for different in [wanted(&other, 0, &one), wanted(&server, 1, &one), wanted(&server, 0, &two)] {
            assert_ne!(config, different.config());
        }
    }
}

//! What is wrong with the way a server is to be run.

use super::{Rules, is_variable};
use crate::{
    object::ObjectRef,
    runtime::{ContainerLimits, ContainerSpec, Desired, Runtime, Volume},
    server::{ServerSpec, Transport},
};

/// Longest image reference, in bytes.
const IMAGE_BYTES_MAX: usize = 512;
/// Most volumes of one container.
const VOLUMES_MAX: usize = 16;
/// Longest name of a volume and longest path, in bytes.
const VOLUME_BYTES_MAX: usize = 253;
/// Least memory with which a container starts, in bytes.
const MEMORY_BYTES_MIN: u64 = 16 << 20;
/// Least number of processes and threads with which a wrapped server starts.
const PIDS_MIN: u32 = 16;
/// Folders of the system that nothing is mounted over.
const SYSTEM: [&str; 5] = ["/proc", "/sys", "/dev", "/etc", "/tmp"];

impl Rules<'_> {
    pub(super) fn runtime(&mut self, object: &ObjectRef, spec: &ServerSpec) {
        if spec.instance().is_none() && spec.desired == Desired::Stopped {
            let message = "the server is reached at a URL and run by somebody else: it cannot be stopped here";
            self.broken(object, "desired", message.to_owned());
        }
        let Some(container) = spec.runtime.container() else { return };
        if matches!(&spec.transport, Transport::Stdio { sandbox, .. } if !sandbox.is_default()) {
            let message = "a container has walls of its own: leave it out; what it may use up is in `runtime.limits`";
            self.broken(object, "transport.sandbox", message.to_owned());
        }
        if let Err(message) = pinned(&container.image) {
            self.broken(object, "runtime.image", message);
        }
        match (&spec.runtime, &container.namespace) {
            (Runtime::Kubernetes(_), Some(namespace)) if !is_dns_label(namespace) => {
                let message = format!("`{namespace}` is not a namespace: use a-z, 0-9 and `-`, at most 63 of them");
                self.broken(object, "runtime.namespace", message);
            }
            (Runtime::Docker(_), Some(_)) => {
                self.broken(object, "runtime.namespace", "Docker has no namespaces: leave it out".to_owned());
            }
            _ => {}
        }
        if container.user == 0 {
            self.broken(object, "runtime.user", "a container does not run as root: use another number".to_owned());
        }
        for (field, message) in environment(spec, container).into_iter().chain(limits(&container.limits)) {
            self.broken(object, field, message);
        }
        if container.volumes.len() > VOLUMES_MAX {
            self.broken(object, "runtime.volumes", format!("there are more than {VOLUMES_MAX}"));
        }
        for message in container.volumes.iter().filter_map(|volume| wrong_with(volume).err()) {
            self.broken(object, "runtime.volumes", message);
        }
    }
}

/// Whether `image` is a reference by digest: `name@sha256:` and 64 hex digits.
fn pinned(image: &str) -> Result<(), String> {
    let shown: String = image.chars().take(80).collect();
    let Some((name, digest)) = image.split_once('@') else {
        return Err(format!(
            "`{shown}` names no digest, and what a tag means can change: write `name@sha256:…`. \
             `docker buildx imagetools inspect {shown}` shows the digest"
        ));
    };
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(format!("`{shown}`: after the `@` there must be `sha256:` and 64 digits of 0-9 and a-f"));
    }
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/' | b':'));
    if first && rest && image.len() <= IMAGE_BYTES_MAX {
        Ok(())
    } else {
        Err(format!("`{shown}` is not the name of an image"))
    }
}

fn environment(spec: &ServerSpec, container: &ContainerSpec) -> Vec<(&'static str, String)> {
    if matches!(spec.transport, Transport::Stdio { .. }) && !container.env.is_empty() {
        let message = "with transport `stdio` the environment belongs into `transport.env`";
        return vec![("runtime.env", message.to_owned())];
    }
    let names = container.env.keys().filter(|name| !is_variable(name));
    names.map(|name| ("runtime.env", format!("`{name}` is not the name of an environment variable"))).collect()
}

fn limits(limits: &ContainerLimits) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if limits.memory_bytes_max < MEMORY_BYTES_MIN {
        wrong.push(("runtime.limits.memory_bytes_max", format!("must be at least {MEMORY_BYTES_MIN}")));
    }
    if limits.cpu_millis_max == 0 {
        wrong.push(("runtime.limits.cpu_millis_max", "must be at least 1".to_owned()));
    }
    if limits.pids_max < PIDS_MIN {
        wrong.push(("runtime.limits.pids_max", format!("must be at least {PIDS_MIN}")));
    }
    wrong
}

/// A volume has a name, which is no path: what lies on the host stays out of reach.
fn wrong_with(volume: &Volume) -> Result<(), String> {
    let Volume { name, path, .. } = volume;
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let named = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && name.bytes().all(word);
    if !named || name.len() > VOLUME_BYTES_MAX {
        return Err(format!("`{name}` is not the name of a volume; folders of the host cannot be mounted"));
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let plain = parts.iter().all(|part| !part.is_empty() && *part != "." && *part != ".." && part.bytes().all(word));
    let system = SYSTEM.iter().any(|folder| path == folder || path.starts_with(&format!("{folder}/")));
    if !path.starts_with('/') || !plain || system || path.len() > VOLUME_BYTES_MAX {
        return Err(format!("`{path}` is not a folder to mount a volume at: use a plain path such as `/data`"));
    }
    Ok(())
}

/// RFC 1123, §2.1: what Kubernetes takes as the name of a namespace.
fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let rim = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    text.len() <= 63 && rim(bytes.first()) && rim(bytes.last()) && text.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use crate::{snapshot::Snapshot, validate::validate};
    use serde_json::{Value, json};

    /// Whether a server with this `runtime` is refused with a message that holds `expected`; empty: it is not.
    fn check(transport: &Value, runtime: &Value, expected: &str) {
        let spec = json!({"transport": transport, "runtime": runtime});
        let objects = json!([{"kind": "server", "name": "s", "spec": spec}]);
        let snapshot = Snapshot { objects: serde_json::from_value(objects).unwrap(), ..Snapshot::empty() };
        let found: Vec<String> = validate(&snapshot).iter().map(ToString::to_string).collect();
        match expected {
            "" => assert_eq!(found, Vec::<String>::new()),
            _ => assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:#?}"),
        }
    }

    fn stdio() -> Value {
        json!({"type": "stdio", "command": "server"})
    }

    fn docker(more: Value) -> Value {
        let mut runtime = json!({"type": "docker", "image": format!("ghcr.io/x/y@sha256:{}", "ab".repeat(32))});
        runtime.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        runtime
    }

    #[test]
    fn a_container_is_not_confined_twice() {
        let confined = json!({"type": "stdio", "command": "server", "sandbox": {"level": "strict"}});
        check(&confined, &docker(json!({})), "transport.sandbox");
        check(&confined, &json!({"type": "process"}), "");
    }

    #[test]
    fn an_image_is_named_by_digest_and_by_nothing_that_could_be_an_option() {
        check(&stdio(), &docker(json!({})), "");
        for (image, expected) in [
            ("ghcr.io/x/y:1.2".to_owned(), "docker buildx imagetools inspect ghcr.io/x/y:1.2"),
            ("ghcr.io/x/y".to_owned(), "names no digest"),
            (format!("y@sha256:{}", "AB".repeat(32)), "64 digits"),
            ("y@sha256:abcd".to_owned(), "64 digits"),
            (format!("--privileged@sha256:{}", "ab".repeat(32)), "not the name of an image"),
            (format!("y;reboot@sha256:{}", "ab".repeat(32)), "not the name of an image"),
            (format!("y\n@sha256:{}", "ab".repeat(32)), "not the name of an image"),
        ] {
            check(&stdio(), &docker(json!({"image": image})), expected);
        }
    }

    #[test]
    fn a_container_never_runs_as_root_and_gets_no_folder_of_the_host() {
        check(&stdio(), &docker(json!({"user": 0})), "root");
        check(&stdio(), &docker(json!({"volumes": [{"name": "memory", "path": "/data"}]})), "");
        for name in ["/", "/var/run/docker.sock", "../x", "", "-v"] {
            check(&stdio(), &docker(json!({"volumes": [{"name": name, "path": "/data"}]})), "folders of the host");
        }
        for path in ["/", "data", "/a/../etc", "/proc/x", "/tmp", "/a//b", "/a:ro"] {
            check(&stdio(), &docker(json!({"volumes": [{"name": "v", "path": path}]})), "a plain path");
        }
    }

    #[test]
    fn what_is_asked_for_can_be_had() {
        let http = json!({"type": "http", "url": "http://instance:8000/mcp"});
        check(&http, &docker(json!({"env": {"A": "b"}})), "");
        check(&stdio(), &docker(json!({"env": {"A": "b"}})), "transport.env");
        check(&http, &docker(json!({"env": {"A=B": "b"}})), "environment variable");
        check(&http, &docker(json!({"env": {"A": {"secret": "absent"}}})), "secret `absent` does not exist");
        check(&stdio(), &docker(json!({"namespace": "tools"})), "no namespaces");
        check(&stdio(), &docker(json!({"type": "kubernetes", "namespace": "tools"})), "");
        check(&stdio(), &docker(json!({"type": "kubernetes", "namespace": "Tools"})), "not a namespace");
        check(&stdio(), &docker(json!({"limits": {"memory_bytes_max": 1}})), "at least");
        check(&stdio(), &docker(json!({"limits": {"pids_max": 1}})), "at least 16");
    }

    #[test]
    fn nothing_of_an_engine_is_passed_on_that_is_not_named_here() {
        for more in [json!({"privileged": true}), json!({"args": ["-v", "/:/host"]}), json!({"labels": {}})] {
            assert!(serde_json::from_value::<crate::runtime::Runtime>(docker(more.clone())).is_err(), "{more}");
        }
    }

    #[test]
    fn what_somebody_else_runs_is_not_stopped_here() {
        let spec = json!({"transport": {"type": "http", "url": "http://x/"}, "desired": "stopped"});
        let objects = json!([{"kind": "server", "name": "s", "spec": spec}]);
        let snapshot = Snapshot { objects: serde_json::from_value(objects).unwrap(), ..Snapshot::empty() };
        assert!(validate(&snapshot)[0].message.contains("run by somebody else"));
    }
}

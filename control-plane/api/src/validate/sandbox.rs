//! What may be said about the confinement of a process.

use super::Rules;
use crate::{
    object::ObjectRef,
    sandbox::{Sandbox, SandboxLevel},
};
use std::path::{Component, Path};

/// Fewest descriptors with which a program can start.
const OPEN_FILES_MIN: u32 = 32;
/// Fewest processes and threads with which a server can be kept.
const PROCESSES_MIN: u32 = 16;
/// Least memory with which an interpreter can start, in bytes.
const MEMORY_BYTES_MIN: u64 = 64 << 20;

impl Rules<'_> {
    pub(super) fn sandbox(&mut self, object: &ObjectRef, sandbox: &Sandbox) {
        for (field, paths) in [("transport.sandbox.read", &sandbox.read), ("transport.sandbox.write", &sandbox.write)] {
            for path in paths.iter().filter(|path| !is_plain(path)) {
                self.broken(object, field, format!("`{path}` is not an absolute path without `..`"));
            }
            if !paths.is_empty() && sandbox.level != SandboxLevel::Strict {
                let message = "has a meaning with `level: strict` only: set that, or leave the list out".to_owned();
                self.broken(object, field, message);
            }
        }
        let limits = &sandbox.limits;
        let least = [
            ("open_files_max", u64::from(limits.open_files_max), u64::from(OPEN_FILES_MIN)),
            ("processes_max", u64::from(limits.processes_max), u64::from(PROCESSES_MIN)),
            ("memory_bytes_max", limits.memory_bytes_max, MEMORY_BYTES_MIN),
            ("file_bytes_max", limits.file_bytes_max, 1),
        ];
        for (name, given, least) in least.into_iter().filter(|(_, given, least)| given < least) {
            let message = format!("{given} is too little for any server: use at least {least}");
            self.broken(object, &format!("transport.sandbox.limits.{name}"), message);
        }
    }
}

fn is_plain(path: &str) -> bool {
    let path = Path::new(path);
    path.is_absolute()
        && !path.as_os_str().as_encoded_bytes().contains(&0)
        && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use crate::{snapshot::Snapshot, validate::validate};
    use serde_json::{Value, json};

    fn check(sandbox: &Value, fields: &[&str]) {
        let transport = json!({"type": "stdio", "command": "x", "sandbox": sandbox});
        let objects = json!([{"kind": "server", "name": "x", "spec": {"transport": transport}}]);
        let snapshot = Snapshot { objects: serde_json::from_value(objects).unwrap(), ..Snapshot::empty() };
        let found: Vec<String> = validate(&snapshot).into_iter().map(|violation| violation.field).collect();
        let expected: Vec<String> = fields.iter().map(|field| format!("transport.sandbox.{field}")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn paths_are_absolute_and_for_the_strict_only() {
        check(&json!({"level": "strict", "read": ["/opt/x"], "write": ["/var/lib/x"]}), &[]);
        check(&json!({"level": "strict", "read": ["x", "/a/../b"], "write": [""]}), &["read", "read", "write"]);
        check(&json!({"read": ["/opt/x"]}), &["read"]);
    }

    #[test]
    fn limits_leave_room_for_a_server() {
        check(&json!({"limits": {"open_files_max": 32, "processes_max": 16}}), &[]);
        let none = json!({"open_files_max": 3, "processes_max": 0, "memory_bytes_max": 1, "file_bytes_max": 0});
        let fields = ["open_files_max", "processes_max", "memory_bytes_max", "file_bytes_max"];
        check(
            &json!({"limits": none}),
            &fields.map(|field| format!("limits.{field}")).iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }

    #[test]
    fn what_is_not_known_is_no_sandbox() {
        for unknown in [json!({"level": "some"}), json!({"privileged": true}), json!({"limits": {"cpu": 1}})] {
            let transport = json!({"type": "stdio", "command": "x", "sandbox": unknown});
            assert!(serde_json::from_value::<crate::server::Transport>(transport).is_err(), "{unknown}");
        }
    }
}

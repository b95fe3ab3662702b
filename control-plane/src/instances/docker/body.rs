//! What a container may do, in the words of Docker's API: next to nothing.

use super::super::{
    Workload,
    runtime::{CONFIG_LABEL, INSTALLATION_LABEL, SERVER_LABEL},
};
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType, NetworkCreateRequest,
    NetworkingConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use control_plane_api::runtime::{Egress, Volume};
use std::{collections::HashMap, net::IpAddr};

/// What is kept of a container's log, per file and in files: an instance that talks all day fills no disk.
const LOG_SIZE: &str = "10m";
const LOG_FILES: &str = "2";
/// Nanoseconds of processor time per second, in a thousandth of a core.
const NANO_CPUS_PER_MILLI: i64 = 1_000_000;

/// The container of `workload`. Where it has a way out, its port is published on `publish`, and on no other address.
pub(super) fn container(workload: &Workload, publish: IpAddr) -> ContainerCreateBody {
    let spec = &workload.container;
    let name = workload.id.object_name();
    let port = format!("{}/tcp", workload.reach.port);
    let binding = PortBinding { host_ip: Some(publish.to_string()), host_port: Some(String::new()) };
    let published = HashMap::from([(port.clone(), Some(vec![binding]))]);
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let log =
        HashMap::from([("max-size".to_owned(), LOG_SIZE.to_owned()), ("max-file".to_owned(), LOG_FILES.to_owned())]);
    let host = HostConfig {
        readonly_rootfs: Some(true),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        memory: Some(bytes(spec.limits.memory_bytes_max)),
        // The same: no swap.
        memory_swap: Some(bytes(spec.limits.memory_bytes_max)),
        nano_cpus: Some(i64::from(spec.limits.cpu_millis_max) * NANO_CPUS_PER_MILLI),
        pids_limit: Some(i64::from(spec.limits.pids_max)),
        tmpfs: Some(HashMap::from([(
            "/tmp".to_owned(),
            format!("rw,noexec,nosuid,nodev,mode=1777,size={}", spec.limits.tmp_bytes_max),
        )])),
        mounts: Some(spec.volumes.iter().map(mount).collect()),
        network_mode: Some(name.clone()),
        port_bindings: (spec.egress == Egress::Any).then_some(published),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), ..RestartPolicy::default() }),
        log_config: Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(log) }),
        // Reaps what a server leaves behind.
        init: Some(true),
        ipc_mode: Some("private".to_owned()),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        // Not the shell form, and not the image's own: what was configured is what runs.
        entrypoint: workload.command.clone(),
        cmd: workload.command.as_ref().map(|_| Vec::new()),
        user: Some(format!("{0}:{0}", spec.user)),
        env: Some(workload.env.iter().map(|(name, value)| format!("{name}={}", value.as_str())).collect()),
        exposed_ports: Some(vec![port]),
        labels: Some(labels(workload)),
        host_config: Some(host),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(name, EndpointSettings::default())])),
        }),
        attach_stdin: Some(false),
        open_stdin: Some(false),
        ..ContainerCreateBody::default()
    }
}

/// The network of `workload`: nobody else is in it, and without a way out it leads nowhere.
pub(super) fn network(workload: &Workload) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name: workload.id.object_name(),
        driver: Some("bridge".to_owned()),
        internal: Some(workload.container.egress == Egress::None),
        labels: Some(labels(workload)),
        ..NetworkCreateRequest::default()
    }
}

fn labels(workload: &Workload) -> HashMap<String, String> {
    HashMap::from([
        (INSTALLATION_LABEL.to_owned(), workload.id.installation.clone()),
        (SERVER_LABEL.to_owned(), workload.id.server.to_string()),
        (CONFIG_LABEL.to_owned(), workload.config.clone()),
    ])
}

fn mount(volume: &Volume) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.name.clone()),
        target: Some(volume.path.clone()),
        read_only: Some(!volume.writable),
        ..Mount::default()
    }
}

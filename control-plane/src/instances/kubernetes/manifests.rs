//! What is applied for one instance. Pods keep to the restricted Pod Security Standard, have no token of the cluster, and
//! are reached by gateways and mcpd only: pods with the label `io.mcpctl.client`.

use super::super::{
    Workload,
    runtime::{CONFIG_LABEL, INSTALLATION_LABEL, SERVER_LABEL},
};
use control_plane_api::runtime::{Egress, Volume};
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy},
        core::v1::{
            Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvFromSource,
            PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
            ResourceRequirements, SeccompProfile, Secret, SecretEnvSource, SecurityContext, Service, ServicePort,
            ServiceSpec, TCPSocketAction, Volume as PodVolume, VolumeMount,
        },
        networking::v1::{
            IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
            NetworkPolicyPort, NetworkPolicySpec,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use std::collections::BTreeMap;

/// Label of the pods that may connect to instances: gateways and mcpd.
const CLIENT_LABEL: &str = "io.mcpctl.client";
/// Name of the one container.
const CONTAINER: &str = "server";
/// Addresses of links: clouds answer with credentials there (RFC 3927, RFC 4291).
const LINK_LOCAL: [(&str, &str); 2] = [("0.0.0.0/0", "169.254.0.0/16"), ("::/0", "fe80::/10")];
/// Time a pod has to end by itself, in seconds.
const GRACE_S: i64 = 5;

fn metadata(workload: &Workload) -> ObjectMeta {
    ObjectMeta {
        name: Some(workload.id.object_name()),
        namespace: Some(workload.id.namespace.clone()),
        labels: Some(labels(workload)),
        ..ObjectMeta::default()
    }
}

/// By these a pod is found; they do not change with the configuration.
fn identity(workload: &Workload) -> BTreeMap<String, String> {
    BTreeMap::from([
        (INSTALLATION_LABEL.to_owned(), workload.id.installation.clone()),
        (SERVER_LABEL.to_owned(), workload.id.server.to_string()),
    ])
}

fn labels(workload: &Workload) -> BTreeMap<String, String> {
    let mut labels = identity(workload);
    labels.insert(CONFIG_LABEL.to_owned(), workload.config.clone());
    labels
}

fn selector(workload: &Workload) -> LabelSelector {
    LabelSelector { match_labels: Some(identity(workload)), ..LabelSelector::default() }
}

fn port(workload: &Workload) -> IntOrString {
    IntOrString::Int(i32::from(workload.reach.port))
}

/// The environment.
pub(super) fn secret(workload: &Workload) -> Secret {
    let value =
        |(name, value): (&String, &zeroize::Zeroizing<String>)| (name.clone(), ByteString(value.as_bytes().to_vec()));
    Secret {
        metadata: metadata(workload),
        type_: Some("Opaque".to_owned()),
        data: Some(workload.env.iter().map(value).collect()),
        ..Secret::default()
    }
}

/// A stable address.
pub(super) fn service(workload: &Workload) -> Service {
    let port = ServicePort {
        port: i32::from(workload.reach.port),
        target_port: Some(port(workload)),
        protocol: Some("TCP".to_owned()),
        name: Some("mcp".to_owned()),
        ..ServicePort::default()
    };
    let spec = ServiceSpec {
        selector: Some(identity(workload)),
        ports: Some(vec![port]),
        type_: Some("ClusterIP".to_owned()),
        ..ServiceSpec::default()
    };
    Service { metadata: metadata(workload), spec: Some(spec), ..Service::default() }
}

/// Who may connect to it, and to whom it may.
pub(super) fn network_policy(workload: &Workload) -> NetworkPolicy {
    let client = LabelSelector {
        match_labels: Some(BTreeMap::from([(CLIENT_LABEL.to_owned(), "true".to_owned())])),
        ..LabelSelector::default()
    };
    let from = NetworkPolicyPeer {
        pod_selector: Some(client),
        namespace_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    };
    let ports = NetworkPolicyPort {
        port: Some(port(workload)),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    };
    let ingress = NetworkPolicyIngressRule { from: Some(vec![from]), ports: Some(vec![ports]) };
    let outside = LINK_LOCAL.map(|(all, but)| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: all.to_owned(), except: Some(vec![but.to_owned()]) }),
        ..NetworkPolicyPeer::default()
    });
    let egress = match workload.container.egress {
        Egress::None => Vec::new(),
        Egress::Any => vec![NetworkPolicyEgressRule { to: Some(outside.to_vec()), ports: None }],
    };
    let spec = NetworkPolicySpec {
        pod_selector: Some(selector(workload)),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ingress: Some(vec![ingress]),
        egress: Some(egress),
    };
    NetworkPolicy { metadata: metadata(workload), spec: Some(spec) }
}

/// The pod, and that there is one: the old one ends before the new one starts.
pub(super) fn deployment(workload: &Workload) -> Deployment {
    let spec = DeploymentSpec {
        replicas: Some(1),
        selector: selector(workload),
        strategy: Some(DeploymentStrategy { type_: Some("Recreate".to_owned()), ..DeploymentStrategy::default() }),
        revision_history_limit: Some(0),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(labels(workload)), ..ObjectMeta::default() }),
            spec: Some(pod(workload)),
        },
        ..DeploymentSpec::default()
    };
    Deployment { metadata: metadata(workload), spec: Some(spec), ..Deployment::default() }
}

fn pod(workload: &Workload) -> PodSpec {
    let user = i64::from(workload.container.user);
    let limits = &workload.container.limits;
    let tmp = PodVolume {
        name: "tmp".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".to_owned()),
            size_limit: Some(Quantity(limits.tmp_bytes_max.to_string())),
        }),
        ..PodVolume::default()
    };
    let claims = workload.container.volumes.iter().enumerate().map(|(index, volume)| PodVolume {
        name: format!("volume-{index}"),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: volume.name.clone(),
            read_only: Some(!volume.writable),
        }),
        ..PodVolume::default()
    });
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        host_network: Some(false),
        host_pid: Some(false),
        host_ipc: Some(false),
        termination_grace_period_seconds: Some(GRACE_S),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(user),
            run_as_group: Some(user),
            fs_group: Some(user),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
            ..PodSecurityContext::default()
        }),
        volumes: Some(std::iter::once(tmp).chain(claims).collect()),
        containers: vec![container(workload)],
        ..PodSpec::default()
    }
}

fn container(workload: &Workload) -> Container {
    let limits = &workload.container.limits;
    let bounds = BTreeMap::from([
        ("memory".to_owned(), Quantity(limits.memory_bytes_max.to_string())),
        ("cpu".to_owned(), Quantity(format!("{}m", limits.cpu_millis_max))),
    ]);
    let mount = |(index, volume): (usize, &Volume)| VolumeMount {
        name: format!("volume-{index}"),
        mount_path: volume.path.clone(),
        read_only: Some(!volume.writable),
        ..VolumeMount::default()
    };
    let tmp = VolumeMount { name: "tmp".to_owned(), mount_path: "/tmp".to_owned(), ..VolumeMount::default() };
    let mounts = workload.container.volumes.iter().enumerate().map(mount);
    let env = SecretEnvSource { name: workload.id.object_name(), optional: Some(false) };
    let ready = TCPSocketAction { port: port(workload), host: None };
    Container {
        name: CONTAINER.to_owned(),
        image: Some(workload.container.image.clone()),
        command: workload.command.as_ref().map(|command| command.iter().map(|word| literal(word)).collect()),
        // By reference: a pod's description does not hold it.
        env_from: Some(vec![EnvFromSource { secret_ref: Some(env), ..EnvFromSource::default() }]),
        ports: Some(vec![ContainerPort { container_port: i32::from(workload.reach.port), ..ContainerPort::default() }]),
        readiness_probe: Some(Probe { tcp_socket: Some(ready), ..Probe::default() }),
        resources: Some(ResourceRequirements { limits: Some(bounds), ..ResourceRequirements::default() }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            privileged: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(std::iter::once(tmp).chain(mounts).collect()),
        ..Container::default()
    }
}

/// A word of a command that the kubelet leaves as it is: it would put variables in the place of `$(NAME)`.
fn literal(word: &str) -> String {
    word.replace("$(", "$$(")
}

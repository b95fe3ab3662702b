//! Reading pods: how far one is, and what is in its way. Pure.

use super::super::runtime::{CONFIG_LABEL, Phase};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ContainerState, ContainerStatus, Pod},
};

/// The newest pod that is not on its way out.
pub(super) fn newest(pods: Vec<Pod>) -> Option<Pod> {
    let stays = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    stays.max_by_key(|pod| pod.metadata.creation_timestamp.clone().map(|created| created.0))
}

/// Digest of the configuration it was made from.
pub(super) fn config(pod: &Pod) -> String {
    pod.metadata.labels.as_ref().and_then(|labels| labels.get(CONFIG_LABEL).cloned()).unwrap_or_default()
}

/// How often the kubelet started it again.
pub(super) fn restarts(pod: &Pod) -> u64 {
    container(pod).map_or(0, |container| u64::try_from(container.restart_count).unwrap_or_default())
}

/// How far it is.
pub(super) fn phase(pod: &Pod) -> Phase {
    let Some(status) = &pod.status else { return Phase::Starting(None) };
    let told = |reason: &Option<String>, message: &Option<String>| {
        let parts: Vec<&str> = [reason, message].into_iter().flatten().map(String::as_str).collect();
        parts.join(": ")
    };
    if matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) {
        // Evicted, or its node is gone: the cluster puts another one in its place.
        let why = told(&status.reason, &status.message);
        return Phase::Ended(if why.is_empty() { ended(container(pod)) } else { format!("its pod ended: {why}") });
    }
    let Some(container) = container(pod) else {
        let unscheduled = status.conditions.iter().flatten().find(|condition| condition.status == "False");
        return Phase::Starting(unscheduled.map(|condition| told(&condition.reason, &condition.message)));
    };
    match &container.state {
        Some(ContainerState { running: Some(_), .. }) => Phase::Running,
        Some(ContainerState { waiting: Some(waiting), .. }) => match waiting.reason.as_deref() {
            Some("CrashLoopBackOff") => Phase::Ended(ended(Some(container))),
            _ => Phase::Starting(Some(told(&waiting.reason, &waiting.message)).filter(|told| !told.is_empty())),
        },
        Some(ContainerState { terminated: Some(_), .. }) => Phase::Ended(ended(Some(container))),
        _ => Phase::Starting(None),
    }
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

fn ended(container: Option<&ContainerStatus>) -> String {
    let states = container.into_iter().flat_map(|container| [&container.state, &container.last_state]);
    let last = states.flatten().find_map(|state| state.terminated.as_ref());
    match last {
        Some(last) if last.reason.as_deref() == Some("OOMKilled") => "it used more memory than it may".to_owned(),
        Some(last) => format!("it exited with status {}", last.exit_code),
        None => "it ended".to_owned(),
    }
}

/// Why a deployment has no pod.
pub(super) fn hindrance(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions.iter().find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True");
    failure.and_then(|failure| failure.message.clone())
}

//! The Job, part by part, as values of JSON.
//!
//! The test beside it reads all of it back into the types that Kubernetes publishes.

use serde_json::{Value, json};

use super::Pods;

/// The label with the name of the Job, which each of its pods has.
pub(super) const INSTANCE: &str = "app.kubernetes.io/instance";
/// The user and group of the pods: a number, since Kubernetes can't tell by a name that the user is
/// not root. [`crate::containerfile`] makes a user of this number.
pub(crate) const USER: u32 = 10_001;
/// The one folder that can be written: temporary files, the cache of the benchmark's program, and
/// the runs. Anyone may write to an empty volume.
const HOME: &str = "/tmp";
const VOLUME: &str = "home";
/// The size of that folder. A run that writes more loses its pod, and not the node its disk.
const VOLUME_SIZE: &str = "4Gi";
/// Seconds until Kubernetes removes a Job that has ended, with its reason.
const KEPT_SECONDS: u32 = 3_600;

/// Returns the list that `kubectl apply` reads.
pub(super) fn list(pods: &Pods) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": [job(pods)] })
}

fn job(pods: &Pods) -> Value {
    let mut metadata = json!({ "name": pods.name, "labels": labels(pods) });
    if let Some(namespace) = &pods.namespace {
        metadata["namespace"] = json!(namespace);
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "completionMode": "Indexed",
            "completions": pods.count,
            "parallelism": pods.count,
            // A pod that started again would be a host whose cycles count twice.
            "backoffLimit": 0,
            "activeDeadlineSeconds": pods.deadline.as_secs(),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": { "metadata": { "labels": labels(pods) }, "spec": pod(pods) },
        },
    })
}

fn labels(pods: &Pods) -> Value {
    json!({ "app.kubernetes.io/name": "dyno", INSTANCE: pods.name })
}

fn pod(pods: &Pods) -> Value {
    json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        // The variables of every Service in the namespace are nothing to a benchmark.
        "enableServiceLinks": false,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "topologySpreadConstraints": [one_a_node(pods)],
        "containers": [container(pods)],
        "volumes": [{ "name": VOLUME, "emptyDir": { "sizeLimit": VOLUME_SIZE } }],
    })
}

/// Returns the rule that no node has two pods. Where there are fewer nodes than pods, `minDomains`
/// makes the rest wait; a skew of 1 alone would let them share.
fn one_a_node(pods: &Pods) -> Value {
    json!({
        "maxSkew": 1,
        "minDomains": pods.count,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": { "matchLabels": labels(pods) },
    })
}

fn container(pods: &Pods) -> Value {
    json!({
        "name": "host",
        "image": pods.image,
        "command": ["sh", "-c", waiting(pods)],
        "workingDir": HOME,
        "env": [{ "name": "HOME", "value": HOME }],
        // Requests alone. A limit of the processors stops a pod that is over it for a part of each
        // period, which would be measured as latency; one of the memory would end it.
        "resources": {
            "requests": { "cpu": pods.cpus.to_string(), "memory": pods.memory },
        },
        "securityContext": {
            "privileged": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": [{ "name": VOLUME, "mountPath": HOME }],
    })
}

/// Returns the program of a pod: it waits, ends at SIGTERM, which the first process of a pod must
/// itself take note of, and reaps the processes that a run has left.
fn waiting(pods: &Pods) -> String {
    format!("trap 'exit 0' TERM; sleep {} & wait", pods.deadline.as_secs())
}

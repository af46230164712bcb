//! The Job, read back into the types that Kubernetes publishes, and the values that are refused.

use clap::Parser;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::PodSpec;

use super::*;
use crate::args::{Cli, DynoCommand};

fn pods(line: &str) -> anyhow::Result<Pods> {
    let words = format!("cargo-dyno manifest --image checkout:1 --hosts 5 {line}");
    let cli = Cli::try_parse_from(words.split(' ').filter(|word| !word.is_empty()))?;
    let DynoCommand::Manifest(line) = cli.command else { panic!("it is `manifest`") };
    Pods::of(&line)
}

/// Returns the Job as Kubernetes's types read it.
#[track_caller]
fn job_of(line: &str) -> Job {
    let list = job::list(&pods(line).expect("valid"));
    assert_eq!((&list["apiVersion"], &list["kind"]), (&"v1".into(), &"List".into()));
    let [item] = list["items"].as_array().expect("items").as_slice() else { panic!("one: {list}") };
    let job: Job = serde_json::from_value(item.clone()).expect("a Job");
    // A key that the types do not have would be missing here.
    assert_eq!(&serde_json::to_value(&job).expect("JSON"), item);
    job
}

fn spec_of(line: &str) -> JobSpec {
    job_of(line).spec.expect("a spec")
}

fn pod_of(line: &str) -> PodSpec {
    spec_of(line).template.spec.expect("pods")
}

#[test]
fn each_host_is_a_pod_that_is_started_once_and_ends_by_the_deadline() {
    let spec = spec_of("--deadline 90m");
    assert_eq!(spec.completion_mode.as_deref(), Some("Indexed"));
    assert_eq!((spec.completions, spec.parallelism), (Some(5), Some(5)));
    assert_eq!((spec.backoff_limit, spec.active_deadline_seconds), (Some(0), Some(5_400)));
    let pod = spec.template.spec.expect("pods");
    assert_eq!(pod.restart_policy.as_deref(), Some("Never"));
    let command = pod.containers[0].command.as_ref().expect("a command");
    assert_eq!(command[..2], ["sh", "-c"]);
    assert_eq!(command[2..], ["trap 'exit 0' TERM; sleep 5400 & wait"]);
}

#[test]
fn no_node_has_two_hosts_even_if_there_are_fewer_nodes() {
    let spec = spec_of("--name checkout");
    let labels = spec.template.metadata.expect("metadata").labels;
    let pod = spec.template.spec.expect("pods");
    let [rule] = &pod.topology_spread_constraints.expect("rules")[..] else { panic!("one rule") };
    assert_eq!((rule.max_skew, rule.min_domains), (1, Some(5)));
    assert_eq!(rule.topology_key, "kubernetes.io/hostname");
    assert_eq!(rule.when_unsatisfiable, "DoNotSchedule");
    // A rule that selects other pods than these would hold for nothing.
    assert_eq!(rule.label_selector.as_ref().expect("a selector").match_labels, labels);
    assert_eq!(labels.expect("labels")[job::INSTANCE], "checkout");
}

#[test]
fn processors_and_memory_are_requested_and_not_limited() {
    let pod = pod_of("--cpus 4 --memory 512Mi");
    let resources = pod.containers[0].resources.as_ref().expect("resources");
    let requests = resources.requests.as_ref().expect("requests");
    assert_eq!((&*requests["cpu"].0, &*requests["memory"].0), ("4", "512Mi"));
    assert_eq!((requests.len(), &resources.limits), (2, &None));
}

#[test]
fn a_pod_has_no_privilege_and_no_account() {
    let pod = pod_of("");
    assert_eq!(pod.automount_service_account_token, Some(false));
    let of_pod = pod.security_context.expect("a context");
    assert_eq!((of_pod.run_as_non_root, of_pod.run_as_user), (Some(true), Some(10_001)));
    assert_eq!(of_pod.seccomp_profile.expect("a profile").type_, "RuntimeDefault");
    let of_container = pod.containers[0].security_context.as_ref().expect("a context");
    assert_eq!(of_container.privileged, Some(false));
    assert_eq!(of_container.allow_privilege_escalation, Some(false));
    assert_eq!(of_container.read_only_root_filesystem, Some(true));
    let capabilities = of_container.capabilities.as_ref().expect("capabilities");
    assert_eq!((&capabilities.add, &capabilities.drop), (&None, &Some(vec!["ALL".to_owned()])));
}

#[test]
fn the_home_of_a_pod_can_be_written_and_is_a_volume_of_it() {
    let pod = pod_of("");
    let container = &pod.containers[0];
    let [mount] = &container.volume_mounts.as_ref().expect("mounts")[..] else { panic!("one") };
    let [volume] = &pod.volumes.as_ref().expect("volumes")[..] else { panic!("one") };
    assert_eq!((&mount.name, mount.read_only), (&volume.name, None));
    assert!(volume.empty_dir.is_some());
    let [home] = &container.env.as_ref().expect("variables")[..] else { panic!("one") };
    assert_eq!((&*home.name, home.value.as_ref()), ("HOME", Some(&mount.mount_path)));
    assert_eq!(container.working_dir.as_ref(), Some(&mount.mount_path));
}

#[test]
fn a_namespace_is_named_only_if_it_is_requested() {
    assert_eq!(job_of("").metadata.namespace, None);
    assert_eq!(job_of("--namespace load").metadata.namespace.as_deref(), Some("load"));
    assert!(steps(&pods("--namespace load").expect("valid")).contains("kubectl --namespace load"));
}

#[test]
fn a_value_that_kubernetes_would_refuse_is_named_in_one_line() {
    let long = format!("--name {}", "x".repeat(62));
    for (line, expected) in [
        ("--hosts 0", "invalid --hosts `0`: expected a whole number from 1 to 1000"),
        ("--hosts many", "invalid --hosts `many`"),
        ("--hosts 1001", "invalid --hosts `1001`"),
        ("--cpus 0.5", "invalid --cpus `0.5`: expected a whole number"),
        ("--memory 512", "invalid --memory `512`: expected a whole number with a unit"),
        ("--memory 0Gi", "invalid --memory `0Gi`"),
        ("--memory +1Gi", "invalid --memory `+1Gi`"),
        ("--memory 1.5Gi", "invalid --memory `1.5Gi`"),
        ("--name Checkout", "invalid --name `Checkout`: expected at most 61 of a-z"),
        ("--name=-x", "invalid --name `-x`"),
        ("--name a.b", "invalid --name `a.b`"),
        (&long, "expected at most 61 of a-z"),
        ("--namespace x-", "invalid --namespace `x-`: expected at most 63 of a-z"),
        ("--image=", "invalid --image ``: expected the name of an image"),
        ("--image=a\tb", "invalid --image `a\tb`"),
        ("--deadline 59s", "invalid --deadline `59s`: expected 1m to 30days"),
        ("--deadline forever", "invalid --deadline `forever`"),
    ] {
        let error = pods(line).expect_err(line).to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{line}: {error}");
    }
}

#[test]
fn the_longest_name_leaves_room_for_the_last_index() {
    let name = "x".repeat(61);
    assert!(pods(&format!("--name {name} --hosts 10")).is_ok());
    assert!(pods(&format!("--name {name} --hosts 11")).is_err());
}

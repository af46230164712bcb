//! `cargo dyno manifest`: a Kubernetes Job whose pods are the hosts of a run.
//!
//! The pods only wait: `kubectl exec` starts the benchmark in them. So they need no token, no Service
//! and no open port. The Job is printed as JSON, which `kubectl apply` reads; nothing here connects
//! to a cluster.

mod job;

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, ensure};

pub(crate) use self::job::USER;
use crate::args::ManifestArguments;
use crate::note;

/// The hosts of one Job: the coordinator keeps a connection to each of them.
const HOSTS: RangeInclusive<u32> = 1..=1_000;
/// Processors of a pod; no machine has more.
const CPUS: RangeInclusive<u32> = 1..=4_096;
/// Seconds that the pods may exist: images take a minute to arrive, and nobody waits for a month.
const DEADLINE_SECONDS: RangeInclusive<u64> = 60..=30 * 24 * 3_600;
/// The longest label of a domain name (RFC 1123).
const LABEL_LEN_MAX: usize = 63;
/// Units of Kubernetes for sizes of memory.
const UNITS: [&str; 6] = ["Mi", "Gi", "Ti", "M", "G", "T"];

/// The hosts that a Job starts, with values that Kubernetes accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pods {
    /// The name of the Job.
    name: String,
    namespace: Option<String>,
    image: String,
    count: u32,
    /// The processors that each pod requests.
    cpus: u32,
    /// The memory that each pod requests, as Kubernetes writes it.
    memory: String,
    deadline: Duration,
}

/// Returns the Job as text, and prints on stderr how to use it.
///
/// # Errors
/// If Kubernetes would refuse a value.
pub(crate) fn manifest(line: &ManifestArguments) -> anyhow::Result<String> {
    let pods = Pods::of(line)?;
    note(&steps(&pods));
    Ok(format!("{:#}\n", job::list(&pods)))
}

impl Pods {
    fn of(line: &ManifestArguments) -> anyhow::Result<Self> {
        let count = number("--hosts", &line.hosts, HOSTS, "5")?;
        let cpus = number("--cpus", &line.cpus, CPUS, "4")?;
        // The hostname of the last pod is this name with the pod's index.
        let index_len = format!("-{}", count - 1).len();
        label("--name", &line.name, LABEL_LEN_MAX - index_len)?;
        if let Some(namespace) = &line.namespace {
            label("--namespace", namespace, LABEL_LEN_MAX)?;
        }
        let is_word = |c: char| !c.is_whitespace() && !c.is_control();
        ensure!(
            !line.image.is_empty() && line.image.chars().all(is_word),
            "invalid --image `{}`: expected the name of an image, such as \
             `registry.example/checkout:1`",
            line.image
        );
        Ok(Self {
            name: line.name.clone(),
            namespace: line.namespace.clone(),
            image: line.image.clone(),
            count,
            cpus,
            memory: memory(&line.memory)?,
            deadline: deadline(&line.deadline)?,
        })
    }
}

fn number(
    flag: &str,
    text: &str,
    range: RangeInclusive<u32>,
    example: &str,
) -> anyhow::Result<u32> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (low, high) = (range.start(), range.end());
    number.with_context(|| {
        format!("invalid {flag} `{text}`: expected a whole number from {low} to {high}, such as `{example}`")
    })
}

/// Accepts a label of a domain name (RFC 1123), which names of Kubernetes are.
fn label(flag: &str, text: &str, len_max: usize) -> anyhow::Result<()> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = !text.is_empty()
        && text.chars().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    ensure!(
        is_label && text.len() <= len_max,
        "invalid {flag} `{text}`: expected at most {len_max} of a-z, 0-9 and `-`, without `-` at \
         either end, such as `checkout`"
    );
    Ok(())
}

fn memory(text: &str) -> anyhow::Result<String> {
    let number = UNITS.iter().find_map(|unit| text.strip_suffix(unit));
    let is_number = |number: &str| number.parse::<u32>().is_ok_and(|number| number > 0);
    let is_plain = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit());
    ensure!(
        number.is_some_and(|number| is_plain(number) && is_number(number)),
        "invalid --memory `{text}`: expected a whole number with a unit, such as `512Mi` or `4Gi`"
    );
    Ok(text.to_owned())
}

fn deadline(text: &str) -> anyhow::Result<Duration> {
    let deadline = humantime::parse_duration(text).ok();
    let deadline = deadline.filter(|time| DEADLINE_SECONDS.contains(&time.as_secs()));
    deadline.with_context(|| {
        format!("invalid --deadline `{text}`: expected 1m to 30days, such as `30m` or `2h`")
    })
}

/// Returns the commands from here to the end of the hosts, a line each. Every value in them is a
/// label or a number, so that a shell takes them as they are.
fn steps(pods: &Pods) -> String {
    let Pods { name, count, .. } = pods;
    let namespace = pods.namespace.as_ref().map(|name| format!(" --namespace {name}"));
    let kubectl = format!("kubectl{}", namespace.unwrap_or_default());
    let pods = format!("{kubectl} get pods -l {}={name}", job::INSTANCE);
    [
        "next, with this output as the input of the first command:".to_owned(),
        format!("  {kubectl} apply -f -"),
        format!(
            "  {kubectl} wait job/{name} --for=jsonpath='{{.status.ready}}'={count} --timeout=10m"
        ),
        format!("  pods=$({pods} -o jsonpath='{{.items[*].metadata.name}}' | tr ' ' ,)"),
        format!("  cargo dyno run … --hosts \"$pods\" --hosts-via '{kubectl} exec -i {{host}} --'"),
        format!("  {kubectl} delete job/{name}"),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests;

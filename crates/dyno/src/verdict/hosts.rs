//! The hosts of a run over several: the findings that one of them alone is the reason of.
//!
//! The rate of a run is judged on the sum of its hosts. A host whose harness is late makes the run
//! invalid, however small its part; and a host that alone did not hold its share is named.

use dyno_summary::Verdict;

use super::trend::{Assessment, Trend};
use super::{Evidence, Finding, JudgedSpan, bottleneck, reason};
use crate::plan::{OnBacklog, Rate};

/// One host with the evidence on its share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HostEvidence {
    /// The host as sentences name it, such as `host 1 (b)`.
    pub(crate) name: String,
    pub(crate) evidence: Evidence,
}

/// Adds the interruption of the run: once if all hosts were interrupted, else by host.
pub(super) fn interruption(
    evidence: &Evidence,
    hosts: &[HostEvidence],
    findings: &mut Vec<Finding>,
) {
    if hosts.iter().all(|host| host.evidence.signal.is_some()) {
        super::interruption(evidence, findings);
        return;
    }
    for host in hosts {
        let mut own = Vec::new();
        super::interruption(&host.evidence, &mut own);
        findings.extend(own.into_iter().map(|finding| host.named(finding)));
    }
}

/// Adds the findings and warnings about the harness of each host.
pub(super) fn harness(
    hosts: &[HostEvidence],
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<String>,
) {
    for host in hosts {
        let (mut own, mut own_warnings) = (Vec::new(), Vec::new());
        super::harness(&host.evidence, &mut own, &mut own_warnings);
        findings.extend(own.into_iter().map(|finding| host.named(finding)));
        warnings.extend(own_warnings.iter().map(|warning| format!("{}: {warning}", host.name)));
    }
}

/// Adds the hosts whose share passed its own limit of the backlog, where that of all hosts did not.
pub(super) fn limits(
    evidence: &Evidence,
    hosts: &[HostEvidence],
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<String>,
) {
    if evidence.passed.is_some() {
        return;
    }
    for host in hosts {
        let Some(passed) = host.evidence.passed else { continue };
        let reason = format!("{}: {}", host.name, reason::limit_passed(&host.evidence, passed));
        match evidence.on_backlog {
            OnBacklog::Stop => findings.push(Finding {
                verdict: Verdict::Unsustained,
                reason,
                hint: bottleneck::before(evidence, reason::lower_rate(evidence)),
            }),
            OnBacklog::Skip | OnBacklog::Queue => warnings.push(reason),
        }
    }
}

/// Adds a warning for each host that did not hold its share, unless none did.
pub(super) fn growth(whole: &Assessment, hosts: &[HostEvidence], warnings: &mut Vec<String>) {
    let is_overloaded = |host: &&HostEvidence| {
        host.evidence.rate != Rate::Max && Assessment::of(&host.evidence).trend == Trend::Overloaded
    };
    let alone: Vec<_> = hosts.iter().filter(is_overloaded).collect();
    if alone.len() == hosts.len() && whole.trend == Trend::Overloaded {
        return;
    }
    for host in alone {
        let assessment = Assessment::of(&host.evidence);
        let span = JudgedSpan::of(&host.evidence);
        warnings.push(format!(
            "{} did not hold its share: {}",
            host.name,
            reason::overloaded(&assessment, &span)
        ));
    }
}

impl HostEvidence {
    fn named(&self, finding: Finding) -> Finding {
        Finding { reason: format!("{}: {}", self.name, finding.reason), ..finding }
    }
}

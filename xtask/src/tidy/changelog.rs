//! The rule for the changelog: it has the form of <https://keepachangelog.com/en/1.1.0/>, and a
//! section for the current version or for unreleased changes.

use super::Finding;
use super::source::numbered;

/// The kinds of change that the form allows.
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

pub(super) fn check(content: &str, version: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !content.starts_with("# Changelog\n") {
        findings.push(Finding::new(1, "opens without `# Changelog`"));
    }
    let mut is_current = false;
    for (number, line) in numbered(content) {
        if let Some(release) = line.strip_prefix("## ") {
            is_current |= release == "[Unreleased]" || release.starts_with(&format!("[{version}]"));
            if release != "[Unreleased]" && !is_dated(release) {
                let form = "`[Unreleased]` or `[version] - year-month-day`";
                findings.push(Finding::new(number, format!("`{release}` is not {form}")));
            }
        }
        if let Some(kind) = line.strip_prefix("### ").filter(|kind| !KINDS.contains(kind)) {
            findings
                .push(Finding::new(number, format!("`{kind}` is none of {}", KINDS.join(", "))));
        }
    }
    if !is_current {
        findings.push(Finding::new(1, format!("has neither `[Unreleased]` nor `[{version}]`")));
    }
    findings
}

/// Returns `true` for a release of the form `[1.2.3] - 2026-01-31`.
fn is_dated(release: &str) -> bool {
    let Some((version, date)) = release.split_once(" - ") else { return false };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let lengths: Vec<_> = date.split('-').map(str::len).collect();
    version.starts_with('[')
        && version.ends_with(']')
        && lengths == [4, 2, 2]
        && date.split('-').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(content: &str) -> usize {
        check(content, "0.1.0").len()
    }

    #[test]
    fn a_changelog_in_form_has_no_findings() {
        assert_eq!(count("# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A.\n"), 0);
        assert_eq!(count("# Changelog\n\n## [0.1.0] - 2026-01-31\n"), 0);
    }

    #[test]
    fn a_changelog_out_of_form_is_found() {
        assert_eq!(count("# Changes\n\n## [Unreleased]\n"), 1);
        assert_eq!(count("# Changelog\n\n## [0.0.9] - 2026-01-31\n"), 1, "an old version only");
        assert_eq!(count("# Changelog\n\n## [Unreleased]\n\n### News\n"), 1);
        for date in ["[0.1.0]", "[0.1.0] - today", "[0.1.0] - 31-01-2026", "0.1.0 - 2026-01-31"] {
            assert_ne!(count(&format!("# Changelog\n\n## {date}\n## [Unreleased]\n")), 0, "{date}");
        }
    }
}

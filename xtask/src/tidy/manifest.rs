//! Rules for manifests: each dependency has its reason above it, and members inherit the
//! workspace's settings.

use super::Finding;
use super::source::numbered;

/// The keys that every member inherits from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "repository"];

/// Finds dependencies of the workspace without a comment at the beginning of their group. A blank
/// line ends a group. The workspace's own members need no reason.
pub(super) fn reasons(content: &str) -> Vec<Finding> {
    let section =
        numbered(content).skip_while(|(_, line)| *line != "[workspace.dependencies]").skip(1);
    let mut findings = Vec::new();
    let mut has_reason = false;
    for (number, line) in section.take_while(|(_, line)| !line.starts_with('[')) {
        match line {
            "" => has_reason = false,
            _ if line.starts_with('#') => has_reason = true,
            _ if has_reason || line.contains("path = ") || !line.contains('=') => {}
            _ => {
                let name = line.split([' ', '=', '.']).next().unwrap_or(line);
                findings.push(Finding::new(number, format!("`{name}` has no reason above it")));
            }
        }
    }
    findings
}

/// Finds keys that a member sets itself instead of inheriting them, or that are missing.
pub(super) fn inherits(content: &str) -> Vec<Finding> {
    let lines: Vec<_> = content.lines().collect();
    let mut findings = Vec::new();
    for key in INHERITED {
        if !lines.contains(&format!("{key}.workspace = true").as_str()) {
            findings.push(Finding::new(1, format!("does not say `{key}.workspace = true`")));
        }
    }
    if !lines.windows(2).any(|pair| pair == ["[lints]", "workspace = true"]) {
        findings.push(Finding::new(1, "does not inherit the workspace's lints"));
    }
    if !lines.iter().any(|line| line.starts_with("description = ")) {
        findings.push(Finding::new(1, "has no description"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependencies(lines: &str) -> Vec<Finding> {
        reasons(&format!(
            "[workspace]\nresolver = \"3\"\n\n[workspace.dependencies]\n{lines}\n[profile]\na = 1\n"
        ))
    }

    #[test]
    fn a_dependency_has_a_reason_above_its_group() {
        assert!(dependencies("a = { path = \"a\" }\n\n# Why.\nb = \"1\"\nc = \"1\"\n").is_empty());
        let found = dependencies("# Why.\nb = \"1\"\n\nc = \"1\"\n");
        assert_eq!(found, [Finding::new(8, "`c` has no reason above it")]);
    }

    #[test]
    fn a_dependency_may_take_several_lines() {
        assert!(dependencies("# Why.\na = { features = [\n  \"b\",\n] }\n").is_empty());
    }

    #[test]
    fn a_member_inherits_and_has_a_description() {
        let member = "[package]\ndescription = \"A\"\nversion.workspace = true\nedition.workspace = true\n\
            rust-version.workspace = true\nlicense.workspace = true\nrepository.workspace = true\n\n\
            [lints]\nworkspace = true\n";
        assert!(inherits(member).is_empty());
        assert_eq!(
            inherits(&member.replace("license.workspace = true", "license = \"MIT\"")).len(),
            1
        );
        assert_eq!(inherits(&member.replace("[lints]", "[features]")).len(), 1);
        assert_eq!(inherits(&member.replace("description = \"A\"\n", "")).len(), 1);
    }
}

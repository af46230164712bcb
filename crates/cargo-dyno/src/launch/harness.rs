//! The checks that a target is a benchmark of dyno. Any other program is refused.
//!
//! It would end with exit code 0, as a benchmark that is sustained does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use toml_edit::DocumentMut;

use crate::targets::{Kind, Target};

/// The name of the variable that marks a worker's process; every program that links dyno contains
/// it.
const MARK: &[u8] = b"DYNO_WORKER";

/// Refuses a bench target whose `main` the standard test harness replaces.
pub(super) fn check(target: &Target) -> anyhow::Result<()> {
    if target.kind != Kind::Bench {
        return Ok(());
    }
    let path = target.manifest_path.display();
    let text =
        fs::read_to_string(&target.manifest_path).with_context(|| format!("can't read {path}"))?;
    ensure!(
        has_own_main(&text, &target.name),
        "`{0}` has the standard test harness in place of its own `main`: add `harness = false` to \
         its [[bench]] in {path}",
        target.name
    );
    Ok(())
}

/// Returns `true` if the manifest says `harness = false` for a bench target.
pub(crate) fn has_own_main(manifest: &str, name: &str) -> bool {
    // Cargo has accepted the manifest: a part that is not understood here is not refused.
    let Ok(manifest) = manifest.parse::<DocumentMut>() else { return true };
    let Some(benches) = manifest.get("bench") else { return false };
    let tables = benches.as_array_of_tables().into_iter().flatten();
    let mut named = tables.filter(|bench| bench.get("name").and_then(|n| n.as_str()) == Some(name));
    match benches.as_array_of_tables() {
        Some(_) => named.any(|bench| bench.get("harness").and_then(|h| h.as_bool()) == Some(false)),
        None => true,
    }
}

/// Refuses a program if neither it nor a shared library of its build contains dyno.
pub(super) fn check_program(
    name: &str,
    executable: &Path,
    libraries: &[PathBuf],
) -> anyhow::Result<()> {
    let path = executable.display();
    let has_mark = |file: &Path| -> anyhow::Result<bool> {
        let bytes = fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
        Ok(bytes.windows(MARK.len()).any(|window| window == MARK))
    };
    let mut found = has_mark(executable)?;
    for library in libraries {
        found = found || has_mark(library)?;
    }
    ensure!(
        found,
        "`{name}` is not a benchmark of dyno: its `main` never calls `dyno::bench`; to run it as \
         it is, start {path}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bench_without_the_test_harness_has_its_own_main() {
        let bench = |keys: &str| format!("[[bench]]\nname = \"io\"\n{keys}");
        assert!(has_own_main(&bench("harness = false"), "io"));
        assert!(!has_own_main(&bench(""), "io"));
        assert!(!has_own_main(&bench("harness = true"), "io"));
        assert!(!has_own_main(&bench("harness = false"), "found-by-its-file"));
        assert!(!has_own_main("", "io"));
    }
}

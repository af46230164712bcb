//! The platform that a benchmark is built for, as the compiler describes it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use cargo_metadata::cargo_platform::Cfg;

use super::configuration::Configuration;

/// The compiler's own platform, as cargo's settings name it.
const HOST: &str = "host-tuple";

/// The platform of a benchmark's program.
#[derive(Debug, Default)]
pub(super) struct Platform {
    /// Its name in cargo's configuration.
    pub(super) triple: String,
    /// The folder of the standard library's shared libraries.
    pub(super) libraries: Option<PathBuf>,
    /// The names and values that `cfg(..)` finds true, without those that compiler flags add.
    pub(super) cfg: Vec<Cfg>,
}

impl Platform {
    /// Asks the compiler about the triple that `--target` names, or else cargo's configuration.
    ///
    /// A compiler that gives no answer is accepted: it has built the benchmark, and only runners
    /// and shared libraries depend on the answer.
    pub(super) fn of(flag: Option<&str>, configuration: &Configuration) -> Self {
        let named = flag.map(str::to_owned).or_else(|| configuration.triple());
        let named = named.filter(|triple| triple != HOST);
        let mut rustc = Command::new(configuration.compiler());
        rustc.args(["--print", HOST, "--print", "target-libdir", "--print", "cfg"]);
        rustc.args(named.iter().flat_map(|triple| ["--target", triple]));
        let output = rustc.stdin(Stdio::null()).stderr(Stdio::null()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        Self::parse(named.as_deref(), &text.unwrap_or_default())
    }

    /// Reads the compiler's lines: its own triple, the folder, then the `cfg` values that hold.
    fn parse(named: Option<&str>, text: &str) -> Self {
        let mut lines = text.lines();
        let host = lines.next().unwrap_or_default();
        let libraries = lines.next().map(PathBuf::from);
        // A custom platform is named by the path to its description.
        let short = |triple: &str| {
            let name = triple.rsplit('/').next().unwrap_or(triple);
            name.strip_suffix(".json").unwrap_or(name).to_owned()
        };
        Self {
            triple: short(named.unwrap_or(host)),
            libraries,
            cfg: lines.filter_map(|line| line.parse().ok()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_lines_are_its_triple_its_libraries_and_what_holds() {
        let text = "x86_64-a-b\n/lib/rust\ntarget_os=\"linux\"\nunix\n";
        let platform = Platform::parse(None, text);
        assert_eq!(platform.triple, "x86_64-a-b");
        assert_eq!(platform.libraries, Some("/lib/rust".into()));
        let cfg: Vec<_> = platform.cfg.iter().map(ToString::to_string).collect();
        assert_eq!(cfg, ["target_os = \"linux\"", "unix"]);
        assert_eq!(Platform::parse(Some("specs/own.json"), text).triple, "own");
        assert_eq!(Platform::parse(Some("t"), "").triple, "t");
    }
}

//! The first exchange with a host: a shell there names its system, receives the program if it has not
//! got it, and becomes it.
//!
//! ```text
//! coordinator                                shell on the host
//!   | <-- dyno-host 1 SYSTEM PROCESSOR -------- |    what start-up files print comes before it
//!   | --- HASH, LENGTH, NAME, WORDS ----------> |    a line each
//!   | <-- dyno-has, or dyno-wants ------------- |
//!   | --- the program, if it is wanted -------> |
//!   | <-- dyno-has ---------------------------- |
//!   | <-- dyno-agent 1, then frames ----------- |    by the program itself
//! ```
//!
//! The script is fixed, so that no parameter of a run is in the list of processes. It has no quote
//! `'`, because it is between two of them, and no line break.

use super::message::FIRST_LINE;

/// The beginning of the shell's first line.
const HOST_LINE: &str = "dyno-host 1 ";
const HAS: &str = "dyno-has";
const WANTS: &str = "dyno-wants";
/// The most bytes before an expected line: what start-up files print is short.
pub(crate) const NOISE_MAX: usize = 64 << 10;

/// The script that a shell on each host runs. The folder of the program is only its user's. A copy is
/// complete once it has its name, since the name is given last.
pub(crate) const SCRIPT: &str = concat!(
    r#"unset DYNO_TARGET_DIR CARGO CARGO_MANIFEST_DIR CARGO_PKG_NAME; "#,
    r#"cd "${HOME:-/}"; d="${HOME:-/tmp}/.cache/dyno"; "#,
    r#"echo "dyno-host 1 $(uname -s) $(uname -m)"; "#,
    r#"IFS= read -r h && IFS= read -r n && IFS= read -r DYNO_AGENT && IFS= read -r w || exit 1; "#,
    r#"p="$d/$h"; export DYNO_AGENT; umask 077; "#,
    r#"if test -x "$p" && test "$(wc -c < "$p")" -eq "$n"; then :; else "#,
    r#"mkdir -p "$d" && t=$(mktemp "$p.XXXXXX") || exit 1; "#,
    r#"trap "rm -f \"$t\"" EXIT; echo dyno-wants; head -c "$n" > "$t" || exit 1; "#,
    r#"test "$(wc -c < "$t")" -eq "$n" || exit 1; "#,
    r#"s=$(sha256sum "$t" 2>/dev/null) && test "${s%% *}" != "$h" && { "#,
    r#"echo "the copy of the program differs from the program" >&2; exit 1; }; "#,
    r#"chmod 700 "$t" && mv -f "$t" "$p" || exit 1; trap - EXIT; fi; "#,
    r#"echo dyno-has; exec "$p" $w"#
);

/// The lines that answer the shell's first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProgramLines {
    /// The hash of the program's file.
    pub(crate) hash: String,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// The benchmark's name.
    pub(crate) benchmark: String,
    /// The words behind the program's name that lead it to the benchmark: plain words, none secret.
    pub(crate) words: Vec<String>,
}

impl ProgramLines {
    /// Returns the text of the lines.
    pub(crate) fn text(&self) -> String {
        let Self { hash, length, benchmark, words } = self;
        // A line break in the name would be another line.
        let benchmark = benchmark.replace(['\n', '\r'], " ");
        format!("{hash}\n{length}\n{benchmark}\n{}\n", words.join(" "))
    }
}

/// A line that the other side is expected to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BootLine {
    /// The host is of this system and this processor.
    Host { system: String, processor: String },
    /// The program is there, and begins.
    Has,
    /// The program is not there.
    Wants,
    /// The agent begins: frames follow.
    Agent,
}

impl BootLine {
    /// Reads a line; `None` for a line of someone else.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let line = line.trim_end_matches('\r');
        match line {
            HAS => Some(Self::Has),
            WANTS => Some(Self::Wants),
            FIRST_LINE => Some(Self::Agent),
            _ => {
                let (system, processor) = line.strip_prefix(HOST_LINE)?.split_once(' ')?;
                let (system, processor) = (system.to_owned(), processor.to_owned());
                Some(Self::Host { system, processor })
            }
        }
    }
}

/// Returns the reason why a host of this system and processor can't run this program; `None` if it
/// can.
pub(crate) fn refused(system: &str, processor: &str) -> Option<String> {
    let (own_system, own_processor) = (std::env::consts::OS, std::env::consts::ARCH);
    let is_system = match own_system {
        "macos" => system == "Darwin",
        own => system.eq_ignore_ascii_case(own),
    };
    let is_processor = match own_processor {
        "x86" => processor.starts_with('i') && processor.ends_with("86") || processor == "x86_64",
        "x86_64" => ["x86_64", "amd64"].contains(&processor),
        "aarch64" => ["aarch64", "arm64"].contains(&processor),
        "arm" => processor.starts_with("arm"),
        own => processor == own,
    };
    (!is_system || !is_processor).then(|| {
        format!(
            "it is {system} on {processor}, and this program is for {own_system} on \
             {own_processor}; name a program for it by --hosts-exe PATH"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_can_be_quoted_for_any_shell() {
        assert!(!SCRIPT.contains(['\'', '\n', '\0']));
    }

    #[test]
    fn lines_of_others_are_passed_over() {
        for line in ["", "Welcome!", "dyno-host 1", "dyno-host 2 Linux x86_64", "dyno-agent 12"] {
            assert_eq!(BootLine::read(line), None, "{line}");
        }
        let host = BootLine::Host { system: "Linux".into(), processor: "x86_64".into() };
        assert_eq!(BootLine::read("dyno-host 1 Linux x86_64\r"), Some(host));
        assert_eq!(BootLine::read("dyno-agent 1"), Some(BootLine::Agent));
    }

    #[test]
    fn another_system_or_processor_is_named_with_the_way_out() {
        assert_eq!(
            refused("Plan9", "mips").unwrap().split("; ").nth(1),
            Some("name a program for it by --hosts-exe PATH")
        );
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        assert_eq!(refused("Linux", "x86_64"), None);
    }

    #[test]
    fn a_name_can_not_add_a_line() {
        let lines = ProgramLines {
            hash: "h".into(),
            length: 7,
            benchmark: "a\nb".into(),
            words: vec!["exec".into(), "--name".into()],
        };
        assert_eq!(lines.text(), "h\n7\na b\nexec --name\n");
    }
}

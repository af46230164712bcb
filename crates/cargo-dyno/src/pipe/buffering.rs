//! Programs that hold back their output while it is a pipe, and the way to start each so that it
//! does not.

/// The names of programs, and the command that answers each line at once.
const PROGRAMS: [(&[&str], &str); 9] = [
    (&["python", "python3", "pypy3"], "python3 -u"),
    (&["jq"], "jq --unbuffered"),
    (&["sed"], "sed -u"),
    (&["grep", "egrep", "fgrep"], "grep --line-buffered"),
    (&["perl"], "perl -e '$|=1; …'"),
    (&["gawk"], "stdbuf -oL gawk"),
    (&["mawk", "awk"], "mawk -W interactive"),
    (&["ruby"], "ruby with `$stdout.sync = true`"),
    (&["tr"], "stdbuf -oL tr"),
];

/// Returns the way to start a command so that it answers each line at once.
pub(super) fn remedy(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    // python3.11 is python3.
    let stem = file.split('.').next().unwrap_or(file);
    let known = PROGRAMS.iter().find(|(names, _)| names.contains(&stem));
    match known {
        Some((_, command)) => format!("`{stem}` holds back its output on a pipe: use `{command}`"),
        None => format!(
            "if `{stem}` holds back its output on a pipe, start it by `stdbuf -oL {stem}`, or let \
             it write out each line"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_program_gets_its_own_flag_and_any_other_one_gets_stdbuf() {
        for (name, flag) in [
            ("/usr/bin/python3.11", "`python3` holds back its output on a pipe: use `python3 -u`"),
            ("jq", "use `jq --unbuffered`"),
            ("awk", "use `mawk -W interactive`"),
            ("gawk", "use `stdbuf -oL gawk`"),
            ("./worker", "start it by `stdbuf -oL"),
        ] {
            let remedy = remedy(name);
            assert!(remedy.contains(flag), "{name}: {remedy}");
        }
    }
}

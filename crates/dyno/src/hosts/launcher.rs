//! The launchers of a run on several hosts: for each host a command that starts a shell there, and
//! connects its standard streams.
//!
//! A name of a host is never read as an option of its launcher, and never by a shell.

use std::ffi::OsString;
use std::path::PathBuf;

use super::words;

/// The word of a template that is replaced by the host's name.
const PLACE: &str = "{host}";
/// The name that means the nodes of a Slurm allocation.
const SLURM: &str = "slurm";
/// The options of ssh: no questions, an end when the other side is silent, no terminal.
const SSH: [&str; 8] = [
    "ssh",
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ServerAliveInterval=1",
    "-o",
    "ServerAliveCountMax=5",
];

/// A host, and the command that starts a shell there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launcher {
    /// The host's name, as it was given.
    pub(crate) name: String,
    /// The command, to which the words of the remote command are added.
    pub(crate) command: Vec<String>,
    /// The form of those words.
    pub(crate) words: RemoteWords,
}

/// The form of a remote command, as a launcher takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemoteWords {
    /// Word by word.
    Separate,
    /// As one text, which a shell on the host reads.
    OneText,
}

/// The reason why no host can be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LauncherError {
    #[error("{flag} `{name}`: {reason}")]
    Host { flag: &'static str, name: String, reason: &'static str },
    #[error("--hosts-via `{text}`: {reason}")]
    Template { text: String, reason: String },
    #[error(
        "--hosts: `{program}` is in no folder of PATH; install it, or name another launcher by --hosts-via"
    )]
    Missing { program: String },
    #[error("--hosts slurm: {0}")]
    Slurm(String),
}

impl Launcher {
    /// Reads the hosts of a list, with commas between: by ssh, by the nodes of a Slurm allocation, or by
    /// a template of another launcher.
    ///
    /// # Errors
    /// If a name can't be used, or a launcher is missing.
    pub(crate) fn read(list: &str, template: Option<&str>) -> Result<Vec<Self>, LauncherError> {
        let launchers = match template {
            Some(template) => names(list)?.map(|name| by_template(name, template)).collect(),
            None if list == SLURM => slurm_nodes()?.iter().map(|node| Ok(by_srun(node))).collect(),
            None => names(list)?.map(by_ssh).collect::<Result<Vec<_>, _>>(),
        }?;
        for (place, launcher) in launchers.iter().enumerate() {
            let is_same = |other: &Self| other.folder() == launcher.folder();
            if launchers[..place].iter().any(is_same) {
                let (name, reason) = (launcher.name.clone(), "it is named twice; leave one out");
                return Err(LauncherError::Host { flag: "--hosts", name, reason });
            }
        }
        if let Some(launcher) = launchers.first()
            && program(&launcher.command[0]).is_none()
        {
            return Err(LauncherError::Missing { program: launcher.command[0].clone() });
        }
        Ok(launchers)
    }

    /// Returns the name of the host's folder.
    pub(crate) fn folder(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        let plain = self.name.chars().map(|c| if is_plain(c) { c } else { '_' });
        plain.collect::<String>().trim_start_matches('.').to_owned()
    }

    /// Returns the whole command line that runs a script on the host.
    pub(crate) fn line(&self, script: &str) -> Vec<OsString> {
        let remote = match self.words {
            RemoteWords::Separate => vec!["sh".into(), "-c".into(), script.into()],
            RemoteWords::OneText => vec![format!("sh -c '{script}'").into()],
        };
        self.command.iter().map(OsString::from).chain(remote).collect()
    }
}

/// Returns the names of a list.
fn names(list: &str) -> Result<impl Iterator<Item = &str>, LauncherError> {
    for name in list.split(',') {
        let reason = if name.is_empty() {
            "a name is empty; write the names with commas between, such as `a,b:2222,user@c`"
        } else if name.starts_with('-') {
            "a name does not begin with `-`, which would be an option of the launcher"
        } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            "a name has no blank and no control character; write commas alone between names"
        } else if name.starts_with('@') || name.contains("@-") {
            "it is not `host` or `user@host`"
        } else {
            continue;
        };
        return Err(LauncherError::Host { flag: "--hosts", name: name.to_owned(), reason });
    }
    Ok(list.split(','))
}

/// Returns the launcher of a host by ssh: `host`, `host:port`, `user@host`, `[address]:port`.
fn by_ssh(name: &str) -> Result<Launcher, LauncherError> {
    let mut command: Vec<String> = SSH.map(str::to_owned).into();
    // An address with several colons has a port only behind brackets.
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (name, None),
    };
    if let Some(port) = port {
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            let reason = "a port is a number from 1 to 65535";
            return Err(LauncherError::Host { flag: "--hosts", name: name.to_owned(), reason });
        }
        command.extend(["-p".to_owned(), port.to_owned()]);
    }
    command.extend(["--".to_owned(), host.replace(['[', ']'], "")]);
    Ok(Launcher { name: name.to_owned(), command, words: RemoteWords::OneText })
}

fn by_template(name: &str, template: &str) -> Result<Launcher, LauncherError> {
    let refused = |reason: String| LauncherError::Template { text: template.to_owned(), reason };
    let split = words::split(template);
    let split = split.map_err(|quote| refused(format!("the quote {quote} has no end; add it")))?;
    if split.is_empty() {
        let form = "it has no command; write one, such as `docker exec -i {host}`";
        return Err(refused(form.to_owned()));
    }
    let command = split.into_iter().map(|word| word.replace(PLACE, name)).collect();
    Ok(Launcher { name: name.to_owned(), command, words: RemoteWords::Separate })
}

fn by_srun(node: &str) -> Launcher {
    let command = ["srun", "--overlap", "-N1", "-n1", "-w", node].map(str::to_owned).into();
    Launcher { name: node.to_owned(), command, words: RemoteWords::Separate }
}

/// Returns the nodes of the allocation that this process runs in.
fn slurm_nodes() -> Result<Vec<String>, LauncherError> {
    let refused = |text: &str| LauncherError::Slurm(text.to_owned());
    if std::env::var_os("SLURM_JOB_ID").is_none() {
        let text = "this is not a Slurm allocation (SLURM_JOB_ID is not set); begin in `salloc` or \
                    in a batch script";
        return Err(refused(text));
    }
    let shown = std::process::Command::new("scontrol").args(["show", "hostnames"]).output();
    let shown = shown.map_err(|error| refused(&format!("scontrol: {error}")))?;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let nodes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if !shown.status.success() || nodes.is_empty() {
        let error = String::from_utf8_lossy(&shown.stderr);
        return Err(refused(&format!("`scontrol show hostnames` names no node: {}", error.trim())));
    }
    Ok(nodes)
}

/// Returns the file of a program, as a shell would find it.
fn program(name: &str) -> Option<PathBuf> {
    use nix::unistd::{AccessFlags, access};

    let is_one = |path: &PathBuf| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(is_one);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(list: &str, template: &str) -> Result<Vec<Launcher>, String> {
        Launcher::read(list, Some(template)).map_err(|error| error.to_string())
    }

    fn ssh(name: &str) -> String {
        by_ssh(name).expect("a host").command[SSH.len()..].join(" ")
    }

    #[test]
    fn a_host_of_ssh_is_behind_the_dashes_with_its_port_before_them() {
        assert_eq!(ssh("a"), "-- a");
        assert_eq!(ssh("user@c"), "-- user@c");
        assert_eq!(ssh("b:2222"), "-p 2222 -- b");
        assert_eq!(ssh("fe80::1"), "-- fe80::1");
        assert_eq!(ssh("[fe80::1]:22"), "-p 22 -- fe80::1");
        let line = by_ssh("a").expect("a host").line("x; y");
        assert_eq!(line.last().and_then(|last| last.to_str()), Some("sh -c 'x; y'"));
    }

    #[test]
    fn names_that_a_launcher_would_misread_are_refused() {
        for (list, reason) in [
            ("-oProxyCommand=x", "does not begin with `-`"),
            ("a,-b", "does not begin with `-`"),
            ("a b", "no blank"),
            ("a\u{1b}", "no control"),
            ("", "a name is empty"),
            ("a,", "a name is empty"),
            ("u@-x", "not `host` or `user@host`"),
            ("a,a", "named twice"),
        ] {
            let error = via(list, "sh").expect_err(list);
            assert!(error.contains(reason), "{list}: {error}");
        }
        let error = by_ssh("a:x").expect_err("no port").to_string();
        assert_eq!(error, "--hosts `a:x`: a port is a number from 1 to 65535");
    }

    #[test]
    fn a_template_has_the_name_wherever_it_says_so() {
        let [one, _] = &via("a,b/c", "sh -c 'echo {host}' {host}").expect("two")[..] else {
            panic!("two hosts");
        };
        assert_eq!(one.command, ["sh", "-c", "echo a", "a"]);
        assert_eq!(one.line("s").len(), 7);
        let error = via("a", "sh 'x").expect_err("a quote");
        assert_eq!(error, "--hosts-via `sh 'x`: the quote ' has no end; add it");
        let error = via("a", " ").expect_err("nothing");
        assert!(error.contains("it has no command"), "{error}");
        let error = via("a", "no-such-launcher {host}").expect_err("missing");
        assert!(error.contains("`no-such-launcher` is in no folder of PATH"), "{error}");
    }

    #[test]
    fn the_folder_of_a_host_is_a_plain_name() {
        let folder = |name: &str| by_template(name, "sh").expect("a host").folder();
        assert_eq!(folder("user@c"), "user@c");
        assert_eq!(folder("../x/y"), "_x_y");
        assert_eq!(folder("b:2222"), "b_2222");
    }
}

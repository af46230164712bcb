//! A real ssh server on this machine, for one test: its own keys, its own port, and its own home
//! folder for those who log in.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{DEADLINE, until};

/// A server that runs until this value is dropped.
pub(crate) struct Sshd {
    server: Child,
    port: u16,
    user: String,
    folder: TempDir,
}

impl Sshd {
    /// Starts a server on a free port of the loopback interface.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("home")).expect("writable");
        fs::create_dir(path("bin")).expect("writable");
        for key in ["server", "user"] {
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(path(key)));
        }
        fs::copy(path("user.pub"), path("authorized_keys")).expect("it was made");
        let user = run(Command::new("id").arg("-un")).trim().to_owned();
        let is_root = user == "root";
        if is_root {
            // The server drops its rights into this folder; Debian's service makes it.
            fs::create_dir_all("/run/sshd").expect("root may");
        }
        // A port that is free now; nobody else on this machine asks for a certain one.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let port = port.expect("a free port").port();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\n\
             AuthorizedKeysFile {}\nStrictModes no\nPasswordAuthentication no\nUsePAM {}\n\
             PermitRootLogin prohibit-password\nSetEnv HOME={}\nPrintMotd no\nPrintLastLog no\n",
            path("server").display(),
            path("authorized_keys").display(),
            if is_root { "yes" } else { "no" },
            path("home").display(),
        );
        fs::write(path("sshd_config"), settings).expect("writable");
        let key = fs::read_to_string(path("server.pub")).expect("it was made");
        let known = ["127.0.0.1", "localhost"].map(|host| format!("[{host}]:{port} {key}"));
        fs::write(path("known_hosts"), known.concat()).expect("writable");
        let client = format!(
            "IdentityFile {}\nUserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\n\
             IdentitiesOnly yes\nAddressFamily inet\n",
            path("user").display(),
            path("known_hosts").display(),
        );
        fs::write(path("ssh_config"), client).expect("writable");
        // ssh reads its settings in the home folder of the account, wherever HOME is.
        let wrapper =
            format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", path("ssh_config").display());
        fs::write(path("bin/ssh"), wrapper).expect("writable");
        fs::set_permissions(path("bin/ssh"), PermissionsExt::from_mode(0o755)).expect("ours");
        let log = fs::File::create(path("log")).expect("writable");
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("openssh-server is installed");
        let sshd = Self { server, port, user, folder };
        let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        until("the server listens", DEADLINE, answers);
        sshd
    }

    /// Returns two names of the server, as `--hosts` takes them.
    pub(crate) fn hosts(&self) -> String {
        let Self { user, port, .. } = self;
        format!("{user}@127.0.0.1:{port},{user}@localhost:{port}")
    }

    /// Returns a value of `PATH` that begins with the client of this server.
    pub(crate) fn path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}", self.folder.path().join("bin").display())
    }

    /// Returns the home folder of those who log in.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Returns the log of the server, for a test that fails.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Returns the files of the programs that were copied.
    pub(crate) fn programs(&self) -> Vec<PathBuf> {
        let folder = self.home().join(".cache/dyno");
        let files = fs::read_dir::<&Path>(&folder).expect("a program was copied").flatten();
        files.map(|file| file.path()).collect()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _reaped = self.server.wait();
    }
}

/// Runs a command, and returns what it writes.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("it is installed");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

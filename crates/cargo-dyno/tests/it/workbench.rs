//! A temporary folder to work in, and `cargo-dyno` to run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A benchmark in miniature: prints its arguments, and does what some of them say.
pub(crate) const BENCHMARK: &str = r#"
fn main() {
    // As every program that links dyno does.
    assert!(std::env::var_os("DYNO_WORKER").is_none());
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!("{}", [&[env!("CARGO_CRATE_NAME").to_owned()], words.as_slice()].concat().join(" "));
    if words.iter().any(|word| word == "pid") {
        println!("pid {}", std::process::id());
    }
    if words.iter().any(|word| word == "abort") {
        std::process::abort();
    }
    let code = words.iter().find_map(|word| word.strip_prefix("exit=")?.parse().ok());
    std::process::exit(code.unwrap_or(0));
}
"#;

/// A temporary folder, empty at first and removed after the test.
pub(crate) struct Workbench {
    folder: tempfile::TempDir,
}

/// The output of a program that has ended, and its exit code.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) pid: u32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns the one line of a refusal, without `error: `; checks that it is a refusal.
    #[track_caller]
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let line = self.stderr.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n'), "{self:?}");
        line.strip_prefix("error: ").expect("an error")
    }

    /// Returns the standard output of a command; checks that the command succeeded.
    #[track_caller]
    pub(crate) fn printed(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.stdout
    }
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Returns a package `a` with benchmarks: bench and example `io`, bench `fibonacci`, and a binary
    /// `server` that can't use dyno.
    pub(crate) fn with_package() -> Self {
        let bench = Self::new();
        bench.write("dyno/Cargo.toml", &package("dyno-bench"));
        bench.write("dyno/src/lib.rs", "");
        bench.add_package("a", "");
        bench
    }

    /// Adds a package like `a` in `folder`, which is its name too.
    pub(crate) fn add_package(&self, folder: &str, manifest_end: &str) {
        let name = folder.rsplit('/').next().expect("a name");
        let dyno = self.path("dyno");
        let manifest = format!(
            "{}\n[[bench]]\nname = \"fibonacci\"\nharness = false\n\
             [[bench]]\nname = \"io\"\nharness = false\n\
             [dev-dependencies]\ndyno-bench = {{ path = \"{}\" }}\n{manifest_end}",
            package(name),
            dyno.display()
        );
        self.write(&format!("{folder}/Cargo.toml"), &manifest);
        for source in ["benches/fibonacci.rs", "benches/io.rs", "examples/io.rs"] {
            self.write(&format!("{folder}/{source}"), BENCHMARK);
        }
        self.write(&format!("{folder}/src/bin/server.rs"), "fn main() {}");
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        // The path as `current_dir` returns it, even if the temporary folder is a link.
        self.folder.path().canonicalize().expect("it exists").join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).expect("it exists")
    }

    /// Lets cargo build with the versions and into the target folder of these tests: nothing is
    /// fetched, and what both need is compiled once.
    pub(crate) fn use_what_is_here(&self) {
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        std::fs::copy(lock, self.path("Cargo.lock")).expect("a lock file");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
        self.write(".cargo/config.toml", &format!("[build]\ntarget-dir = {target:?}\n"));
    }

    /// Runs `cargo-dyno` with the words of `line`, in `folder`.
    pub(crate) fn dyno(&self, folder: &str, line: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
        command.args(line.split_whitespace());
        self.end(folder, command)
    }

    /// Runs any program in `folder`, without what cargo has set for this test.
    pub(crate) fn end(&self, folder: &str, mut command: Command) -> Ended {
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_") && name != "CARGO_HOME" {
                command.env_remove(name);
            }
        }
        let child = command
            .current_dir(self.path(folder))
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let pid = child.id();
        let output = child.wait_with_output().expect("it ends");
        Ended {
            code: output.status.code(),
            pid,
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// Returns the beginning of a manifest.
pub(crate) fn package(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
}

/// Returns the folder of the executable, for a `PATH`.
pub(crate) fn folder_of_cargo_dyno() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cargo-dyno")).parent().expect("a folder")
}

//! A terminal with a screen: `tmux`, which draws a program's output as people would see it.
//!
//! Each terminal has a separate tmux server, which ends with it.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::{Benchmark, DEADLINE, TempDir, invariants, send, until};

/// The script that the terminal runs: the program, then a record of its exit code and of the
/// terminal's settings. The sleep keeps the terminal open as long as a test may need it, and ends
/// it if the test is killed.
const SCRIPT: &str = r#"trap : INT QUIT TSTP
"$@"
echo "ended $?" >ended
stty -a >stty
exec sleep 120"#;

/// The exit code of a primary whose own code ended it in the middle of the window.
const EXITED_BY_ITSELF: i32 = 9;

/// A benchmark that runs on a terminal.
pub(crate) struct Terminal {
    /// The process id of the shell that heads the terminal's session.
    shell: u32,
    folder: TempDir,
    /// The settings of the terminal before the program began.
    settings: String,
}

impl Benchmark {
    /// Starts the benchmark on a terminal of this size.
    #[track_caller]
    pub(crate) fn on_terminal(self, columns: u32, rows: u32) -> Terminal {
        invariants::adopt_orphans();
        std::fs::write(
            self.folder.path().join("conf"),
            "set -g status off\nset -g history-limit 5000\n",
        )
        .expect("writable");
        let mut terminal = Terminal { shell: 0, folder: self.folder, settings: String::new() };
        let mut command = terminal.tmux();
        command.arg("-f").arg(terminal.folder.path().join("conf"));
        command.args(["new-session", "-d", "-x", &columns.to_string(), "-y", &rows.to_string()]);
        for (name, value) in &self.variables {
            command.args(["-e", &format!("{name}={value}")]);
        }
        // The program waits for Enter, so that its output is captured from the first byte on.
        command.args(["sh", "-c", "read _; exec \"$@\"", "sh", "sh", "-c", SCRIPT, "sh"]);
        command.args(&self.launcher).arg(self.program).args(&self.words);
        run(&mut command);
        terminal.shell = terminal.told("#{pane_pid}").parse().expect("a number");
        terminal.settings = terminal.settings();
        terminal.command(&["pipe-pane", "cat >written"]);
        terminal.keys(&["Enter"]);
        terminal
    }
}

impl Terminal {
    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("DYNO_") || matches!(&*name, "TMUX" | "NO_COLOR") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.folder.path()).args(["-u", "-S", "socket"]);
        command
    }

    #[track_caller]
    fn command(&self, words: &[&str]) -> String {
        run(self.tmux().args(words))
    }

    /// Returns all settings of the terminal, in one line.
    #[track_caller]
    pub(crate) fn settings(&self) -> String {
        run(Command::new("stty").args(["-F", &self.told("#{pane_tty}"), "-g"]))
    }

    /// Returns the settings of the terminal before the program began.
    pub(crate) fn settings_before(&self) -> &str {
        &self.settings
    }

    /// Asks tmux for a value, such as `#{pane_pid}`, in tmux's format language.
    #[track_caller]
    pub(crate) fn told(&self, format: &str) -> String {
        self.command(&["display-message", "-p", format]).trim().to_owned()
    }

    /// Presses keys, by the names that tmux gives them.
    #[track_caller]
    pub(crate) fn keys(&self, keys: &[&str]) {
        self.command(&[&["send-keys"], keys].concat());
    }

    /// Types text, each character as it is.
    #[track_caller]
    pub(crate) fn types(&self, text: &str) {
        self.command(&["send-keys", "-l", text]);
    }

    /// Sets the width, and waits until programs can read it: tmux draws with the new width at once,
    /// but may report it to programs later.
    #[track_caller]
    pub(crate) fn resize(&self, columns: u32) {
        self.command(&["resize-window", "-x", &columns.to_string()]);
        let tty = self.told("#{pane_tty}");
        let told = format!(" {columns}\n");
        let is_told = || run(Command::new("stty").args(["-F", &tty, "size"])).ends_with(&told);
        until("the width is known", DEADLINE, is_told);
    }

    /// Returns all rows, including those that were scrolled out of sight, without the empty ones at
    /// the end.
    #[track_caller]
    pub(crate) fn screen(&self) -> String {
        self.command(&["capture-pane", "-p", "-S", "-"]).trim_end().to_owned()
    }

    /// Waits until the screen satisfies `condition`, and returns it.
    #[track_caller]
    pub(crate) fn until_shown(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let end = dyno_bus::clock::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if condition(&screen) {
                return screen;
            }
            assert!(dyno_bus::clock::now() < end, "{what} is not shown:\n{screen}");
            std::thread::park_timeout(super::POLL_PERIOD * 10);
        }
    }

    /// Waits until the screen contains this text, and returns it.
    #[track_caller]
    pub(crate) fn until_shows(&self, text: &str) -> String {
        self.until_shown(text, |screen| screen.contains(text))
    }

    /// Waits for the primary, and returns its process id.
    #[track_caller]
    pub(crate) fn primary(&self) -> u32 {
        let mut primary = None;
        until("the primary", DEADLINE, || {
            primary = invariants::children_of(self.shell).first().copied();
            primary.is_some()
        });
        primary.expect("it is there")
    }

    /// Reads a file of the benchmark's folder; empty if it does not exist yet.
    pub(crate) fn read(&self, path: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns `true` if the benchmark's folder has this file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.folder.path().join(path).exists()
    }

    /// Makes an empty file in the benchmark's folder.
    #[track_caller]
    pub(crate) fn write(&self, path: &str) {
        std::fs::write(self.folder.path().join(path), "").expect("writable");
    }

    /// Waits for the benchmark's end, and returns its exit code. After every run it checks that the
    /// terminal's settings are as before and that no process is left.
    #[track_caller]
    pub(crate) fn end(&self) -> i32 {
        until("its end", DEADLINE, || !self.read("stty").is_empty());
        let left = || invariants::children_of(self.shell).is_empty();
        until("nothing is left", DEADLINE, left);
        let ended = self.read("ended");
        let code = ended.trim().trim_start_matches("ended ").parse().expect("a number");
        // After a SIGKILL of the primary, or an end that it chose itself, a worker restores the
        // terminal, which may come later than the first command of the shell.
        let mut stty = self.read("stty");
        let killed = [Signal::SIGKILL, Signal::SIGABRT].map(|signal| 128 + signal as i32);
        if killed.contains(&code) || code == EXITED_BY_ITSELF {
            until("it is restored", DEADLINE, || self.settings() == self.settings);
            stty = run(Command::new("stty").args(["-F", &self.told("#{pane_tty}"), "-a"]));
        }
        assert_eq!(self.settings(), self.settings, "the terminal has other settings");
        for flag in [" echo ", " icanon ", " isig ", " onlcr "] {
            assert!(stty.replace(['\n', ';'], " ").contains(flag), "no{flag}in {stty}");
        }
        assert_eq!(self.told("#{cursor_flag}"), "1", "the cursor is hidden");
        code
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The workers end with their primary, even if the test has failed.
        for pid in invariants::children_of(self.shell) {
            send(pid, Signal::SIGKILL);
        }
        let mut command = self.tmux();
        let _ended = command.arg("kill-server").stderr(Stdio::null()).status();
    }
}

/// Runs a command, and returns its output.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("`tmux` is there: `cargo xtask test` installs it");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

//! This program: how it was started, and its place among cargo's programs.

mod cargo;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub(crate) use self::cargo::{CargoFolders, folders_of_cargo};

/// Returns `true` if this program, run again, would run tests: it links the standard test harness,
/// which knows nothing of workers.
pub(crate) fn is_test_program() -> bool {
    // That harness runs each test in a thread with the test's name. A benchmark's `main` runs in
    // the thread `main`, in any folder that cargo puts its program in.
    in_deps() && std::thread::current().name() != Some("main")
}

/// Returns `true` if this program is in a folder where cargo puts tests and benchmarks.
pub(crate) fn in_deps() -> bool {
    program().is_some_and(|program| is_for_tests(&program))
}

/// The file of this program.
fn program() -> Option<PathBuf> {
    let Started { mut line, loader } = Started::of_this_process();
    match loader {
        0 => std::env::current_exe().ok(),
        _ => Some(line.swap_remove(loader).into()),
    }
}

/// The command line that starts this program again, by the executable of this process.
///
/// `ld-linux.so ./program -R 50` is a process whose executable is the loader: the loader hides its
/// own arguments from the program, and needs them again.
pub(crate) fn command_line() -> Vec<OsString> {
    Started::of_this_process().line
}

/// Returns the program that emulates this one, if there is one. It shows this program's path as that
/// of the process, but not as that of a thread.
pub(crate) fn emulator() -> Option<PathBuf> {
    let shown = std::fs::read_link("/proc/self/exe").ok()?;
    let real = std::fs::read_link("/proc/thread-self/exe").ok()?;
    (shown != real).then_some(real)
}

/// The start of a process.
#[derive(Debug, PartialEq, Eq)]
struct Started {
    /// The whole command line.
    line: Vec<OsString>,
    /// The number of words before the program's name: those of a loader.
    loader: usize,
}

impl Started {
    fn of_this_process() -> Self {
        let own = std::env::args_os().collect();
        let whole =
            if cfg!(target_os = "linux") { std::fs::read("/proc/self/cmdline").ok() } else { None };
        Self::of(&whole.unwrap_or_default(), own)
    }

    /// Compares the kernel's command line, whose words end with a NUL, with the program's.
    fn of(whole: &[u8], own: Vec<OsString>) -> Self {
        let words = whole.strip_suffix(b"\0").unwrap_or(whole).split(|byte| *byte == 0);
        let mut line: Vec<OsString> =
            words.map(|word| OsStr::from_bytes(word).to_owned()).collect();
        // A loader can give the program another name than its file's.
        let arguments = own.get(1..).unwrap_or_default();
        let loader = line.len().saturating_sub(own.len());
        if loader == 0 || own.is_empty() || !line.ends_with(arguments) {
            return Self { line: own, loader: 0 };
        }
        // A relative path holds only in this folder, and a name without a `/` is not a path.
        if let Some(program) = line.get_mut(loader)
            && program.as_bytes().contains(&b'/')
            && let Ok(absolute) = std::path::absolute(&program)
        {
            *program = absolute.into();
        }
        Self { line, loader }
    }
}

/// Returns `true` for `PROFILE/deps/NAME`, and for `PROFILE/build/PACKAGE/HASH/out/NAME`, as later
/// versions of cargo arrange it.
fn is_for_tests(program: &Path) -> bool {
    let mut folders = program.ancestors().skip(1).map(|folder| folder.file_name());
    match folders.next().flatten().and_then(OsStr::to_str) {
        Some("deps") => true,
        Some("out") => folders.nth(2).flatten().is_some_and(|name| name == "build"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(whole: &str, own: &str) -> (String, usize) {
        let own = own.split_whitespace().map(OsString::from).collect();
        let Started { line, loader } = Started::of(whole.replace(' ', "\0").as_bytes(), own);
        let line: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
        (line.join(" "), loader)
    }

    #[test]
    fn a_program_that_a_loader_started_is_started_again_by_the_loader() {
        assert_eq!(started("/p -R 5 ", "/p -R 5"), ("/p -R 5".to_owned(), 0));
        assert_eq!(started("/ld /p -R 5 ", "/p -R 5"), ("/ld /p -R 5".to_owned(), 1));
        assert_eq!(started("/ld p ", "p"), ("/ld p".to_owned(), 1));
        let line = "/ld --argv0 name /p -R 5";
        assert_eq!(started(&format!("{line} "), "name -R 5"), (line.to_owned(), 3));
        // What the kernel does not know, or something has written over.
        assert_eq!(started("", "/p -R 5"), ("/p -R 5".to_owned(), 0));
        assert_eq!(started("renamed by itself ", "/p -R"), ("/p -R".to_owned(), 0));
        let (line, _) = started("/ld ./p ", "./p");
        let here = std::env::current_dir().unwrap();
        assert_eq!(line, format!("/ld {}", here.join("p").display()));
    }

    #[test]
    fn a_program_that_the_kernel_runs_has_no_emulator() {
        assert_eq!(emulator(), None);
    }

    #[test]
    fn cargos_old_and_new_folders_of_tests_are_known() {
        for (program, is_one) in [
            ("/w/target/release/deps/shop-0123", true),
            ("/w/target/release/build/shop/0123/out/shop-0123", true),
            ("/w/target/release/examples/shop", false),
            ("/w/out/shop", false),
            ("shop", false),
        ] {
            assert_eq!(is_for_tests(Path::new(program)), is_one, "{program}");
        }
    }
}

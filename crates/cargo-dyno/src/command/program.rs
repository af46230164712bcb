//! The program of a command: finds its file, and checks that the kernel would start it.

#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use nix::unistd::{AccessFlags, access};

/// The folders that are searched if the variable is not set, as in the C library.
const PATH_DEFAULT: &str = "/bin:/usr/bin";

/// Finds the executable that a command's name means, as a shell would.
///
/// # Errors
/// If it can't be found, or is not an executable file.
pub(crate) fn find(name: &str) -> anyhow::Result<PathBuf> {
    if name.contains('/') {
        let path = Path::new(name);
        let metadata = path.metadata().with_context(|| format!("can't start `{name}`"))?;
        ensure!(
            metadata.is_file() && is_executable(path),
            "can't start `{name}`: it is not a file that may be executed here"
        );
        return Ok(path.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| PATH_DEFAULT.into());
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates
        .find(|path| path.is_file() && is_executable(path))
        .with_context(|| format!("command not found: `{name}` is in no folder of PATH"))
}

/// Returns `true` if this user may execute the file, on its file system too.
fn is_executable(path: &Path) -> bool {
    access(path, AccessFlags::X_OK).is_ok()
}

/// Lets the kernel load the program with these arguments, and ends it before its first instruction.
///
/// # Errors
/// If the kernel refuses it: its interpreter is missing, it is for another machine, its arguments
/// are too long.
#[cfg(target_os = "linux")]
pub(crate) fn try_to_load(program: &Path, argv: &[String]) -> anyhow::Result<()> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    use nix::errno::Errno;
    use nix::sys::ptrace::traceme;
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{Pid, execv};

    /// The error of a process that may not be traced: none that exec(3) has.
    const UNTRACEABLE: Errno = Errno::ENOTRECOVERABLE;

    let name = argv.first().context("a command has a name")?;
    let path = CString::new(program.as_os_str().as_bytes())?;
    let words = argv.iter().map(|word| CString::new(word.as_str()));
    let words = words.collect::<Result<Vec<_>, _>>()?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let load = move || -> std::io::Result<()> {
        // A process that is traced stops once its program is loaded.
        traceme().map_err(|_| UNTRACEABLE)?;
        // The standard library's own call would let a shell read a file that the kernel refuses.
        Err(execv(&path, &words).unwrap_err().into())
    };
    // SAFETY: between fork and exec it makes two system calls; `execv` allocates the array of the
    // words, which glibc's and musl's allocators allow after a fork.
    #[expect(unsafe_code, reason = "only the new process itself can ask to be traced")]
    unsafe {
        command.pre_exec(load);
    }
    let child = match command.spawn() {
        Ok(child) => Pid::from_raw(child.id().cast_signed()),
        // Where nothing may be traced, nothing is checked, and a command that can't be started is a
        // failed cycle.
        Err(error) if error.raw_os_error() == Some(UNTRACEABLE as i32) => return Ok(()),
        Err(error) => return Err(refused(program, name, &error)),
    };
    let _gone = kill(child, Signal::SIGKILL);
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return Ok(()),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return Ok(()),
        }
    }
}

/// Checks nothing: on systems other than Linux, a command that can't be started is a failed cycle.
#[cfg(not(target_os = "linux"))]
pub(crate) fn try_to_load(_program: &Path, _argv: &[String]) -> anyhow::Result<()> {
    Ok(())
}

/// Returns the reason why the kernel does not load a program that exists.
#[cfg(target_os = "linux")]
fn refused(program: &Path, name: &str, error: &std::io::Error) -> anyhow::Error {
    use nix::errno::Errno;

    let why = match error.raw_os_error() {
        Some(code) if code == Errno::ENOEXEC as i32 => {
            "it is neither a program for this machine nor a script that begins with `#!`".into()
        }
        Some(code) if code == Errno::E2BIG as i32 => {
            "its arguments and its environment are longer than the system allows; put them into a \
             file"
                .into()
        }
        Some(code) if code == Errno::ENOENT as i32 => match interpreter(program) {
            Some(interpreter) => format!("its interpreter `{interpreter}` does not exist"),
            None => "the loader that it asks for does not exist".into(),
        },
        _ => error.to_string(),
    };
    anyhow::anyhow!("can't start `{name}`: {why}")
}

/// Returns the interpreter that a script names behind `#!`.
#[cfg(target_os = "linux")]
fn interpreter(program: &Path) -> Option<String> {
    use std::io::Read;

    // The kernel looks for the interpreter in this many bytes too.
    let mut start = Vec::new();
    std::fs::File::open(program).ok()?.take(256).read_to_end(&mut start).ok()?;
    let text = String::from_utf8_lossy(start.strip_prefix(b"#!")?).into_owned();
    let interpreter = text.lines().next()?.split_whitespace().next()?;
    Some(interpreter.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn refusal(name: &str) -> String {
        match find(name) {
            Ok(path) => format!("{:#}", try_to_load(&path, &[name.to_owned()]).unwrap_err()),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let missing = "command not found: `no-such-command` is in no folder of PATH";
        assert_eq!(refusal("no-such-command"), missing);
        let missing = "can't start `/nowhere/x`: No such file or directory (os error 2)";
        assert_eq!(refusal("/nowhere/x"), missing);
        let folder = "can't start `/`: it is not a file that may be executed here";
        assert_eq!(refusal("/"), folder);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_that_the_kernel_would_not_start_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        for (content, reason) in [
            ("#!/nowhere/python -u\n", "its interpreter `/nowhere/python` does not exist"),
            ("\x7fELF, and then nothing", "it is neither a program for this machine nor a script"),
            ("echo no first line\n", "it is neither a program for this machine nor a script"),
        ] {
            let path = folder.path().join("program");
            std::fs::write(&path, content).expect("writable");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
            let refusal = refusal(path.to_str().expect("UTF-8"));
            assert!(refusal.contains(reason), "{refusal}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn arguments_that_are_too_long_are_refused_before_a_run() {
        let argv = ["true".to_owned(), "x".repeat(200_000)];
        let error = try_to_load(&find("true").expect("it is there"), &argv).unwrap_err();
        assert!(error.to_string().contains("longer than the system allows"), "{error}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn nothing_of_the_program_is_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let trace = folder.path().join("trace");
        let touch = find("touch").expect("it is there");
        let argv = ["touch".to_owned(), trace.to_str().expect("UTF-8").to_owned()];
        try_to_load(&touch, &argv).expect("it could be started");
        assert!(!trace.exists());
    }
}

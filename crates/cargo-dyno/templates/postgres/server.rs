//! A private server for the Postgres benchmark, with a new cluster, on a Unix socket.
//!
//! It ends with the benchmark, even if that is killed: a shell between the two reads a pipe from
//! this process until the pipe is closed, then stops the server and removes its folder. The
//! settings are those of Postgres, `fsync` among them.

use std::io::{BufRead, BufReader, copy, sink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use super::Parameters;

/// The server of this process, between its two hooks.
static SERVER: Mutex<Option<Child>> = Mutex::new(None);

/// Postgres refuses to run as root, so it then runs as the user `postgres`.
const SCRIPT: &str = r#"
    as=
    [ "$(id -u)" != 0 ] || as="setpriv --reuid=postgres --regid=postgres --clear-groups"
    mkdir -m 700 "$2" && cd "$2" || exit
    trap 'rm -r "$2"' EXIT
    [ -z "$as" ] || chown postgres:postgres "$2" || exit
    export LC_ALL=C
    $as "$1/initdb" --no-sync --auth=trust --username=postgres --pgdata="$2/data" >/dev/null || exit
    $as "$1/postgres" -D "$2/data" -k "$2" -h '' &
    exec >/dev/null 2>&1
    cat
    kill -INT $!
    wait
"#;

/// The remedy for a missing server.
const REMEDY: &str = "install it (Debian: apt-get install postgresql, macOS: brew install \
                      postgresql), or name a server by -P url=postgres://USER@HOST/DATABASE";

/// Starts the server and sets its URL, unless there is a URL.
pub(crate) fn start(run: &mut dyno::Setup) -> dyno::Result {
    if !run.parameters::<Parameters>().url.is_empty() {
        return Ok(());
    }
    let programs =
        programs().ok_or_else(|| format!("`initdb` of Postgres is missing: {REMEDY}"))?;
    // Not in `TMPDIR`: the path of a socket has at most 107 bytes.
    let folder = PathBuf::from(format!("/tmp/dyno-postgres-{}", std::process::id()));
    let (log, output) = std::io::pipe()?;
    let shell = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .args([&programs, &folder])
        // Ctrl-C is for the benchmark, whose last cycles still need the server.
        .process_group(0)
        .stdin(Stdio::piped())
        .stderr(output.try_clone()?)
        .stdout(output)
        .spawn()?;
    let pid = shell.id();
    *SERVER.lock().map_err(|_| "another hook has panicked")? = Some(shell);
    wait_until_ready(BufReader::new(log))?;
    run.set("url", format!("host={} user=postgres dbname=postgres", folder.display()))?;
    // The server is a child of the shell: its processor time and memory become metrics.
    if cfg!(target_os = "linux") {
        run.watch(pid)?;
    }
    Ok(())
}

/// Stops the server, if there is one.
pub(crate) fn stop(_summary: &dyno::Summary) -> dyno::Result {
    let shell = SERVER.lock().map_err(|_| "another hook has panicked")?.take();
    if let Some(mut shell) = shell {
        // The end of its input. The shell removes the folder before it ends.
        drop(shell.stdin.take());
        shell.wait()?;
    }
    Ok(())
}

/// Returns the error of a connection with the way out.
pub(crate) fn refused(error: tokio_postgres::Error) -> String {
    let cause =
        std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
    format!(
        "no Postgres accepts the connection: {error}{cause}; name a server by \
         -P url=postgres://USER@HOST/DATABASE"
    )
}

/// Returns the folder with `initdb` and `postgres`, which Debian keeps apart from other programs.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let has_both =
        |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
    versions.into_iter().rev().chain(std::env::split_paths(&path)).find(has_both)
}

fn wait_until_ready(mut log: impl BufRead + Send + 'static) -> dyno::Result {
    let (mut line, mut last) = (String::new(), String::new());
    while !line.contains("ready to accept connections") {
        last.clone_from(&line);
        line.clear();
        if log.read_line(&mut line)? == 0 {
            return Err(format!("Postgres did not start: {}", last.trim()).into());
        }
    }
    // A server waits for the reader of its log.
    std::thread::spawn(move || copy(&mut log, &mut sink()));
    Ok(())
}

//! A private server for the Redis benchmark, on a Unix socket.
//!
//! It ends with the benchmark, even if that is killed: a shell between the two reads a pipe from
//! this process until the pipe is closed, then stops the server and removes its folder.

use std::io::{BufRead, BufReader, copy, sink};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use super::Parameters;

/// The server of this process, between its two hooks.
static SERVER: Mutex<Option<Child>> = Mutex::new(None);

/// The log is the server's alone, so that it ends where the server does.
const SCRIPT: &str = r#"
    redis-server --port 0 --unixsocket "$1/socket" --dir "$1" --save '' --appendonly no &
    exec >/dev/null
    cat
    kill $! 2>/dev/null
    wait
    rm -r "$1"
"#;

/// The longest time for a server's answer to the question for its process.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The remedy for a missing server.
const REMEDY: &str = "install it (Debian: apt-get install redis-server, macOS: brew install redis), \
                      or name a server by -P url=redis://HOST/";

/// Starts the server and sets its URL, unless there is a URL. A server on this machine is watched.
pub(crate) fn start(run: &mut dyno::Setup) -> dyno::Result {
    let Parameters { url, .. } = run.parameters();
    if !url.is_empty() {
        if let Some(pid) = process_of(&url) {
            run.watch(pid)?;
        }
        return Ok(());
    }
    Command::new("redis-server")
        .arg("--version")
        .output()
        .map_err(|error| format!("`redis-server` can't be run ({error}): {REMEDY}"))?;
    let folder = std::env::temp_dir().join(format!("dyno-redis-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(&folder)
        // Ctrl-C is for the benchmark, whose last cycles still need the server.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let log = shell.stdout.take().ok_or("its output is not piped")?;
    let pid = shell.id();
    *SERVER.lock().map_err(|_| "another hook has panicked")? = Some(shell);
    wait_until_ready(BufReader::new(log))?;
    run.set("url", format!("redis+unix://{}/socket", folder.display()))?;
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
pub(crate) fn refused(url: &str, error: &redis::RedisError) -> String {
    format!("no Redis answers at {url}: {error}; name another by -P url=redis://HOST/")
}

/// Returns the process of a server on this machine. One that does not answer fails the workers later,
/// with the reason.
fn process_of(url: &str) -> Option<u32> {
    let client = redis::Client::open(url).ok()?;
    let mut connection = client.get_connection_with_timeout(ANSWER_MAX).ok()?;
    connection.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    let server: redis::InfoDict = redis::cmd("INFO").arg("server").query(&mut connection).ok()?;
    let pid = server.get("process_id")?;
    // The id is of the server's machine or container: here it may be another process, or none.
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    ["redis-server", "valkey-server"].contains(&name.trim_end()).then_some(pid)
}

fn wait_until_ready(mut log: BufReader<ChildStdout>) -> dyno::Result {
    let (mut line, mut last) = (String::new(), String::new());
    // The line differs between versions, but these words are in all of them.
    while !line.to_lowercase().contains("ready to accept connections") {
        last.clone_from(&line);
        line.clear();
        if log.read_line(&mut line)? == 0 {
            return Err(format!("`redis-server` did not start: {}", last.trim()).into());
        }
    }
    // A server waits for the reader of its log.
    std::thread::spawn(move || copy(&mut log, &mut sink()));
    Ok(())
}

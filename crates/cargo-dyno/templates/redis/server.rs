//! A private server for the Redis benchmark, on a Unix socket.
//!
//! It ends with the benchmark, even if that is killed: a shell between the two reads a pipe from
//! this process until the pipe is closed, then stops the server and removes its folder.

use std::io::{BufRead, BufReader, copy, sink};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;

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

/// The remedy for a missing server.
const REMEDY: &str = "install it (Debian: apt-get install redis-server, macOS: brew install redis), \
                      or name a server by -P url=redis://HOST/";

/// Starts the server and sets its URL, unless there is a URL.
pub(crate) fn start(run: &mut dyno::Setup) -> dyno::Result {
    if !run.parameters::<Parameters>().url.is_empty() {
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
    *SERVER.lock().map_err(|_| "another hook has panicked")? = Some(shell);
    wait_until_ready(BufReader::new(log))?;
    run.set("url", format!("redis+unix://{}/socket", folder.display()))?;
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

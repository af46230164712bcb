//! A private server for the HTTP benchmark: the same program, started again as a process apart, so
//! that it takes no time of the loops that are measured.
//!
//! It ends with the benchmark, even if that is killed: its standard input is a pipe from there.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::Parameters;

/// The server of this process, between its two hooks.
static SERVER: Mutex<Option<Child>> = Mutex::new(None);

/// The variable that makes this program the server.
const VARIABLE: &str = "HTTP_PRIVATE_SERVER";

/// Starts the server and sets its URL, unless there is a URL.
pub(crate) fn start(run: &mut dyno::Setup) -> dyno::Result {
    if !run.parameters::<Parameters>().url.is_empty() {
        return Ok(());
    }
    let mut server = Command::new(std::env::current_exe()?)
        .env(VARIABLE, "")
        // Ctrl-C is for the benchmark, whose last cycles still need the server.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // Its processor time and memory become metrics.
    if cfg!(target_os = "linux") {
        run.watch(server.id())?;
    }
    let mut url = String::new();
    let output = server.stdout.take().ok_or("its output is not piped")?;
    *SERVER.lock().map_err(|_| "another hook has panicked")? = Some(server);
    if BufReader::new(output).read_line(&mut url)? == 0 {
        return Err("the private server did not start".into());
    }
    run.set("url", url.trim())?;
    Ok(())
}

/// Stops the server, if there is one.
pub(crate) fn stop(_summary: &dyno::Summary) -> dyno::Result {
    let server = SERVER.lock().map_err(|_| "another hook has panicked")?.take();
    if let Some(mut server) = server {
        // The end of its input.
        drop(server.stdin.take());
        server.wait()?;
    }
    Ok(())
}

/// Serves, in the process that is to be the server; returns at once in any other.
pub(crate) fn serve_if_started_as_server() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    std::thread::spawn(|| {
        let _ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    if let Err(error) = runtime.and_then(|runtime| runtime.block_on(serve())) {
        let _unread = writeln!(std::io::stderr(), "error: the private server: {error}");
    }
    std::process::exit(1);
}

async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}/", listener.local_addr()?)?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let hello = |_request: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new("hello\n".to_owned()))
        };
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new());
        tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(hello)));
    }
}

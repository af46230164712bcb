//! The request of each cycle, and the connections of one worker, which stay open.

use std::error::Error;
use std::net::{TcpStream as BlockingStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt, service_fn};

use super::HttpParameters;

/// The time for the one connection that shows, before anything starts, that there is a server.
const REACH_DEADLINE: Duration = Duration::from_secs(3);

type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, dyno::Error>;

/// The request that each cycle sends.
pub(super) type HttpRequest = Request<Full<Bytes>>;

/// The connections of one worker.
#[derive(Debug)]
pub(super) struct Connections(Client<Connector, Full<Bytes>>);

impl Connections {
    /// Creates the connections to the server of a URL. None is opened yet.
    ///
    /// # Errors
    /// If the certificates that this system trusts can't be read, and are needed.
    pub(super) fn to(url: &Uri) -> dyno::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // A system without certificates can still be asked over plain HTTP.
        let connector = if url.scheme_str() == Some("https") {
            let tls = HttpsConnectorBuilder::new().with_native_roots()?.https_only();
            measured(tls.enable_http1().wrap_connector(tcp))
        } else {
            measured(tcp.map_response(MaybeHttpsStream::Http).map_err(dyno::Error::from))
        };
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request, and returns the reply once its head has arrived.
    pub(super) async fn send(&self, request: HttpRequest) -> dyno::Result<Response<Incoming>> {
        self.0.request(request).await.map_err(described)
    }
}

/// Returns a connector that records the metric `connect`.
fn measured<S>(connect: S) -> Connector
where
    S: Service<Uri, Response = MaybeHttpsStream<TokioIo<TcpStream>>, Error = dyno::Error>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    BoxCloneSyncService::new(service_fn(move |url| {
        dyno::measure_async("connect", connect.clone().call(url))
    }))
}

/// Returns the error in one line with its causes. The last one names the reason.
pub(super) fn described(error: impl Error) -> dyno::Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors have the text of their cause.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.into()
}

/// Reads the request of the task's parameters, and the file of its body.
///
/// # Errors
/// If a part of it is invalid, or the file can't be read.
pub(super) fn read_request(parameters: &HttpParameters) -> anyhow::Result<HttpRequest> {
    let HttpParameters { url, method, headers, body, .. } = parameters;
    let uri = read_url(url)?;
    let method = Method::from_bytes(method.as_bytes()).ok().with_context(|| {
        format!("invalid --method `{method}`: expected a word, such as GET or POST")
    })?;
    let bytes = match body.as_str() {
        "" => Vec::new(),
        file => std::fs::read(file).with_context(|| format!("can't read --body `{file}`"))?,
    };
    let mut request = Request::new(Full::new(Bytes::from(bytes)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for field in headers {
        let (name, value) = header(field)?;
        request.headers_mut().append(name, value);
    }
    let defaults = [
        (ACCEPT, HeaderValue::from_static("*/*")),
        (USER_AGENT, HeaderValue::from_static(concat!("cargo-dyno/", env!("CARGO_PKG_VERSION")))),
    ];
    for (name, value) in defaults {
        request.headers_mut().entry(name).or_insert(value);
    }
    Ok(request)
}

fn read_url(url: &str) -> anyhow::Result<Uri> {
    let invalid = || {
        format!(
            "invalid URL `{url}`: expected one that begins with http:// or https://, such as \
             `http://localhost:8080/`"
        )
    };
    let uri: Uri = url.parse().ok().with_context(invalid)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    ensure!(is_http && uri.host().is_some_and(|host| !host.is_empty()), invalid());
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        bail!("the URL has a user: leave it out, and give -H 'Authorization: Basic …'");
    }
    Ok(uri)
}

fn header(field: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let read = || {
        let (name, value) = field.split_once(':')?;
        Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
    };
    read().with_context(|| format!("invalid --header `{field}`: expected `NAME: VALUE`"))
}

/// Opens a connection, and closes it, so that a server that is not there is named before anything
/// starts.
///
/// # Errors
/// If no address of the URL's host accepts a connection in time.
pub(super) fn check_reachable(url: &Uri) -> anyhow::Result<()> {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let port = url.port_u16().unwrap_or(default);
    let addresses = (host, port).to_socket_addrs();
    let addresses = addresses.with_context(|| format!("no address of `{host}` is known"))?;
    let mut refused = None;
    for address in addresses {
        match BlockingStream::connect_timeout(&address, REACH_DEADLINE) {
            Ok(_stream) => return Ok(()),
            Err(error) => refused = Some(error),
        }
    }
    let reason = refused.map_or_else(|| "it has none".to_owned(), |error| error.to_string());
    bail!("no server accepts a connection at {host}:{port}: {reason}; is it running?")
}

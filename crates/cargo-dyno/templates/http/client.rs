//! The client of the HTTP benchmark: connections that stay open, with TLS for `https`.
//!
//! The metric `connect` has the time that each new connection took, TLS included.

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{Response, Uri};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::Service;
use tower::util::BoxCloneSyncService;

type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, dyno::Error>;

/// The connections of one worker to the server of a URL.
pub(crate) struct Connections {
    client: Client<Connector, Empty<Bytes>>,
    url: Uri,
}

impl Connections {
    pub(crate) fn to(url: &str) -> dyno::Result<Self> {
        let url: Option<Uri> = url.parse().ok().filter(|url: &Uri| url.scheme().is_some());
        let url = url.ok_or("invalid -P url: expected one such as http://localhost/")?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // The certificates that this system trusts.
        let tls = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http();
        let tls = tls.enable_http1().wrap_connector(tcp);
        let connect = move |url| dyno::measure_async("connect", tls.clone().call(url));
        let connector = BoxCloneSyncService::new(tower::service_fn(connect));
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), url })
    }

    /// Sends a request. It is answered once the head of the reply has arrived.
    pub(crate) async fn get(&self) -> dyno::Result<Response<Incoming>> {
        self.client.get(self.url.clone()).await.map_err(described)
    }
}

/// Returns the error as one line with its causes, which name what failed.
fn described(error: impl std::error::Error) -> dyno::Error {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")).into()
}

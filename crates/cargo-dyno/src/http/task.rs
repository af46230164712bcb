//! The task of `http`: one request for each cycle.

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::time::timeout;

use super::HttpParameters;
use super::connections::{Connections, HttpRequest, described, read_request};

/// The state of one worker.
pub(super) struct HttpTask {
    connections: Connections,
    request: HttpRequest,
    timeout: Duration,
}

impl dyno::Task for HttpTask {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let parameters = context.parameters::<HttpParameters>();
        let request = read_request(parameters).map_err(|error| format!("{error:#}"))?;
        let connections = Connections::to(request.uri())?;
        Ok(Self { connections, request, timeout: Duration::from_millis(parameters.timeout_ms) })
    }

    async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result {
        match timeout(self.timeout, self.exchange()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                let limit = humantime::format_duration(self.timeout);
                Err(format!("no whole reply within {limit} (--timeout)").into())
            }
        }
    }
}

impl HttpTask {
    /// Sends the request, and reads the reply to its end, so that its connection can be used again.
    async fn exchange(&self) -> dyno::Result {
        let sent = self.connections.send(self.request.clone());
        let mut reply = dyno::measure_async("first_byte", sent).await?;
        while let Some(part) = reply.frame().await {
            part.map_err(described)?;
        }
        let status = reply.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(status.to_string().into());
        }
        Ok(())
    }
}

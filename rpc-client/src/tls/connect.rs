//! The TLS handshake with a server.

use std::sync::OnceLock;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ClientTls;
use crate::error::ConnectError;
use crate::error_text::redacted;
use crate::stream::Dialled;
use crate::tls_problem::TlsProblem;
use crate::url::Target;

/// The settings of clients that set nothing. They are read once, since reading all roots takes milliseconds.
static DEFAULT: OnceLock<ClientTls> = OnceLock::new();

/// Runs the TLS handshake. The caller sets a deadline.
pub(crate) async fn connect(
    tls: Option<&ClientTls>,
    stream: Dialled,
    target: &Target,
) -> Result<TlsStream<Dialled>, ConnectError> {
    // An IP address counts as a name too (RFC 9110 §4.3.5).
    let name = ServerName::try_from(target.name().to_owned()).map_err(|_| ConnectError::Url {
        url: redacted(&target.url),
        why: format!("no certificate can have the name `{}`", target.name()),
    })?;
    let config = match tls {
        Some(tls) => tls.config().clone(),
        None => default_tls().await.config().clone(),
    };
    TlsConnector::from(config).connect(name, stream).await.map_err(|source| {
        let address = target.address();
        match TlsProblem::beneath(&source) {
            Some(problem) => ConnectError::Tls { address, problem },
            None => ConnectError::Io { address, source },
        }
    })
}

async fn default_tls() -> &'static ClientTls {
    if let Some(tls) = DEFAULT.get() {
        return tls;
    }
    // This reads files. If the runtime is shutting down, nothing waits for the outcome.
    let _ = tokio::task::spawn_blocking(|| DEFAULT.get_or_init(ClientTls::default)).await;
    DEFAULT.get_or_init(ClientTls::default)
}

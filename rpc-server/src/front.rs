//! Runs a new TCP connection: TLS if configured, then HTTP (hyper) until the upgrade, with a deadline.

use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::acceptor::Acceptor;
use crate::handshake::{Local, PeerCertificates};
use crate::listeners::Arrival;
use crate::upgrade::{Alive, Upgrade};

/// hyper accepts no smaller header buffer.
const SMALLEST_HEADER: usize = 8 << 10;

/// Whether TLS is between TCP and HTTP.
#[derive(Clone, Debug)]
pub(crate) enum TlsMode {
    Plain,
    #[cfg(feature = "tls")]
    Tls(crate::ServerTls),
}

/// Runs a connection from its first byte to its last. After the handshake, `serve` takes over. An error ends
/// this connection only.
pub(crate) fn run<Fut: Future<Output = ()>>(
    acceptor: Acceptor,
    mode: TlsMode,
    arrival: Arrival,
    alive: Alive,
    serve: impl FnOnce(Upgrade) -> Fut,
) -> impl Future<Output = ()> {
    // Boxed, so that the task does not hold the state of HTTP and TLS for the connection's whole life.
    let opening = Box::pin(open_in_time(acceptor, mode, arrival, alive));
    async move {
        let upgrade = opening.await;
        if let Some(upgrade) = upgrade {
            serve(upgrade).await;
        }
    }
}

/// Runs the opening handshake within `handshake_timeout`.
async fn open_in_time(acceptor: Acceptor, mode: TlsMode, arrival: Arrival, alive: Alive) -> Option<Upgrade> {
    // Holds the handshake's permit until the handshake is over.
    let Arrival { stream, remote, local, handshake: _handshake } = arrival;
    // Small frames go out when they are flushed, without the delay of Nagle's algorithm.
    let _ = stream.set_nodelay(true);
    let opening = open(&acceptor, &mode, stream, Ends { remote, local });
    let mut upgrade = in_time(&acceptor, remote, opening).await?;
    upgrade.keep(alive);
    Some(upgrade)
}

/// Runs `opening` within `handshake_timeout`, while the server runs.
async fn in_time(
    acceptor: &Acceptor,
    remote: SocketAddr,
    opening: impl Future<Output = Option<Upgrade>>,
) -> Option<Upgrade> {
    let limit = acceptor.shared.config.limits.handshake_timeout;
    tokio::select! {
        upgrade = tokio::time::timeout(limit, opening) => upgrade.unwrap_or_else(|_| {
            tracing::debug!(remote_addr = %remote, "the opening handshake took too long");
            None
        }),
        () = acceptor.shared.handle.stopped() => None,
    }
}

/// Serves a stream that did not arrive at a listener, as if it had arrived at this address.
pub(crate) fn serve_stream<S>(
    acceptor: Acceptor,
    stream: S,
    remote: SocketAddr,
    address: IpAddr,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ends = Ends { remote, local: Some(Local { address, bound: address }) };
    async move {
        let opening = answer(&acceptor, stream, ends, PeerCertificates::default());
        if let Some(upgrade) = Box::pin(in_time(&acceptor, remote, opening)).await {
            upgrade.run().await;
        }
    }
}

/// The addresses of both ends of a connection.
#[derive(Clone, Copy)]
struct Ends {
    remote: SocketAddr,
    local: Option<Local>,
}

async fn open(acceptor: &Acceptor, mode: &TlsMode, stream: TcpStream, ends: Ends) -> Option<Upgrade> {
    match mode {
        TlsMode::Plain => answer(acceptor, stream, ends, PeerCertificates::default()).await,
        #[cfg(feature = "tls")]
        TlsMode::Tls(tls) => {
            let (stream, certificates) = crate::tls::accept(tls, stream, ends.remote).await?;
            answer(acceptor, stream, ends, certificates).await
        }
    }
}

/// Answers HTTP requests until the connection is a WebSocket or has ended.
async fn answer<S>(
    acceptor: &Acceptor,
    stream: S,
    Ends { remote, local }: Ends,
    certificates: PeerCertificates,
) -> Option<Upgrade>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.header_read_timeout(None) // the whole handshake has its deadline
        .max_buf_size(acceptor.shared.config.limits.max_header_bytes.max(SMALLEST_HEADER));
    let (upgrade, served) = until_upgrade(&http, stream, |mut request| {
        request.extensions_mut().insert(certificates.clone());
        acceptor.answer(request, Some(remote), local)
    })
    .await;
    if let Err(error) = served {
        tracing::debug!(remote_addr = %remote, %error, "no valid HTTP request arrived");
    }
    upgrade
}

/// Answers the HTTP requests of a connection until one becomes an upgrade or the connection has ended.
/// Returns the upgrade, and how HTTP has ended.
pub async fn until_upgrade<S, B, Fut>(
    http: &http1::Builder,
    stream: S,
    answer: impl Fn(Request<Incoming>) -> Fut,
) -> (Option<Upgrade>, hyper::Result<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    Fut: Future<Output = (Response<B>, Option<Upgrade>)>,
{
    let accepted = Mutex::new(None);
    let service = service_fn(async |request| {
        let (response, upgrade) = answer(request).await;
        if let Some(upgrade) = upgrade {
            *accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
        }
        Ok::<_, Infallible>(response)
    });
    let served = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    (accepted.into_inner().unwrap_or_else(PoisonError::into_inner), served)
}

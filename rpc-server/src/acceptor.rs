//! Answers upgrade requests and serves their connections, under any hyper server.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use birpc_core::__private::crates::excerpt;
use birpc_core::ConnectionInfo;
use birpc_core::transport::Transport;
use http::{Request, Response};

use crate::handle::ServerHandle;
use crate::handshake::{Agreed, Handshake, Local, Refusal, ResponseBody, health};
use crate::hooks::Grant;
use crate::listeners::canonical;
use crate::shared::{Admitted, Shared};
use crate::upgrade::{Upgrade, run_adopted};

/// The number of characters of a refusal's text that are logged. The text may quote the request.
const LOGGED: usize = 500;

/// Accepts WebSocket upgrade requests with the same checks, limits and hooks as a [`crate::Server`], but
/// without a listener: for mounting in an existing HTTP server. A clone is cheap.
///
/// ```no_run
/// # fn example(router: birpc_core::Router, request: http::Request<String>) {
/// use birpc_server::Server;
///
/// let acceptor = Server::builder().mount(router).expect("no duplicate methods");
/// # async move {
/// let (response, upgrade) = acceptor.accept(request, None).await;
/// if let Some(upgrade) = upgrade {
///     tokio::spawn(upgrade.run()); // begins once the response has been sent
/// }
/// # response };
/// # }
/// ```
#[derive(Clone)]
pub struct Acceptor {
    pub(crate) shared: Arc<Shared>,
}

impl Acceptor {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Answers a request. Send the response. If an upgrade comes with it, the request's connection becomes a
    /// WebSocket, and [`Upgrade::run`] serves it.
    ///
    /// The request must come from hyper, whose upgrade is among the request's extensions; otherwise the
    /// upgrade ends at once. If the surrounding server has verified a client's certificates, put them among
    /// the extensions as [`crate::PeerCertificates`], and parameters of the path as [`crate::PathParams`].
    /// [`crate::ServerBuilder::authorize`] finds all other extensions in [`crate::Handshake::extensions`].
    /// Only HTTP/1.1 is supported, not WebSocket over HTTP/2 (RFC 8441).
    ///
    /// The `Host` is checked only if [`crate::ServerBuilder::hosts`] lists the hosts: the surrounding server
    /// knows its own names.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind. The request then gets no answer.
    pub async fn accept<B>(
        &self,
        request: Request<B>,
        remote: Option<SocketAddr>,
    ) -> (Response<ResponseBody>, Option<Upgrade>) {
        self.answer(request, remote, None).await
    }

    /// [`Acceptor::accept`] for a request that may have arrived at a listener of this server.
    pub(crate) async fn answer<B>(
        &self,
        mut request: Request<B>,
        remote: Option<SocketAddr>,
        local: Option<Local>,
    ) -> (Response<ResponseBody>, Option<Upgrade>) {
        let health = self.shared.rules.health.as_deref();
        if let Some(response) = health::answer(health, &request, self.shared.handle.is_stopped()) {
            return (response, None);
        }
        let remote = remote.map(canonical);
        let upgrade = hyper::upgrade::on(&mut request);
        let checked = self.check(request, remote, local);
        let admitted = match checked {
            Ok((agreed, handshake)) => self.admit(agreed, handshake).await,
            Err(refusal) => Err(refusal),
        };
        match admitted {
            Ok(admitted) => {
                let response = admitted.agreed.response();
                (response, Some(Upgrade::new(self.shared.clone(), admitted, upgrade, remote)))
            }
            Err(refusal) => {
                let why = excerpt(refusal.text(), LOGGED);
                tracing::debug!(
                    remote_addr = remote.map(tracing::field::display),
                    status = refusal.status(),
                    why,
                    "refused"
                );
                (refusal.into_response(), None)
            }
        }
    }

    fn check<B>(
        &self,
        request: Request<B>,
        remote: Option<SocketAddr>,
        local: Option<Local>,
    ) -> Result<(Agreed, Handshake), Refusal> {
        let (agreed, offered) = self.shared.rules.check(&request, local)?;
        let (parts, _body) = request.into_parts();
        let mut extensions = parts.extensions;
        let certificates = extensions.remove().unwrap_or_default();
        let params = extensions.remove().unwrap_or_default();
        let (headers, uri) = (parts.headers, parts.uri);
        Ok((
            agreed,
            Handshake { headers, uri, remote_addr: remote, offered, certificates, params, extensions },
        ))
    }

    async fn admit(&self, agreed: Agreed, handshake: Handshake) -> Result<Admitted, Refusal> {
        let shared = &self.shared;
        if shared.handle.is_stopped() {
            return Err(Refusal::new(503, "the server is shutting down"));
        }
        let full = |_| Refusal::new(503, "too many connections; try again later");
        let slot = shared.slots.clone().try_acquire_owned().map_err(full)?;
        let limit = shared.config.limits.handshake_timeout;
        let authorized = tokio::time::timeout(limit, shared.hooks.authorize(handshake)).await;
        let late = |_| Refusal::new(503, "authorization took too long; try again later");
        let grant = authorized.map_err(late)??;
        grant.check()?;
        Ok(Admitted { agreed, grant, slot })
    }

    /// Serves a connection over a transport of the application's until it ends, with the router, limits and
    /// hooks of this acceptor. The connection is among the acceptor's peers. The caller passes the facts that
    /// a handshake would have had, and the values that `authorize` would have granted: `authorize` does not
    /// run and no request is checked, since there is no request.
    ///
    /// When [`birpc_core::Limits::max_connections`] is exceeded, the transport is closed with 1013. When the
    /// server is shutting down, it is closed with 1001.
    ///
    /// # Cancel safety
    /// Dropping the future cuts the connection.
    ///
    /// ```
    /// use birpc_core::transport::memory_pair;
    /// use birpc_core::{Config, Connection, ConnectionInfo, Context, ErrorObject, Router};
    /// use birpc_server::{Grant, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// struct User(&'static str);
    ///
    /// let whoami = |cx: Context, (): ()| async move {
    ///     Ok::<_, ErrorObject>(cx.get::<User>().map_or("nobody", |user| user.0))
    /// };
    /// let acceptor = Server::builder().mount(Router::new().method("whoami", whoami))?;
    ///
    /// let (near, far) = memory_pair(); // any transport
    /// let grant = Grant::new().with(User("ada"));
    /// tokio::spawn(acceptor.serve_transport(near, ConnectionInfo::default(), grant));
    ///
    /// let (peer, connection) = Connection::new(far, Default::default(), ConnectionInfo::default());
    /// tokio::spawn(connection);
    /// assert_eq!(peer.call::<String>("whoami", ()).await?, "ada");
    /// assert_eq!(acceptor.handle().peers().len(), 1);
    /// # Ok(()) }
    /// ```
    pub fn serve_transport<T: Transport>(
        &self,
        transport: T,
        info: ConnectionInfo,
        grant: Grant,
    ) -> impl Future<Output = ()> + Send + use<T> {
        run_adopted(transport, info, grant, self.shared.clone())
    }

    /// A handle for the server's connections.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.shared.handle.clone()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("rules", &self.shared.rules).finish_non_exhaustive()
    }
}

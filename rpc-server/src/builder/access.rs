//! Who may connect, and where.

use std::future::Future;
use std::sync::Arc;

#[allow(unused_imports)] // of the documentation
use birpc_core::Limits;

use super::ServerBuilder;
use crate::handshake::{Handshake, Hosts, Origins, Refusal};
use crate::hooks::Grant;

impl ServerBuilder {
    /// The subprotocols to agree on, in order of preference (RFC 6455 §1.9). Default: `birpc.v1`, `jsonrpc`.
    /// A client that offers none is always served, as plain JSON-RPC. A name that is no token of HTTP is
    /// refused when the server binds, serves or is mounted ([`crate::ServeError::Subprotocol`]).
    pub fn subprotocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.rules.subprotocols.preferred = names.into_iter().map(String::from).collect();
        self
    }

    /// Whether a client that offers only unknown subprotocols is served as plain JSON-RPC instead of
    /// being refused with HTTP 400. Default: `false`.
    pub fn lenient_subprotocols(mut self, lenient: bool) -> Self {
        self.rules.subprotocols.lenient = lenient;
        self
    }

    /// Serves one path only, such as `/rpc`; others are answered with 404. Default: every path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.rules.path = Some(absolute(path.into()));
        self
    }

    /// Which web pages may connect. Default: [`Origins::SameHost`]; others are answered with 403.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.rules.origins = origins;
        self
    }

    /// Which `Host`s are served, in whatever case, such as `app.example.com` with any port, or
    /// `localhost:9944` with that port or with none, as some proxies send it; others are answered with 403.
    /// It keeps a stranger's page from reaching a local server under a name of its own (DNS rebinding).
    ///
    /// Default: where a client connects to a loopback address, `localhost`, `*.localhost`, 127.0.0.0/8 and
    /// `[::1]`, with any port; elsewhere every host. A server behind a proxy on the same machine so has to
    /// list the `Host` that the proxy sends, or say [`ServerBuilder::hosts_any`]. A mounted acceptor serves
    /// every host, unless there is a list. The page `docs/guides/behind-a-proxy.md` has what proxies send.
    pub fn hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.rules.hosts = Hosts::Listed(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Serves every `Host`, also where a client connects to a loopback address. Any web page can then reach a
    /// server on its visitor's machine: only for servers whose `authorize` asks for something that a page
    /// does not have, or behind a proxy that checks the `Host`.
    pub fn hosts_any(mut self) -> Self {
        self.rules.hosts = Hosts::Any;
        self
    }

    /// Says that clients come over TLS although this server does not speak it: behind a proxy that ends TLS,
    /// or mounted in a server that speaks it. A page that came without TLS (`http://`), which anybody on its
    /// way may have written, then is no page of the same host ([`Origins::SameHost`]). It is not needed where
    /// the proxy says so itself, by `X-Forwarded-Proto` or `Forwarded`, nor with `tls`.
    pub fn behind_tls(mut self) -> Self {
        self.rules.secure = true;
        self
    }

    /// Answers health checks at a path, such as `/healthz`: a GET or a HEAD, in HTTP/1.1 or 1.0, of whatever
    /// `Host`, is answered with 200, and with 503 once [`crate::ServerHandle::shutdown`] or `stop` was
    /// called. Other methods get 405. Whether [`Limits::max_connections`] are open does not matter. A request
    /// for a WebSocket at this path is none of them, so it may be the path of [`ServerBuilder::path`], and
    /// `/`. Default: none.
    ///
    /// A mounted acceptor answers them too, if the HTTP server around it hands them over; an axum route has
    /// its own path alone, so in axum a route of its own is simpler.
    ///
    /// ```no_run
    /// # use birpc_server::Server;
    /// let server = Server::builder().path("/rpc").health("/healthz");
    /// ```
    pub fn health(mut self, path: impl Into<String>) -> Self {
        self.rules.health = Some(absolute(path.into()));
        self
    }

    /// Decides on each valid request that the other rules let pass, before the upgrade; it may await, within
    /// [`Limits::handshake_timeout`], and holds a place of [`Limits::max_connections`] meanwhile. What it
    /// grants with the connection, handlers read from their `Context`. If it panics, the request is refused
    /// with 500.
    ///
    /// ```no_run
    /// # use birpc_server::{Grant, Refusal, Server};
    /// # async fn user_of(token: &str) -> Option<String> { None }
    /// let server = Server::builder().authorize(|request| async move {
    ///     let token = request.bearer().ok_or(Refusal::unauthorized("a bearer token is needed"))?;
    ///     let user = user_of(token).await.ok_or(Refusal::forbidden("the token is not valid"))?;
    ///     Ok(Grant::new().with(user))
    /// });
    /// ```
    pub fn authorize<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Grant, Refusal>> + Send + 'static,
    {
        self.hooks.authorize = Some(Arc::new(move |handshake| Box::pin(hook(handshake))));
        self
    }
}

fn absolute(path: String) -> String {
    if path.starts_with('/') { path } else { format!("/{path}") }
}

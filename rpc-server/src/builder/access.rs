//! Settings that decide which requests may connect.

use std::future::Future;
use std::sync::Arc;

#[allow(unused_imports)] // of the documentation
use birpc_core::Limits;

use super::ServerBuilder;
use crate::handshake::{Handshake, Hosts, Origins, Refusal};
use crate::hooks::Grant;

impl ServerBuilder {
    /// Sets the supported subprotocols in order of preference (RFC 6455 §1.9). Default: `birpc.v1`,
    /// `jsonrpc`. A client that offers none is always served, as plain JSON-RPC. If a name is not an HTTP
    /// token, binding, serving or mounting the server fails ([`crate::ServeError::Subprotocol`]).
    pub fn subprotocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.rules.subprotocols.preferred = names.into_iter().map(String::from).collect();
        self
    }

    /// Whether a client that offers only unknown subprotocols is served as plain JSON-RPC. Default: `false`:
    /// it is refused with HTTP 400.
    pub fn lenient_subprotocols(mut self, lenient: bool) -> Self {
        self.rules.subprotocols.lenient = lenient;
        self
    }

    /// Serves only this path, such as `/rpc`, and answers others with 404. Default: every path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.rules.path = Some(absolute(path.into()));
        self
    }

    /// Sets which web pages may connect. Others are answered with 403. Default: [`Origins::SameHost`].
    pub fn origins(mut self, origins: Origins) -> Self {
        self.rules.origins = origins;
        self
    }

    /// Sets the `Host`s that are served, and answers others with 403. Case does not matter. `app.example.com`
    /// matches any port. `localhost:9944` matches that port or none, since some proxies omit it. This
    /// prevents a foreign page from reaching a local server under a host name of its own (DNS rebinding).
    ///
    /// Default: for a connection to a loopback address, `localhost`, `*.localhost`, 127.0.0.0/8 and `[::1]`,
    /// with any port; for any other connection, every host. So a server behind a proxy on the same machine
    /// must list the `Host` that the proxy sends, or use [`ServerBuilder::hosts_any`]. A mounted acceptor
    /// serves every host, unless there is a list. The page `docs/guides/behind-a-proxy.md` says what proxies
    /// send.
    pub fn hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.rules.hosts = Hosts::Listed(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Serves every `Host`, also for connections to a loopback address. Any web page can then reach a server
    /// on its visitor's machine. Use it only if `authorize` requires something that a page does not have, or
    /// behind a proxy that checks the `Host`.
    pub fn hosts_any(mut self) -> Self {
        self.rules.hosts = Hosts::Any;
        self
    }

    /// States that clients use TLS although this server does not: it is behind a proxy that terminates TLS,
    /// or mounted in a server that does. A page that was loaded without TLS (`http://`), which anyone on the
    /// path may have modified, then does not count as a page of the same host ([`Origins::SameHost`]). This
    /// is not needed with `tls`, nor if the proxy sends `X-Forwarded-Proto` or `Forwarded`.
    pub fn behind_tls(mut self) -> Self {
        self.rules.secure = true;
        self
    }

    /// Answers health checks at a path, such as `/healthz`. A GET or a HEAD, in HTTP/1.1 or 1.0 and with any
    /// `Host`, is answered with 200, and with 503 after [`crate::ServerHandle::shutdown`] or `stop` was
    /// called. Other methods are answered with 405. [`Limits::max_connections`] has no effect on health
    /// checks. A WebSocket request for this path is not a health check, so the path may be the same as that
    /// of [`ServerBuilder::path`], and may be `/`. Default: none.
    ///
    /// A mounted acceptor answers health checks too, if the surrounding HTTP server passes them on. An axum
    /// route receives only requests for its own path, so in axum a separate route is simpler.
    ///
    /// ```no_run
    /// # use birpc_server::Server;
    /// let server = Server::builder().path("/rpc").health("/healthz");
    /// ```
    pub fn health(mut self, path: impl Into<String>) -> Self {
        self.rules.health = Some(absolute(path.into()));
        self
    }

    /// Sets a hook that decides on each valid request that the other rules allow, before the upgrade. It may
    /// await, within [`Limits::handshake_timeout`], and the request counts towards
    /// [`Limits::max_connections`] meanwhile. Handlers read the values that it grants from their `Context`.
    /// If it panics, the request is refused with 500.
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

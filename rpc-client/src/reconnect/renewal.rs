//! The loop that renews a client's connection: serve it until it ends, decide, wait, connect.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::{self, ReconnectDriver};
use birpc_core::transport::Transport;
use birpc_core::{CloseReason, Config, Connection, ConnectionInfo, ConnectionState, Peer, Router};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Reconnect;
use super::backoff::Backoff;
use super::cuts::Cuts;
use super::now::{Asked, Now};
use super::policy::Next;
use crate::attempt::History;
use crate::error::ConnectError;

/// Renews the connection of one client.
pub(crate) struct Renewal<D> {
    pub(super) settings: Reconnect,
    pub(super) driver: ReconnectDriver,
    config: Arc<Config>,
    router: Arc<Router>,
    /// Opens a connection.
    pub(super) dial: D,
    pub(super) backoff: Backoff,
    /// Receives the application's requests to connect now.
    pub(super) now: Asked,
    /// The number of attempts since a connection was up.
    pub(super) attempts: u32,
    cuts: Cuts,
    /// Since when no connection is up; `None` if there was none before.
    since: Option<Instant>,
    /// Whether a connection was up before. If the first one never is, `connect` fails.
    been_up: bool,
}

impl<D, F, T> Renewal<D>
where
    D: Fn(History) -> F,
    F: Future<Output = Result<(T, ConnectionInfo), ConnectError>>,
    T: Transport,
{
    /// Creates a client that is not connected yet: the handle for its server, and the value that requests
    /// connections.
    pub(crate) fn new(
        settings: Reconnect,
        config: Arc<Config>,
        info: ConnectionInfo,
        router: Arc<Router>,
        dial: D,
    ) -> (Peer, Now, Self) {
        let driver = ReconnectDriver::new(config.clone(), info, settings.while_down);
        let backoff = Backoff::new(settings.initial, settings.cap);
        let ((now, asked), peer) = (Now::new(), crates::reconnecting_peer(&driver));
        let renewal = Self {
            settings,
            driver,
            config,
            router,
            dial,
            backoff,
            now: asked,
            attempts: 0,
            cuts: Cuts::default(),
            since: None,
            been_up: false,
        };
        (peer, now, renewal)
    }

    /// Serves the first connection and each that follows it. The future exists as long as the client does, so
    /// it is kept small: a connection and the code that renews it are boxed, and exist only while they run.
    pub(crate) fn run(mut self, first: (T, ConnectionInfo)) -> impl Future<Output = ()> {
        let mut begun = self.begin(first);
        async move {
            loop {
                let began = Instant::now();
                let reason = self.serve(begun).await;
                self.note_end(&reason, began.elapsed());
                begun = match Box::pin(self.renew(reason)).await {
                    Ok(opened) => self.begin(opened),
                    Err(reason) => return self.driver.end(reason),
                };
            }
        }
    }

    fn begin(&self, (transport, info): (T, ConnectionInfo)) -> (Peer, Box<Connection<T>>) {
        let (peer, connection) = crates::next_connection(transport, &self.driver, info);
        (peer, Box::new(connection.serve(self.router.clone())))
    }

    /// Runs one connection until it ends.
    async fn serve(&mut self, (peer, connection): (Peer, Box<Connection<T>>)) -> CloseReason {
        // In a task of its own: a handler may block it beyond the end of the connection. Dropping the set
        // aborts it.
        let mut task = JoinSet::new();
        task.spawn(connection);
        if let Some(hook) = self.settings.on_connected.clone() {
            // In a task of its own: the hook may compute or panic, and the connection continues. Dropping the
            // set aborts it.
            let mut hooks = JoinSet::new();
            let handle = peer.clone();
            hooks.spawn(crates::watched(peer.clone(), async move { hook(handle).await }));
            tokio::select! {
                reason = peer.closed() => return reason,
                ended = hooks.join_next() => if let Some(Err(error)) = ended {
                    tracing::error!(connection = peer.id().get(), %error, "the hook on_connected panicked");
                    let _ = peer.close(1011, "on_connected panicked"); // a code that may be sent
                }
            }
        }
        if peer.state() == ConnectionState::Open {
            (self.attempts, self.since, self.been_up) = (0, None, true);
            self.driver.up();
        }
        peer.closed().await
    }

    fn note_end(&mut self, reason: &CloseReason, lasted: Duration) {
        self.backoff.note_life(lasted);
        if let Some(warning) = self.cuts.note(reason, lasted, &self.config.keepalive) {
            tracing::warn!(%reason, "{warning}");
        }
    }

    /// Opens the next connection, unless the client stays closed after `lost`.
    async fn renew(&mut self, lost: CloseReason) -> Result<(T, ConnectionInfo), CloseReason> {
        if self.driver.is_closing() || !self.been_up {
            return Err(lost);
        }
        let began = *self.since.get_or_insert_with(Instant::now);
        let next = tokio::select! {
            reason = self.driver.closing() => return Err(reason),
            next = self.settings.after(&lost) => next,
        };
        let delay = match next {
            Next::StayClosed => return Err(lost),
            Next::Reconnect => self.backoff.delay(began.elapsed()),
            Next::ReconnectSpread => self.backoff.spread(began.elapsed()),
        };
        tracing::debug!(reason = %lost, "the connection is lost; reconnecting");
        self.restore(lost, delay, began).await
    }
}

//! The loop that renews a client's connection: serve it to its end, decide, wait, dial.

use std::future::Future;
use std::sync::Arc;

use birpc_core::transport::Transport;
use birpc_core::{
    CloseReason, Config, Connection, ConnectionInfo, ConnectionState, LineKeeper, Peer, Router,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Reconnect;
use super::backoff::Backoff;
use super::policy::{Next, may_pass};
use crate::error::ConnectError;

/// Everything that renews the connection of one client. The task that runs it is also the connection's.
pub(crate) struct Renewal<D> {
    settings: Reconnect,
    keeper: LineKeeper,
    router: Arc<Router>,
    /// Opens a connection.
    dial: D,
    backoff: Backoff,
    /// Attempts since a connection was up.
    attempts: u32,
    /// Whether there is something to restore: a first connection that never comes up fails `connect`.
    been_up: bool,
}

impl<D, F, T> Renewal<D>
where
    D: Fn() -> F,
    F: Future<Output = Result<(T, ConnectionInfo), ConnectError>>,
    T: Transport,
{
    /// A client that is not connected yet, and the handle on its server.
    pub(crate) fn new(
        settings: Reconnect,
        config: Arc<Config>,
        info: ConnectionInfo,
        subprotocols: Vec<String>,
        router: Arc<Router>,
        dial: D,
    ) -> (Peer, Self) {
        let keeper = LineKeeper::new(config, info, subprotocols, settings.while_down);
        let backoff = Backoff::new(settings.initial, settings.cap);
        (
            Peer::on_line(&keeper),
            Self { settings, keeper, router, dial, backoff, attempts: 0, been_up: false },
        )
    }

    /// Serves a connection, and each that follows it, until no more is to come. The future stays small, as it has the
    /// life of the client: a connection is a box, and what renews it is there only meanwhile.
    pub(crate) fn run(mut self, first: (T, ConnectionInfo)) -> impl Future<Output = ()> {
        let mut begun = self.begin(first);
        async move {
            loop {
                let began = Instant::now();
                let reason = self.serve(begun).await;
                self.backoff.note_life(began.elapsed());
                begun = match Box::pin(self.renew(reason)).await {
                    Ok(opened) => self.begin(opened),
                    Err(reason) => return self.keeper.end(reason),
                };
            }
        }
    }

    fn begin(&self, (transport, info): (T, ConnectionInfo)) -> (Peer, Box<Connection<T>>) {
        let (peer, connection) = Connection::on_line(transport, &self.keeper, info);
        (peer, Box::new(connection.serve(self.router.clone())))
    }

    /// Runs one connection to its end.
    async fn serve(&mut self, (peer, mut connection): (Peer, Box<Connection<T>>)) -> CloseReason {
        if let Some(hook) = self.settings.on_connected.clone() {
            // In a task of its own: it may compute or panic, and the connection goes on. Dropped, it ends.
            let mut hooks = JoinSet::new();
            let handle = peer.clone();
            hooks.spawn(async move { hook(handle).await });
            tokio::select! {
                reason = &mut connection => return reason,
                ended = hooks.join_next() => if let Some(Err(error)) = ended {
                    tracing::error!(connection = peer.id(), %error, "the hook on_connected panicked");
                    let _ = peer.close(1011, "on_connected panicked"); // a code that may be sent
                }
            }
        }
        if peer.state() == ConnectionState::Open {
            (self.attempts, self.been_up) = (0, true);
            self.keeper.up();
        }
        connection.await
    }

    /// Opens the next connection, unless `lost` is the end.
    async fn renew(&mut self, lost: CloseReason) -> Result<(T, ConnectionInfo), CloseReason> {
        let next = self.settings.after(&lost);
        if self.keeper.is_closing() || next == Next::StayClosed || !self.been_up {
            return Err(lost);
        }
        tracing::debug!(reason = %lost, "the connection is lost, and will be renewed");
        let mut why = lost.to_string();
        self.keeper.down(lost);
        let mut delay =
            if next == Next::ReconnectSpread { self.backoff.spread() } else { self.backoff.delay() };
        loop {
            if self.settings.max_attempts.is_some_and(|most| self.attempts >= most) {
                return Err(LineKeeper::lost(format!("not restored in {} attempts: {why}", self.attempts)));
            }
            self.attempts = self.attempts.saturating_add(1);
            let opening = async {
                tokio::time::sleep(delay).await;
                (self.dial)().await
            };
            let opened = tokio::select! {
                reason = self.keeper.closing() => return Err(reason),
                opened = opening => opened,
            };
            match opened {
                Ok(opened) => return Ok(opened),
                Err(error) if may_pass(&error) => why = error.to_string(),
                Err(error) => {
                    return Err(LineKeeper::lost(format!("not restored, and not tried again: {error}")));
                }
            }
            tracing::debug!(%why, "an attempt to reconnect failed");
            delay = self.backoff.delay();
        }
    }
}

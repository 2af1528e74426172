//! A handle for a running server, and how the server stops.

use std::time::Duration;

use birpc_core::__private::crates::{Inspection, groups_of_server, jitter};
use birpc_core::{Drained, Groups, Peer, PeerId};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::peers::{Connected, Peers};

/// How much later than [`birpc_core::Limits::close_timeout`] the end of a connection may be noticed.
pub(crate) const LATE: Duration = Duration::from_millis(250);

/// A handle for a server: its peers, and the ways to stop it. A clone is cheap.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    peers: Peers,
    groups: Groups,
    phase: watch::Sender<Phase>,
    inspection: Inspection,
}

/// The phase of a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    /// New connections and calls are refused; open calls continue.
    Draining,
    Stopped,
}

/// During a shutdown, the closes of connections are spread over this time for each connection, so that the
/// clients do not all reconnect at once.
const SPREAD: Duration = Duration::from_millis(1);

impl ServerHandle {
    pub(crate) fn new() -> Self {
        let peers = Peers::default();
        let groups = groups_of_server(Connected(peers.clone()));
        Self { peers, groups, phase: watch::Sender::new(Phase::Running), inspection: Inspection::default() }
    }

    /// The connected peers.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The place where the server's connections are inspected.
    pub(crate) fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The groups of the connected peers. [`birpc_core::Context::groups`] returns the same.
    #[must_use]
    pub fn groups(&self) -> Groups {
        self.groups.clone()
    }

    /// The peer with this [`Peer::id`].
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<Peer> {
        self.peers.get(id)
    }

    /// Lets the server finish open calls, then stops it. From now on, new connections are refused with HTTP
    /// 503 and new calls with −32001. When all calls of a connection have ended and their replies have been
    /// sent, it closes with 1001. The closes are spread randomly over one millisecond for each connection, at
    /// most a quarter of `deadline`, so that the clients do not all reconnect at once. After the deadline,
    /// the remaining connections close and their open calls are cut. Then [`crate::Server::serve`] returns,
    /// as after [`ServerHandle::stop`]. Connections that were taken over as frames end too.
    ///
    /// Returns how many calls were finished and how many were cut, over all connections. A peer that does not
    /// read may take up to [`birpc_core::Limits::close_timeout`] longer. Any duration is valid.
    ///
    /// ```no_run
    /// # async fn example(server: birpc_server::ServerHandle) {
    /// let drained = server.shutdown(std::time::Duration::from_secs(10)).await;
    /// println!("{} calls finished, {} cut", drained.finished, drained.cut);
    /// # }
    /// ```
    /// If a handler of this server awaits the shutdown, the shutdown waits for that handler's call and cuts
    /// it at the deadline. Spawn a task for it instead.
    ///
    /// # Cancel safety
    /// Dropping the future stops the server at once, as [`ServerHandle::stop`] does.
    pub async fn shutdown(&self, deadline: Duration) -> Drained {
        self.enter(Phase::Draining);
        // If the future is dropped, the server stops too: a server that only refuses is of no use.
        let _stop = StopOnDrop(self);
        let peers = self.peers.list();
        let connections = u32::try_from(peers.len()).unwrap_or(u32::MAX);
        let spread = SPREAD.saturating_mul(connections).min(deadline / 4);
        let began = Instant::now();
        let ended = peers.iter().map(|peer| async move {
            let drain = async {
                peer.drain().await;
                tokio::time::sleep(jitter(spread)).await;
            };
            // Whether its calls have finished or the deadline has passed, the connection closes now.
            let _ = tokio::time::timeout(deadline.saturating_sub(began.elapsed()), drain).await;
            Self::dismiss(peer);
            // No connection can end in time while handlers block all threads of the runtime.
            let _ =
                tokio::time::timeout(peer.limits().close_timeout.saturating_add(LATE), peer.closed()).await;
            peer.drained()
        });
        join_all(ended).await.into_iter().sum()
    }

    /// Stops the server at once: it accepts nothing more, and every connection closes with 1001. Open calls
    /// end when the close frame is sent; [`ServerHandle::shutdown`] lets them finish. Queued messages are
    /// sent first, and the peer's close frame is awaited, both within [`birpc_core::Limits::close_timeout`].
    /// [`crate::Server::serve`] returns when all connections have closed. A mounted [`crate::Acceptor`]
    /// answers with 503 from now on; the HTTP server around it keeps running.
    pub fn stop(&self) {
        self.enter(Phase::Stopped);
        self.peers.list().iter().for_each(Self::dismiss);
    }

    /// Closes a connection because the server is shutting down.
    pub(crate) fn dismiss(peer: &Peer) {
        // This cannot fail: the code may be sent and the reason is short.
        let _ = peer.close(1001, "the server is shutting down");
    }

    /// Whether [`ServerHandle::stop`] or [`ServerHandle::shutdown`] has been called, so nothing new is
    /// accepted.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.phase.borrow() > Phase::Running
    }

    /// Waits until the server must end the remaining connections.
    pub(crate) async fn stopped(&self) {
        // This cannot fail, since this handle holds a sender.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Stopped).await;
    }

    /// Enters a later phase. Phases never go back.
    fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }
}

struct StopOnDrop<'a>(&'a ServerHandle);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use birpc_core::transport::memory_pair;
    use birpc_core::{Connection, ConnectionInfo, Router};
    use tokio::task::JoinSet;

    use super::*;

    /// How long after the start of a shutdown each of 200 connections closes.
    async fn closes(deadline: Duration) -> Vec<Duration> {
        let server = ServerHandle::new();
        let (mut present, mut closed) = (Vec::new(), JoinSet::new());
        for _ in 0..200 {
            let (near, far) = memory_pair();
            let [peer, client] = [near, far].map(|end| {
                let (peer, connection) = Connection::new(end, Arc::default(), ConnectionInfo::default());
                tokio::spawn(connection.serve(Router::new()));
                peer
            });
            present.push(server.peers().enter(peer));
            closed.spawn(async move {
                client.closed().await;
                Instant::now()
            });
        }
        let began = Instant::now();
        server.shutdown(deadline).await;
        closed.join_all().await.into_iter().map(|end| end - began).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn connections_close_one_after_the_other() {
        for (deadline, spread) in [(10_000, 200), (400, 100)] {
            let spread = Duration::from_millis(spread);
            let times = closes(Duration::from_millis(deadline)).await;
            let late = times.iter().filter(|time| **time > spread / 2).count();
            // The clock counts milliseconds. One half has less than a quarter with a probability of 10^-13.
            assert!(times.iter().all(|time| *time <= spread + Duration::from_millis(2)), "{times:?}");
            assert!((50..150).contains(&late), "{late} of 200 in the second half of {spread:?}");
        }
    }
}

//! A handle on a running server, and how it comes to its end.

use std::time::Duration;

use birpc_core::__private::crates::jitter;
use birpc_core::{Drained, Peer, PeerId};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::peers::Peers;

/// How much later than [`birpc_core::Limits::close_timeout`] a connection's end may be seen.
pub(crate) const LATE: Duration = Duration::from_millis(250);

/// A handle on a server: who is connected, and the ways to stop it. A cheap clone.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    peers: Peers,
    phase: watch::Sender<Phase>,
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    /// Nothing new begins; what is open goes on.
    Draining,
    Stopped,
}

/// The closes of a drain are spread over so long for each connection, so that clients do not all come back at
/// once.
const SPREAD: Duration = Duration::from_millis(1);

impl ServerHandle {
    pub(crate) fn new() -> Self {
        Self { peers: Peers::default(), phase: watch::Sender::new(Phase::Running) }
    }

    /// The peers that are connected.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The peer with that [`Peer::id`].
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<Peer> {
        self.peers.get(id)
    }

    /// Lets the server finish what it has begun, and stops it. From now on new connections are refused with
    /// HTTP 503, and new calls with −32001. When the calls of a connection have ended and their replies are
    /// out, it closes with 1001, at a random time within a millisecond for each connection and at most a
    /// quarter of `deadline`, so that the clients do not all come back at once. Past the deadline the others
    /// close, and what they were doing is cut. [`crate::Server::serve`] returns then, as after
    /// [`ServerHandle::stop`]; connections that were taken over as frames end with it.
    ///
    /// Gives what was finished and what was cut, over all connections. A peer that does not read may take
    /// [`birpc_core::Limits::close_timeout`] more. Any duration is safe.
    ///
    /// ```no_run
    /// # async fn example(server: birpc_server::ServerHandle) {
    /// let drained = server.shutdown(std::time::Duration::from_secs(10)).await;
    /// println!("{} calls finished, {} cut", drained.finished, drained.cut);
    /// # }
    /// ```
    ///
    /// A handler of this server that awaits it is one of the calls that are waited for, and cut at the
    /// deadline: spawn it there.
    ///
    /// # Cancel safety
    /// Dropping the future stops the server at once, as [`ServerHandle::stop`] does.
    pub async fn shutdown(&self, deadline: Duration) -> Drained {
        self.enter(Phase::Draining);
        // Dropped early it stops the server too: one that only refuses is of no use to anybody.
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
            // Whether it is done or late, it closes now.
            let _ = tokio::time::timeout(deadline.saturating_sub(began.elapsed()), drain).await;
            Self::dismiss(peer);
            // Nothing ends it in time if all of the runtime's threads are held.
            let _ =
                tokio::time::timeout(peer.limits().close_timeout.saturating_add(LATE), peer.closed()).await;
            peer.drained()
        });
        join_all(ended).await.into_iter().sum()
    }

    /// Stops the server at once: nothing more is accepted, and every connection closes with 1001. Calls in
    /// flight end when the close goes out; [`ServerHandle::shutdown`] lets them finish.
    /// [`crate::Server::serve`] returns when all have closed. What is queued goes out first and the peer is
    /// waited for, both within [`birpc_core::Limits::close_timeout`]. A mounted [`crate::Acceptor`] answers
    /// with 503 from then on; the HTTP server that it is mounted in runs on.
    pub fn stop(&self) {
        self.enter(Phase::Stopped);
        self.peers.list().iter().for_each(Self::dismiss);
    }

    /// Closes one connection because the server shuts down.
    pub(crate) fn dismiss(peer: &Peer) {
        // It cannot be refused: the code may be sent and the reason is short.
        let _ = peer.close(1001, "the server is shutting down");
    }

    /// Whether [`ServerHandle::stop`] or [`ServerHandle::shutdown`] has been called: nothing new is accepted.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.phase.borrow() > Phase::Running
    }

    /// Waits until the server is to end what is left.
    pub(crate) async fn stopped(&self) {
        // It cannot fail: this handle holds a sender itself.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Stopped).await;
    }

    /// There is no way back.
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

    /// How long after the begin of a shutdown each of 200 connections closes.
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
            // The clock counts in milliseconds. Less than a quarter in one half has a chance of 10^-13.
            assert!(times.iter().all(|time| *time <= spread + Duration::from_millis(2)), "{times:?}");
            assert!((50..150).contains(&late), "{late} of 200 in the second half of {spread:?}");
        }
    }
}

//! Stops serving a peer: open calls finish, and no new ones begin.

use super::Peer;
use crate::shared_state::SharedState;

/// What happened to a peer's calls and notifications since its drain began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Those that ran to their end. The replies have been passed to the operating system, unless the
    /// connection was lost meanwhile.
    pub finished: usize,
    /// Those that the end of the connection has cut: they got no reply, and their handlers were dropped.
    /// Shielded sections ([`crate::Context::shield`]) and methods that block their thread continue.
    pub cut: usize,
}

impl Drained {
    fn of(shared: &SharedState) -> Self {
        Self { finished: shared.drain().finished(), cut: shared.drain().cut() }
    }
}

impl std::ops::Add for Drained {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { finished: self.finished + other.finished, cut: self.cut + other.cut }
    }
}

impl std::iter::Sum for Drained {
    fn sum<I: Iterator<Item = Self>>(drains: I) -> Self {
        drains.fold(Self::default(), std::ops::Add::add)
    }
}

impl Peer {
    /// Stops serving new calls of this peer, and waits until all open calls have ended, including parked
    /// ones, and everything that is queued has been sent; or until the connection has ended. From now on, new
    /// calls are answered with −32001 (shutting down) and new notifications are dropped. This cannot be
    /// undone: close the connection afterwards. Calls to the peer are not affected. For a client that
    /// reconnects, this applies to the current connection; the next one serves everything again.
    ///
    /// ```
    /// # async fn example(peer: birpc_core::Peer) -> Result<(), birpc_core::InvalidClose> {
    /// let drained = peer.drain().await;
    /// println!("{} calls finished", drained.finished);
    /// peer.close(1001, "going away")
    /// # }
    /// ```
    /// # Cancel safety
    /// Dropping the future stops the waiting but not the drain.
    pub async fn drain(&self) -> Drained {
        let shared = self.current();
        shared.begin_drain();
        tokio::select! {
            () = shared.drain().done() => {}
            _ = shared.as_life().closed() => {}
        }
        Drained::of(&shared)
    }

    /// What has happened to the calls so far, since [`Peer::drain`] began.
    #[must_use]
    pub fn drained(&self) -> Drained {
        Drained::of(&self.current())
    }
}

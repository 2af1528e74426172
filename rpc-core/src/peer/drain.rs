//! The end of serving a peer: what is open is finished, nothing new begins.

use super::Peer;
use crate::shared_state::SharedState;

/// What became of the peer's calls and notifications since its drain began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Those that ran to their end; the replies of calls went to the operating system, unless the connection
    /// was lost meanwhile.
    pub finished: usize,
    /// Those that the connection's end cut off: nobody was answered, and their handlers were dropped, but for
    /// what they shield ([`crate::Context::shield`]) and for methods that block their thread, which go on.
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
    /// Begins nothing new for this peer, and waits until what is open has ended, those calls included that
    /// wait their turn, and everything that is queued has gone out; or until the connection has ended. New
    /// calls are answered with −32001 (shutting down) from now on, new notifications are dropped, and this
    /// cannot be taken back: close the connection next. Calls to the peer go on. Of a client that reconnects
    /// it is the connection that is up; the next one serves everything again.
    ///
    /// ```
    /// # async fn example(peer: birpc_core::Peer) -> Result<(), birpc_core::InvalidClose> {
    /// let drained = peer.drain().await;
    /// println!("{} calls finished", drained.finished);
    /// peer.close(1001, "going away")
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future stops the waiting, not the drain.
    pub async fn drain(&self) -> Drained {
        let shared = self.current();
        shared.begin_drain();
        tokio::select! {
            () = shared.drain().done() => {}
            _ = shared.closed() => {}
        }
        Drained::of(&shared)
    }

    /// What has become of the calls since [`Peer::drain`] began, as it stands.
    #[must_use]
    pub fn drained(&self) -> Drained {
        Drained::of(&self.current())
    }
}

//! A peer to which something is sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::peer::{EncodedNotification, Peer};

/// The log says at most once in this time that a peer misses notifications.
const WARN_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) enum Recipient {
    /// A peer that is or has been in a group, or has a user.
    Member(Arc<Member>),
    /// Another peer of the server.
    Other(Peer),
}

/// A peer in the registry.
pub(crate) struct Member {
    /// A plain handle: without the timeout, layers and call of the one that was given to `join`.
    peer: Peer,
    missed: AtomicU64,
    /// When the log last said that it misses something.
    warned: Mutex<Option<Instant>>,
}

impl Recipient {
    pub(super) fn peer(&self) -> &Peer {
        match self {
            Self::Member(member) => &member.peer,
            Self::Other(peer) => peer,
        }
    }

    /// Queues a notification without waiting; `false` if the peer misses it.
    pub(super) fn offer(&self, notification: &EncodedNotification) -> bool {
        match self {
            Self::Member(member) => member.offer(notification),
            Self::Other(peer) => matches!(peer.try_notify(notification), Ok(true)),
        }
    }
}

impl Member {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer, missed: AtomicU64::new(0), warned: Mutex::new(None) }
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The number of notifications that the peer has missed.
    pub(super) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn offer(&self, notification: &EncodedNotification) -> bool {
        let is_queued = self.peer.offer(notification);
        if !is_queued {
            self.note_missed();
        }
        is_queued
    }

    fn note_missed(&self) {
        let missed = self.missed.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_some_and(|at| now - at < WARN_EVERY) {
            return;
        }
        *warned = Some(now);
        drop(warned);
        tracing::warn!(
            connection = self.peer.id().get(),
            remote_addr = self.peer.remote_addr().map(tracing::field::display),
            missed,
            "a peer misses notifications of its groups: its queue is full"
        );
    }
}

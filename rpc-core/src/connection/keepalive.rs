//! Keepalive: when a silent peer is pinged, and when it counts as lost (RFC 6455 §5.5.2).

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::instant::after;
use crate::config::Keepalive;

/// What keepalive does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ping,
    /// The peer has been silent for too long: it is lost.
    Lost,
}

pub(super) struct Pings {
    settings: Keepalive,
    /// The peer's last sign of life.
    last_life: Instant,
    /// When a ping was due, if the peer has been silent since.
    pinged: Option<Instant>,
    /// When the last unanswered ping was sent.
    awaits_pong: Option<Instant>,
    /// The number of pings so far. It is the payload of a ping, so that its pong can be recognised.
    sent: u64,
}

impl Pings {
    pub(super) fn new(settings: Keepalive, now: Instant) -> Self {
        Self { settings, last_life: now, pinged: None, awaits_pong: None, sent: 0 }
    }

    /// The time in which a peer that is sending a message must make progress.
    pub(super) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Records a sign of life.
    pub(super) fn note_life(&mut self, now: Instant) {
        self.last_life = now;
        self.pinged = None;
    }

    /// When something is due next, and what; `None` if keepalive is off.
    pub(super) fn next(&self) -> Option<(Instant, Next)> {
        let interval = self.settings.interval?;
        Some(match self.pinged {
            Some(pinged) => (after(pinged, self.settings.timeout), Next::Lost),
            None => (after(self.last_life, interval), Next::Ping),
        })
    }

    /// Records that a ping is due now.
    pub(super) fn note_due(&mut self, now: Instant) {
        self.pinged = Some(now);
    }

    /// The payload of the next ping.
    pub(super) fn ping(&mut self) -> Bytes {
        self.awaits_pong = Some(Instant::now());
        self.sent += 1;
        Bytes::copy_from_slice(&self.sent.to_be_bytes())
    }

    /// The round-trip time of the last ping, if this is its pong.
    pub(super) fn round_trip(&mut self, pong: &[u8]) -> Option<Duration> {
        self.awaits_pong.take_if(|_| pong == self.sent.to_be_bytes()).map(|ping| ping.elapsed())
    }
}

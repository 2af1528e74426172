//! The methods of [`Peer`] that return facts about the peer and its connection.

use std::net::SocketAddr;
use std::time::Duration;

use super::Peer;
use crate::config::Limits;

impl Peer {
    /// The peer's address, if the transport has one.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.current().info().remote_addr
    }

    /// The number of bytes of calls, notifications and replies that the operating system has not taken yet.
    /// Bytes that the transport holds are counted until all of them have been sent.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.current().as_caller().buffered()
    }

    /// The round-trip time of the last ping; `None` before the first pong. Pings are sent only while the peer
    /// is silent ([`crate::Keepalive`]).
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.current().gauges().round_trip()
    }

    /// The URL that a client has connected to; `None` on a server.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.endpoint.info().url.as_deref()
    }

    /// The agreed WebSocket extensions (RFC 6455 §9): at present none.
    #[must_use]
    pub fn extensions(&self) -> &str {
        ""
    }

    /// The agreed subprotocol.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.endpoint.subprotocol()
    }

    /// The `Origin` header of the peer's handshake.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.endpoint.info().origin.as_deref()
    }

    /// The number of outgoing calls that wait for their reply.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.current().as_caller().in_flight()
    }

    /// The number of responses so far that matched no call: late ones, or those of a faulty peer.
    #[must_use]
    pub fn unmatched_responses(&self) -> u64 {
        self.current().gauges().unmatched()
    }

    /// The number of notifications of this peer that were dropped although their method is served: because of
    /// a limit of calls ([`crate::Overflow`]), a rate limit or a drain. A peer that speaks `birpc.v1` waits
    /// instead, and only rate limits drop its notifications.
    #[must_use]
    pub fn dropped_notifications(&self) -> u64 {
        self.current().gauges().dropped()
    }

    /// The number of incoming calls that are being served or wait for their turn.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.current().gauges().serving()
    }

    /// The limits of this connection.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.endpoint.config().limits
    }
}

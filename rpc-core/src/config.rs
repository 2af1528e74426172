//! The settings of a connection: for each its default, its unit, and what happens when it is exceeded.

mod shared_value;

use std::time::Duration;

use crate::dialect::Dialect;
use crate::message::Version;
use shared_value::SharedValue;

/// How a connection behaves; the same struct for a server's and a client's. Each field has a setter of the
/// same name, which `ServerBuilder` and `ClientBuilder` have as well.
///
/// ```
/// use std::time::Duration;
///
/// use birpc_core::{Config, Keepalive};
///
/// let config = Config::default()
///     .limits(|limits| limits.max_in_flight = 64)
///     .keepalive(Keepalive::off())
///     .call_timeout(Duration::from_secs(10));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a configuration does nothing by itself"]
pub struct Config {
    /// Limits on sizes, counts and times.
    pub limits: Limits,
    /// When a silent peer is pinged, and when its connection counts as lost.
    pub keepalive: Keepalive,
    /// The timeout of calls that set none of their own. Default: none.
    pub call_timeout: Option<Duration>,
    /// The reserved methods of connections that did not agree on `birpc.v1`: they agreed on another
    /// subprotocol, or on none. Default: [`Dialect::plain`], which reserves none.
    pub dialect: Dialect,
    /// What a broadcast does when a peer's queue is full. Default: [`WhenFull::Drop`].
    pub when_full: WhenFull,
    /// What happens to a notification that is past a limit of calls, such as [`Limits::max_in_flight`], if
    /// its method does not say otherwise (`#[rpc(overflow = "…")]`, [`crate::Router::overflow`]). Peers that
    /// speak `birpc.v1` wait instead. Default: `None`: [`Overflow::Close`] with [`Dialect::lsp`], and
    /// [`Overflow::Drop`] with every other dialect.
    pub overflow: Option<Overflow>,
    /// How long an incoming call or notification may be open before the log warns, once, with its method and
    /// connection. Its handler may wait for something that never happens, or the call may wait for its turn.
    /// The warning comes up to half this time late. `None` turns it off. Default: 5 minutes.
    pub warn_open_after: Option<Duration>,
    /// Whether messages without a `jsonrpc` member, or with another value than `"2.0"`, are served. Chrome's
    /// DevTools and Firefox's WebDriver BiDi send such messages. Outgoing messages always have the member.
    /// Default: `false`: such messages are answered with −32600.
    pub lenient_version: bool,
    /// Whether this side stops reading from a plain JSON-RPC peer while the maximum number or size of its
    /// calls waits ([`Limits::max_in_flight`], [`Limits::max_parked_bytes`]). The peer then waits, instead of
    /// having calls refused and notifications dropped. Reading continues when half of the waiting calls have
    /// started, at once when this side calls the peer, and at the latest after half of
    /// [`Keepalive::timeout`].
    ///
    /// While reading is paused, this side also sees no cancel, ping or close of the peer. Peers that speak
    /// `birpc.v1` have credit instead, and are never paused. Default: `false`.
    pub pause_reading: bool,
    /// The value that all connections with this configuration share.
    pub(crate) shared: SharedValue,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            keepalive: Keepalive::default(),
            call_timeout: None,
            dialect: Dialect::default(),
            when_full: WhenFull::default(),
            overflow: None,
            warn_open_after: Some(Duration::from_secs(300)),
            lenient_version: false,
            pause_reading: false,
            shared: SharedValue::default(),
        }
    }
}

/// What a broadcast does when a peer's queue is full ([`Limits::max_queued_bytes`]). A broadcast never waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The peer does not get this message. This suits messages that the next one replaces, such as a price.
    #[default]
    Drop,
    /// The message is queued anyway, until the queue is twice as large as the limit. When that is exceeded,
    /// the connection closes with 1013. So the peer gets every message, or learns that it did not.
    Buffer,
    /// The connection closes with 1013.
    Close,
}

/// What happens to a notification of a peer that speaks plain JSON-RPC, if it is past a limit of calls:
/// nobody is answered, so nobody else can know that it was not served. A peer that speaks `birpc.v1` waits
/// until there is room, and none of its notifications is dropped.
///
/// Whatever is dropped counts in [`crate::Peer::dropped_notifications`], and the log tells of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// It is dropped: for what may be missed.
    #[default]
    Drop,
    /// Of those of its method that wait, only the newest is kept, and is never dropped for a limit: for what
    /// the next one replaces, such as a position. It waits in its own place, behind what came before it.
    Latest,
    /// The connection closes with 1013: for what must not be missed, such as changes that build on each
    /// other.
    Close,
}

impl Config {
    crate::__connection_settings! {
        ///
        /// ```
        /// use birpc_core::{Config, Dialect};
        ///
        /// let config = Config::default().dialect(Dialect::lsp());
        /// ```
    }

    fn settings(&mut self) -> &mut Self {
        self
    }

    /// Sets what a broadcast does when a peer's queue is full; a broadcast never waits. Default:
    /// [`WhenFull::Drop`]: the peer does not get the message.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// What happens to a notification past a limit whose method says nothing of it.
    pub(crate) fn default_overflow(&self) -> Overflow {
        let of_dialect = if self.dialect.closes_on_overflow() { Overflow::Close } else { Overflow::Drop };
        self.overflow.unwrap_or(of_dialect)
    }

    /// Which `jsonrpc` members are accepted.
    pub(crate) fn version(&self) -> Version {
        if self.lenient_version { Version::Any } else { Version::Required }
    }

    /// The dialect of a connection with this subprotocol.
    pub(crate) fn dialect_of(&self, subprotocol: Option<&str>) -> Dialect {
        match subprotocol {
            Some("birpc.v1") => Dialect::birpc(),
            _ => self.dialect.clone(),
        }
    }
}

/// The limits of one connection. Start from the default and set fields:
///
/// ```
/// let mut limits = birpc_core::Limits::default();
/// limits.max_in_flight = 64;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum size of an incoming message, in bytes. When exceeded, the connection closes with 1009.
    /// Default: 1 MiB.
    pub max_message_in: usize,
    /// Maximum size of an outgoing message, in bytes. A larger call fails before it is sent; a larger reply
    /// becomes −32603. Default: 1 MiB, which a peer with default limits accepts.
    pub max_message_out: usize,
    /// Maximum time from the first byte of an incoming message to its last, while keepalive is off
    /// ([`Keepalive::off`]). When exceeded, the connection closes with 1008. With keepalive on,
    /// [`Keepalive::timeout`] applies instead. Default: 60 s.
    pub message_timeout: Duration,
    /// Maximum number of frames of an incoming message (RFC 6455 §5.4). When exceeded, the connection
    /// closes with 1008. Default: 1024.
    pub max_fragments: usize,
    /// Maximum number of pings and pongs that a peer may send in one second (RFC 6455 §5.5). When exceeded,
    /// the connection closes with 1008. Default: 1000.
    pub max_control_rate: usize,
    /// Maximum number of entries of a batch. A longer incoming batch is answered with one −32600; a longer
    /// outgoing one fails before it is sent ([`crate::Batch`]). Default: 256, which a peer with default
    /// limits accepts.
    pub max_batch: usize,
    /// Maximum number of groups that the peer may be in at once ([`crate::Groups::join`]), including the
    /// topics that it has joined itself. When exceeded, the peer does not join, and the error of `rpc.join`
    /// is −32005. Default: 256.
    pub max_groups: usize,
    /// Maximum number of the peer's calls and notifications that run at once. As many again wait. When
    /// these are exceeded too, calls are answered with −32005, and [`Overflow`] decides about notifications.
    /// Those of a peer that speaks `birpc.v1` wait beside this limit, bounded by their credit. A handler
    /// does not count while it awaits a call that it makes, or waits for room to send. A task that a
    /// handler spawns is not the handler: awaiting a call that such a task makes keeps the slot. Default:
    /// 1024.
    pub max_in_flight: usize,
    /// Maximum number of the peer's calls that are open: running, waiting, or awaiting calls of their own.
    /// Once the result of a call is an open stream, the call counts in [`Limits::max_streams`] alone. When
    /// exceeded, a call is answered with −32005 at once. Default: 4096.
    pub max_open: usize,
    /// Maximum number of calls and notifications of all peers of one server that run at once, at least 1.
    /// Further ones wait on their own connection, as with [`Limits::max_in_flight`]. A free slot goes to
    /// the connections in turn, one call each. A handler holds no slot while it awaits a call that it
    /// makes, or waits for its peer to read. A client ignores this limit. Default: none.
    pub max_in_flight_total: Option<usize>,
    /// Maximum number of open calls of all peers of one server. When exceeded, a call is answered with
    /// −32005 at once. A client ignores this limit. Default: none.
    pub max_open_total: Option<usize>,
    /// Maximum number of open calls of the peer whose result is a stream. Such a call is open until the
    /// stream ends. When exceeded, a call is answered with −32005. Default: 1024.
    pub max_streams: usize,
    /// Maximum number of items of a stream that arrive before its consumer takes them. When reached, the
    /// producer waits. [`crate::Call::window`] sets it for the result of one call. Default: 64.
    pub stream_window_items: usize,
    /// Maximum size of the JSON texts of these items, in bytes. The last item may exceed it, so an item of
    /// any size can be sent. Default: 256 KiB.
    pub stream_window_bytes: usize,
    /// Maximum number of items of a subscription in Ethereum's form that wait for their consumer
    /// ([`crate::SubscriptionForm`]). Nothing can make such a peer wait: when exceeded, the subscription ends
    /// with [`crate::StreamError::Lagged`] behind these items, or drops the oldest
    /// ([`crate::Call::drop_oldest`]). [`crate::Call::window`] sets it for one call. Default: 1024.
    pub subscription_window_items: usize,
    /// The same for the size of the items' JSON texts, in bytes. The item that exceeds it is the last.
    /// Default: 1 MiB.
    pub subscription_window_bytes: usize,
    /// Maximum size of the windows of all streams that a connection consumes, beyond 16 KiB for each, in
    /// bytes. When it is used up, windows are smaller, but no stream is refused. The same number limits,
    /// separately, the items of arguments that have arrived and are not read. When exceeded, the call of the
    /// argument is answered with −32005. Default: 16 MiB.
    pub max_stream_bytes: usize,
    /// Maximum size of the params and ids of waiting calls together, in bytes. When exceeded, a call is
    /// answered with −32005. Default: 4 MiB.
    pub max_parked_bytes: usize,
    /// Maximum size of the messages queued for the peer, in bytes, with 64 more for each message. When
    /// exceeded, `call` and `notify` wait, and [`WhenFull`] decides about broadcasts. If the peer also does
    /// not read, no new handler starts; at twice the limit, running handlers are paused.
    ///
    /// The same number also bounds, separately, the replies that batches collect (when exceeded, further
    /// requests in batches are answered with −32005, and running ones with −32603), and the pongs and error
    /// replies since the peer last read (when exceeded, nothing more is read from it). Default: 4 MiB.
    pub max_queued_bytes: usize,
    /// Maximum time in which the peer reads nothing while something waits for it. When exceeded, the
    /// connection closes with 1013, after which a client that reconnects comes back. Default: 30 s.
    pub write_stall: Duration,
    /// Maximum time of a close, from its request: the queue is sent, the peer answers the close frame (RFC
    /// 6455 §7.1.1), and the stream ends. When exceeded, the connection is cut. Default: 5 s.
    pub close_timeout: Duration,
    /// Maximum time of the opening handshake, from the TCP connection to the WebSocket. When exceeded, the
    /// TCP connection ends. In an acceptor that is mounted in another HTTP server, it bounds `authorize`
    /// alone, which is then answered with HTTP 503. Default: 10 s.
    pub handshake_timeout: Duration,
    /// Maximum size of the opening handshake's header, in bytes, for a server with its own listener; at least
    /// 8 KiB. When exceeded, the server answers HTTP 431. Default: 16 KiB.
    pub max_header_bytes: usize,
    /// Maximum number of concurrent opening handshakes, for a server with its own listener; at least 1. When
    /// reached, new TCP connections wait in the system's backlog. Default: 4096.
    pub max_handshakes: usize,
    /// Maximum number of connections of one server, including those that `authorize` decides about. When
    /// exceeded, the server answers HTTP 503 before the upgrade. Default: 10 000.
    pub max_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_in: 1 << 20,
            max_message_out: 1 << 20,
            message_timeout: Duration::from_secs(60),
            max_fragments: 1024,
            max_control_rate: 1000,
            max_batch: 256,
            max_groups: 256,
            max_in_flight: 1024,
            max_open: 4096,
            max_in_flight_total: None,
            max_open_total: None,
            max_streams: 1024,
            stream_window_items: 64,
            stream_window_bytes: 256 << 10,
            subscription_window_items: 1024,
            subscription_window_bytes: 1 << 20,
            max_stream_bytes: 16 << 20,
            max_parked_bytes: 4 << 20,
            max_queued_bytes: 4 << 20,
            write_stall: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            max_header_bytes: 16 << 10,
            max_handshakes: 4096,
            max_connections: 10_000,
        }
    }
}

/// When to ping a silent peer (RFC 6455 §5.5.2). A complete message or control frame resets the timer. While
/// a message is incomplete, receiving 1 KiB of it within [`Keepalive::timeout`] resets the timer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Keepalive {
    /// Time of silence after which a ping is sent; `None` turns keepalive off. Default: 20 s, since many
    /// proxies cut connections that have been idle for 60 s.
    pub interval: Option<Duration>,
    /// Time after the ping after which the connection counts as lost. Default: 20 s.
    ///
    /// A peer that is sending a message must send at least 1 KiB of it, or its end, within this time. Fewer
    /// bytes do not reset the timer.
    pub timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { interval: Some(Duration::from_secs(20)), timeout: Duration::from_secs(20) }
    }
}

impl Keepalive {
    /// No pings. A lost peer is noticed only when something is written to it.
    #[must_use]
    pub fn off() -> Self {
        Self { interval: None, ..Self::default() }
    }

    /// A ping after `interval` of silence. The connection counts as lost if the peer stays silent for
    /// `timeout` after it.
    #[must_use]
    pub fn every(interval: Duration, timeout: Duration) -> Self {
        Self { interval: Some(interval), timeout }
    }
}

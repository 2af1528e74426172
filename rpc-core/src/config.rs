//! Every setting of a connection, with its default, its unit and what happens past it.

use std::time::Duration;

use crate::dialect::Dialect;
use crate::message::Version;

/// How a connection behaves; the same struct for a server's and a client's.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// What a connection may hold and how long it may wait.
    pub limits: Limits,
    /// When a silent peer is asked whether it lives, and when it is given up.
    pub keepalive: Keepalive,
    /// Bounds each call that sets no timeout of its own. Default: none.
    pub call_timeout: Option<Duration>,
    /// The reserved methods of connections that agreed on another subprotocol than `birpc.v1`, or on none.
    /// Default: [`Dialect::plain`], which has none.
    pub dialect: Dialect,
    /// What a broadcast does with a peer whose queue is full. Default: [`WhenFull::Drop`].
    pub when_full: WhenFull,
    /// Whether requests and notifications are served whatever their member `jsonrpc` is, or without one, as
    /// Chrome's DevTools and Firefox's WebDriver BiDi send them. What goes out has it all the same. Default:
    /// `false`: they are answered with −32600.
    pub lenient_version: bool,
}

/// What a broadcast, which never waits, does with a peer whose queue is full ([`Limits::max_queued_bytes`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The peer misses this one: for what the next one replaces, such as a price.
    #[default]
    Drop,
    /// The message is queued all the same, up to as many bytes again; past that the connection closes with
    /// 1013: the peer misses nothing, or knows that it does. The broadcast itself does not wait.
    Buffer,
    /// The connection closes with 1013 at once.
    Close,
}

impl Config {
    /// Which messages are JSON-RPC.
    pub(crate) fn version(&self) -> Version {
        if self.lenient_version { Version::Any } else { Version::Required }
    }

    /// What a connection of that subprotocol speaks.
    pub(crate) fn dialect_of(&self, subprotocol: Option<&str>) -> Dialect {
        match subprotocol {
            Some("birpc.v1") => Dialect::birpc(),
            _ => self.dialect.clone(),
        }
    }
}

/// The limits of one connection. Set fields of the default:
///
/// ```
/// let mut limits = birpc_core::Limits::default();
/// limits.max_in_flight = 64;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one incoming message. Past it the connection closes with 1009. Default: 1 MiB.
    pub max_message_in: usize,
    /// Bytes of one outgoing message. A call past it fails before it is sent; a reply past it becomes
    /// −32603. Default: 1 MiB, which is what the peer's default takes.
    pub max_message_out: usize,
    /// How long one incoming message may take, from its first byte to its last, while keepalive is off
    /// ([`Keepalive::off`]). Past it the connection closes with 1008. With keepalive on, a peer has to get on
    /// with its message instead: see [`Keepalive::timeout`]. Default: 60 s.
    pub message_timeout: Duration,
    /// Frames of one incoming message (RFC 6455 §5.4). Past it the connection closes with 1008. Default:
    /// 1024.
    pub max_fragments: usize,
    /// Pings and pongs that a peer may send in one second (RFC 6455 §5.5). Past it the connection closes
    /// with 1008. Default: 1000.
    pub max_control_rate: usize,
    /// Entries of one batch. Past it an incoming batch is answered as a whole with one −32600, and one of
    /// ours fails before it is sent ([`crate::Batch`]). Default: 256, which is what the peer's default takes.
    pub max_batch: usize,
    /// Calls and notifications of the peer that run at once. A handler that awaits a call of its own, or room
    /// for what it sends, is not running meanwhile. Further ones wait their turn, as many again; then calls
    /// are answered with −32005, and notifications are dropped. A task that a handler spawns is not the
    /// handler: awaiting a call that such a task makes keeps the slot. Default: 1024.
    pub max_in_flight: usize,
    /// Calls of the peer that are open in all: running, waiting their turn, and awaiting calls of their
    /// own. Past it −32005 at once. Default: 4096.
    pub max_open: usize,
    /// Calls and notifications of all peers of one server that run at once, at least 1. Further ones wait
    /// their turn on their own connection, as with [`Limits::max_in_flight`]; a slot that is free goes to the
    /// connections in turn, one call each. A handler that awaits a call of its own, or that its peer reads,
    /// holds none meanwhile. A client ignores it. Default: none.
    pub max_in_flight_total: Option<usize>,
    /// Calls of all peers of one server that are open in all. Past it −32005 at once. A client ignores it.
    /// Default: none.
    pub max_open_total: Option<usize>,
    /// Bytes of params and ids held for calls that wait their turn. Past it −32005. Default: 4 MiB.
    pub max_parked_bytes: usize,
    /// Bytes queued for the peer, with 64 more for each message. Past it `call` and `notify` wait, and a
    /// broadcast does what [`WhenFull`] says; while moreover the peer does not read, no new handler starts,
    /// and past twice as much running ones are paused. It also bounds, each for itself, the replies that
    /// batches hold while they wait for others (past it requests in batches are answered with −32005, those
    /// that run already with −32603), and the pongs and error replies that were made since the peer last read
    /// (past it nothing more is read). Default: 4 MiB.
    pub max_queued_bytes: usize,
    /// How long a peer may read nothing while something waits for it. Past it the connection closes with
    /// 1013, after which a client that reconnects comes back. Default: 30 s.
    pub write_stall: Duration,
    /// How long a close may take, from when it was asked for: what is queued goes out, the peer's half of the
    /// closing handshake comes (RFC 6455 §7.1.1), and the stream ends. Past it the connection ends as it is.
    /// Default: 5 s.
    pub close_timeout: Duration,
    /// How long the opening handshake may take, from the TCP connection to the WebSocket. Past it the TCP
    /// connection ends. Mounted in another HTTP server, it bounds `authorize` alone, and past it comes HTTP
    /// 503. Default: 10 s.
    pub handshake_timeout: Duration,
    /// Bytes of the opening handshake's header, at a server with a listener of its own; at least 8 KiB. Past
    /// it HTTP 431. Default: 16 KiB.
    pub max_header_bytes: usize,
    /// Opening handshakes under way at a server with a listener of its own. Past it new TCP connections
    /// wait in the system's backlog. At least 1. Default: 4096.
    pub max_handshakes: usize,
    /// Connections of one server, with those that `authorize` decides on. Past it HTTP 503 before the
    /// upgrade. Default: 10 000.
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
            max_in_flight: 1024,
            max_open: 4096,
            max_in_flight_total: None,
            max_open_total: None,
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

/// When to ask a silent peer whether it lives (RFC 6455 §5.5.2). Any message or control frame that has come
/// is life; of one that is half here, 1 KiB within [`Keepalive::timeout`] is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Keepalive {
    /// A ping goes out after so long without a sign of life from the peer; `None` turns keepalive off.
    /// Default: 20 s, since proxies cut idle connections after 60.
    pub interval: Option<Duration>,
    /// The connection is lost after so much longer. Default: 20 s.
    ///
    /// It is also the time in which a peer that is in the middle of a message has to send at least 1 KiB of
    /// it, or its end: fewer bytes are no sign of life.
    pub timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { interval: Some(Duration::from_secs(20)), timeout: Duration::from_secs(20) }
    }
}

impl Keepalive {
    /// No pings; a lost peer is noticed only when something is written to it.
    #[must_use]
    pub fn off() -> Self {
        Self { interval: None, ..Self::default() }
    }

    /// A ping after `interval` of silence, lost after `timeout` more.
    #[must_use]
    pub fn every(interval: Duration, timeout: Duration) -> Self {
        Self { interval: Some(interval), timeout }
    }
}
